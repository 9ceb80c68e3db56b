/**
 * Which streams this worker's service has, by looks one after another. A worker may ask another service than the rest of its
 * fleet (a wrong region or endpoint), so what it does not find is a reason to leave leases to others, never to end them.
 */
import { KinesisServiceError } from '@millrace/client'
import { parseStreamArn } from '@millrace/protocol'
import { type Clock, sleep } from '@millrace/std'
import { parseLeaseKey } from '../leases/lease-key.ts'
import type { Lease } from '../leases/lease.ts'
import type { StreamService } from '../service.ts'
import type { StreamInput } from '../stream-names.ts'
import type { StreamOfLeases } from './lineage.ts'

export interface StreamPresenceOptions {
  readonly service: Pick<StreamService, 'describeStreamSummary'>
  /** How calls name a stream of leases. */
  readonly inputOf: (stream: string) => StreamInput
  readonly clock: Clock
  /** A look said something else than the one before, or the last that it takes to believe it. */
  readonly onChange?: (() => void) | undefined
}

export interface FoundStream extends StreamOfLeases {
  /** Whose it is; absent: the service does not say. */
  readonly account: string | undefined
}

interface Seen {
  /** Absent: there is no such stream. */
  readonly createdAtSecond: number | undefined
  /** One after another, `ABSENT_LOOK_MS` apart, that said the same; and when the last of them was. */
  readonly looks: number
  readonly atMs: number
}

/** One look may be answered by a service that is just starting, or by a proxy. */
export const ABSENT_LOOKS = 3
/** Between two of them. */
export const ABSENT_LOOK_MS = 2_000
const HOUR_MS = 3_600_000

export class StreamPresence {
  readonly #options: StreamPresenceOptions
  readonly #seen = new Map<string, Seen>()
  /** When the streams of a name were made that this process has found, by the name. */
  readonly #found = new Map<string, Set<number>>()
  readonly #retentionMs = new Map<string, number>()

  constructor(options: StreamPresenceOptions) {
    this.#options = options
  }

  /** `undefined`: there is none. Rejects as the client does with everything else. */
  async look(stream: string, signal: AbortSignal): Promise<FoundStream | undefined> {
    const found = await this.#describe(stream, signal)
    const createdAtSecond = found?.createdAtSecond
    if (createdAtSecond !== undefined) this.#noteFound(stream, createdAtSecond)
    const atMs = this.#options.clock.monotonic()
    const before = this.#seen.get(stream)
    const isSame = before !== undefined && before.createdAtSecond === createdAtSecond
    if (!isSame || !this.#isFresh(before)) {
      const looks = isSame ? before.looks + 1 : 1
      this.#seen.set(stream, { createdAtSecond, looks, atMs })
      if (looks === 1 || looks === ABSENT_LOOKS) this.#options.onChange?.()
    }
    return found
  }

  /** Looks as often as it takes to say whether the lease's stream is there. Rejects as `look`. */
  async confirm(lease: Lease, signal: AbortSignal): Promise<'there' | 'absent'> {
    for (;;) {
      const seen = this.#seen.get(lease.stream)
      // Many shards of one stream ask at once.
      if (seen === undefined || !this.#isFresh(seen)) await this.look(lease.stream, signal)
      if (this.isAbsent(lease)) return 'absent'
      if (this.isThere(lease)) return 'there'
      await sleep(this.#options.clock, ABSENT_LOOK_MS, signal)
    }
  }

  /** By the last look. A lease whose key does not tell the age of its stream is of any stream of the name. */
  isThere({ stream, key }: Lease): boolean {
    const found = this.#seen.get(stream)?.createdAtSecond
    return found !== undefined && (parseLeaseKey(key)?.createdAtSecond ?? found) === found
  }

  /** By any look of this process. */
  wasThere({ stream, key }: Lease): boolean {
    const found = this.#found.get(stream)
    const createdAtSecond = parseLeaseKey(key)?.createdAtSecond
    return found !== undefined && (createdAtSecond === undefined || found.has(createdAtSecond))
  }

  /** The last looks agree: there is no such stream, or one of another age. */
  isAbsent(lease: Lease): boolean {
    return this.looks(lease.stream) >= ABSENT_LOOKS && !this.isThere(lease)
  }

  /**
   * Absent, and no younger than what is there: a stream that was deleted. Not where this process has never found one of the name:
   * its region or endpoint may be wrong.
   */
  wasDeleted(lease: Lease): boolean {
    const { createdAtSecond = Infinity } = this.#seen.get(lease.stream) ?? {}
    return (
      this.#found.has(lease.stream) &&
      this.isAbsent(lease) &&
      (parseLeaseKey(lease.key)?.createdAtSecond ?? Infinity) < createdAtSecond
    )
  }

  /** By the last look. */
  isFound(stream: string): boolean {
    return this.#seen.get(stream)?.createdAtSecond !== undefined
  }

  /** By the last look that found it, ms. `undefined`: none has. */
  retentionMs(stream: string): number | undefined {
    return this.#retentionMs.get(stream)
  }

  /** How many looks one after another said of the stream what the last one said. */
  looks(stream: string): number {
    return this.#seen.get(stream)?.looks ?? 0
  }

  #noteFound(stream: string, createdAtSecond: number): void {
    const found = this.#found.get(stream)
    if (found === undefined) this.#found.set(stream, new Set([createdAtSecond]))
    else found.add(createdAtSecond)
  }

  #isFresh({ atMs }: Seen): boolean {
    return this.#options.clock.monotonic() - atMs < ABSENT_LOOK_MS
  }

  async #describe(stream: string, signal: AbortSignal): Promise<FoundStream | undefined> {
    try {
      const { service, inputOf } = this.#options
      const { StreamDescriptionSummary } = await service.describeStreamSummary(inputOf(stream), { signal })
      const { StreamCreationTimestamp, StreamARN, RetentionPeriodHours } = StreamDescriptionSummary
      // Emulators leave it out.
      if (RetentionPeriodHours > 0) this.#retentionMs.set(stream, RetentionPeriodHours * HOUR_MS)
      const account = parseStreamArn(StreamARN)?.account
      return { stream, account, createdAtSecond: Math.floor(StreamCreationTimestamp / 1000) }
    } catch (error) {
      if (error instanceof KinesisServiceError && error.type === 'ResourceNotFoundException') return undefined
      throw error
    }
  }
}
