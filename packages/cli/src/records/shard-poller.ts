/**
 * Reads one shard by GetRecords, politely: at most four reads in a second while there is a backlog, one per poll
 * interval at the tip, since a shard gives five a second to all its readers together. Expired iterators are renewed
 * behind the last record that was seen.
 */
import { GetRecords, GetShardIterator, type GetShardIteratorInput } from '@millrace/protocol'
import { sleep, TokenBucket } from '@millrace/std'
import { CommandError } from '../exit-code.ts'
import type { ShardBatch, ShardSource, ShardSourceOptions } from './shard-source.ts'

export interface ShardPollerOptions extends ShardSourceOptions {
  readonly stream: string
  readonly pollIntervalMs: number
}

/** AWS: five reads per second and shard, shared by all readers. We leave one to others. */
const READS_PER_SECOND = 4

/**
 * A server that fails inside at one place of a shard again and again will not do better: stored data that is damaged
 * is refused like that. The client has tried each of these several times already.
 */
const READ_FAILURES_MAX = 5

export class ShardPoller implements ShardSource {
  readonly #options: ShardPollerOptions
  readonly #reads: TokenBucket
  #iterator: string | undefined
  #lastSequenceNumber: string | undefined
  #askedAtMs: number | undefined
  #atTip = false
  #failures = 0

  constructor(options: ShardPollerOptions) {
    this.#options = options
    this.#reads = new TokenBucket(READS_PER_SECOND, 1, options.clock.monotonic())
  }

  async open(): Promise<void> {
    const { kinesis, stream, shardId, signal } = this.#options
    const input = { StreamName: stream, ShardId: shardId, ...this.#startOf() }
    const { ShardIterator } = await kinesis.send(GetShardIterator, input, { signal })
    this.#iterator = ShardIterator
  }

  async due(): Promise<void> {
    const { clock, pollIntervalMs, signal } = this.#options
    if (this.#atTip) await sleep(clock, pollIntervalMs, signal)
    const debt = 1 - this.#reads.available(clock.monotonic())
    if (debt > 0) await sleep(clock, (debt * 1000) / READS_PER_SECOND, signal)
    this.#reads.charge(1, clock.monotonic())
  }

  async read(): Promise<ShardBatch> {
    const { kinesis, shardId, patience, clock, signal } = this.#options
    const output = await patience.run(async () => {
      if (this.#iterator === undefined) await this.open()
      try {
        const askedAtMs = clock.now()
        const answer = await kinesis.send(GetRecords, { ShardIterator: this.#iterator ?? '' }, { signal })
        this.#askedAtMs = askedAtMs
        return answer
      } catch (error) {
        if (isTyped(error, 'InternalFailure') && ++this.#failures >= READ_FAILURES_MAX) throw this.#unreadable(error)
        if (!isTyped(error, 'ExpiredIteratorException')) throw error
        await this.open()
        return kinesis.send(GetRecords, { ShardIterator: this.#iterator ?? '' }, { signal })
      }
    }, signal)
    this.#failures = 0
    this.#iterator = output.NextShardIterator
    this.#lastSequenceNumber = output.Records.at(-1)?.SequenceNumber ?? this.#lastSequenceNumber
    const millisBehindLatest = output.MillisBehindLatest ?? 0
    this.#atTip = millisBehindLatest === 0
    return {
      shardId,
      records: output.Records,
      millisBehindLatest,
      ended: output.NextShardIterator === undefined,
      children: output.ChildShards ?? [],
    }
  }

  close(): void {}

  #unreadable(cause: unknown): CommandError {
    const { stream, shardId } = this.#options
    const place =
      this.#lastSequenceNumber === undefined ? 'at the start asked for' : `after ${this.#lastSequenceNumber}`
    return new CommandError(
      {
        ending: 'failed',
        code: 'InternalFailure',
        message: `${shardId} of ${stream} cannot be read ${place}: the service failed inside, ${this.#failures} times`,
        hint: 'its log says why; for a data directory of yours, millrace check finds damage',
      },
      { cause },
    )
  }

  #startOf(): Pick<GetShardIteratorInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'> {
    const { position } = this.#options
    if (this.#lastSequenceNumber !== undefined) {
      return { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: this.#lastSequenceNumber }
    }
    switch (position.kind) {
      case 'trim-horizon':
        return { ShardIteratorType: 'TRIM_HORIZON' }
      case 'latest':
        // Renewed before a record was seen: from the last look on, so that none of the time between is missed.
        return this.#askedAtMs === undefined
          ? { ShardIteratorType: 'LATEST' }
          : { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: this.#askedAtMs }
      case 'time':
        return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: position.timeMs }
      case 'sequence':
        return {
          ShardIteratorType: position.after ? 'AFTER_SEQUENCE_NUMBER' : 'AT_SEQUENCE_NUMBER',
          StartingSequenceNumber: position.sequenceNumber,
        }
    }
  }
}

function isTyped(error: unknown, type: string): boolean {
  return error instanceof Error && 'type' in error && error.type === type
}
