/**
 * Keeps the leases of an application in step with the shards of its streams: makes those that are missing, takes away
 * those that are done with, and looks for holes in the key space. One worker of the fleet does it, the first by name; two
 * that both think so do no harm.
 */
import { KinesisServiceError } from '@millrace/client'
import type { Shard } from '@millrace/protocol'
import { backoffMs, type Clock, type Logger, type Random, sleep } from '@millrace/std'
import { isShardEnd, SHARD_END } from '../extended-sequence-number.ts'
import { parseLeaseKey } from '../leases/lease-key.ts'
import type { LeaseTable } from '../leases/lease-table.ts'
import { LEASES_PER_CALL_MAX, type LeaseStore } from '../leases/lease-store.ts'
import type { Lease } from '../leases/lease.ts'
import type { StreamService } from '../service.ts'
import {
  disposableLeases,
  type InitialPosition,
  type KeyRange,
  keySpaceHoles,
  missingLeases,
  type StreamOfLeases,
} from './lineage.ts'

export interface ShardSyncOptions {
  readonly worker: string
  readonly service: StreamService
  readonly store: LeaseStore
  readonly table: LeaseTable
  /** The streams' names, asked for at each round. */
  readonly streams: () => readonly string[] | Promise<readonly string[]>
  readonly initial: InitialPosition
  /** Between two rounds, ms. */
  readonly intervalMs: number
  /** Has the whole table read again before the next round: what children have checkpointed is no news. */
  readonly refresh: () => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** A stream is not there (any more). Its leases are brought to their ends. */
  readonly onStreamGone?: ((stream: string) => void) | undefined
  /** Found in `HOLE_ROUNDS` rounds one after another: nobody would process these keys. */
  readonly onHoles?: ((stream: string, holes: readonly KeyRange[]) => void) | undefined
}

/** A shard that is just being split has a hole for a moment. The KCL's number. */
const HOLE_ROUNDS = 3
/** Until a stream has leases, rounds follow quickly: nothing is processed without. */
const FIRST_INTERVAL_MS = 500
const RETRY = { baseMs: 200, maxMs: 10_000 }

export class ShardSync {
  readonly #options: ShardSyncOptions
  readonly #holeRounds = new Map<string, number>()
  readonly #gone = new Set<string>()

  constructor(options: ShardSyncOptions) {
    this.#options = options
  }

  /** Until the signal is aborted. Rejects for nothing that passes. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger, intervalMs } = this.#options
    for (let failures = 0; !signal.aborted;) {
      let waitMs = FIRST_INTERVAL_MS
      if (this.#isOurs()) {
        try {
          const isAllThere = await this.round(signal)
          failures = 0
          if (isAllThere) waitMs = intervalMs
        } catch (error) {
          if (signal.aborted) return
          logger.warn('the shards could not be listed', {
            error: error instanceof Error ? error.message : String(error),
          })
          waitMs = backoffMs(failures++, RETRY, random)
        }
      }
      await sleep(clock, waitMs, signal).catch(() => undefined)
    }
  }

  /** One round over all streams. Says whether each had what it needs before. */
  async round(signal: AbortSignal): Promise<boolean> {
    this.#options.refresh()
    const streams = await this.#options.streams()
    let isAllThere = true
    for (const stream of streams) if (!(await this.#syncStream(stream, signal))) isAllThere = false
    return isAllThere
  }

  #isOurs(): boolean {
    const { table, worker } = this.#options
    return table.isLive(worker) && table.workers.every((other) => other.capacity === 0 || other.worker >= worker)
  }

  async #syncStream(name: string, signal: AbortSignal): Promise<boolean> {
    const { store, initial } = this.#options
    const found = await this.#describe(name, signal)
    if (found === undefined) {
      await this.#retire((lease) => lease.stream === name, signal)
      return true
    }
    const { stream, shards } = found
    await this.#retire((lease) => {
      const parts = parseLeaseKey(lease.key)
      return lease.stream === name && parts !== undefined && parts.createdAtSecond < stream.createdAtSecond
    }, signal)
    const leases = this.#leasesOf(stream)
    const missing = missingLeases(stream, shards, leases, initial)
    for (const some of inCalls(missing)) await store.create(some, signal)
    const disposable = disposableLeases(leases, stream)
    for (const some of inCalls(disposable)) await store.remove(some, signal)
    if (missing.length === 0) this.#audit(name, leases)
    return missing.length === 0
  }

  async #describe(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly stream: StreamOfLeases; readonly shards: readonly Shard[] } | undefined> {
    const { service, onStreamGone } = this.#options
    try {
      const { StreamDescriptionSummary } = await service.describeStreamSummary({ StreamName: name }, { signal })
      const createdAtSecond = Math.floor(StreamDescriptionSummary.StreamCreationTimestamp / 1000)
      const shards: Shard[] = []
      for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
        const input = token === undefined ? { StreamName: name } : { NextToken: token }
        const page = await service.listShards(input, { signal })
        shards.push(...(page.Shards ?? []))
        token = page.NextToken
      }
      this.#gone.delete(name)
      return { stream: { stream: name, createdAtSecond }, shards }
    } catch (error) {
      if (!(error instanceof KinesisServiceError) || error.type !== 'ResourceNotFoundException') throw error
      if (!this.#gone.has(name)) onStreamGone?.(name)
      this.#gone.add(name)
      return undefined
    }
  }

  /** Leases of what is not there any more: to their ends, whoever holds them, and away. */
  async #retire(isGone: (lease: Lease) => boolean, signal: AbortSignal): Promise<void> {
    const { store, table } = this.#options
    const gone = [...table.leases()].filter(isGone)
    const ended = gone.filter(({ checkpoint }) => isShardEnd(checkpoint))
    for (const some of inCalls(ended)) await store.remove(some, signal)
    const updates = gone
      .filter((lease) => !ended.includes(lease))
      .map(({ key, epoch }) => ({
        key,
        epoch,
        change: { checkpoint: SHARD_END, pending: undefined, owner: undefined, heir: undefined, epoch: epoch + 1 },
      }))
    for (const some of inCalls(updates)) await store.update(some, signal)
  }

  #leasesOf({ stream, createdAtSecond }: StreamOfLeases): ReadonlyMap<string, Lease> {
    const leases = [...this.#options.table.leases()].filter(({ key }) => {
      const parts = parseLeaseKey(key)
      return parts?.stream === stream && parts.createdAtSecond === createdAtSecond
    })
    return new Map(leases.map((lease) => [lease.key, lease]))
  }

  #audit(stream: string, leases: ReadonlyMap<string, Lease>): void {
    const holes = keySpaceHoles(leases.values())
    const rounds = holes.length === 0 ? 0 : (this.#holeRounds.get(stream) ?? 0) + 1
    this.#holeRounds.set(stream, rounds)
    if (rounds < HOLE_ROUNDS) return
    this.#options.logger.error('no lease has some hash keys of a stream', { stream, holes: holes.length })
    this.#options.onHoles?.(stream, holes)
  }
}

function* inCalls<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += LEASES_PER_CALL_MAX) yield items.slice(at, at + LEASES_PER_CALL_MAX)
}
