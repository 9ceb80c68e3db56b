/**
 * Reads one shard by GetRecords, politely: paced while there is a backlog, at the tip ever more slowly while nothing
 * comes, and by a fair share where other applications read it, too. Iterators that expired are renewed behind the last record; before one was seen, where reading began, so that nothing
 * is passed over.
 */
import { GET_RECORDS_MAX, type GetRecordsOutput, type GetShardIteratorInput } from '@millrace/protocol'
import { sleep, withAnySignal } from '@millrace/std'
import { unlessTooEarly, untilBeginTime } from './begin-time.ts'
import { failureType, ReadTrouble, Troubles } from './read-failure.ts'
import { ReadPace, type ReadPaceOptions } from './read-pace.ts'
import type { ReadCall, ReaderContext } from './reader-context.ts'
import { isFamily, listChildren } from './shard-end.ts'
import { inputOf, type ReadBatch, type ShardReader, type ShardToRead } from './shard-reader.ts'
import { Watchdog, type WatchdogLimits } from './watchdog.ts'

export interface PollingOptions extends ReadPaceOptions {
  /** Between two reads of a shard whose last read gave records and reached the tip, ms. Default 250; on AWS 1,000. */
  readonly pollIntervalMs?: number
  /** What the interval grows to, twofold with each read that gave nothing, ms. Default 1,000, or `pollIntervalMs` where that is more. */
  readonly pollIntervalMaxMs?: number
  /** Records of one read at most. Default: as many as the service gives, 10,000. */
  readonly recordsMax?: number
  /** Defaults: 30 s without an answer, 60 s for a batch, 60 s without demand. */
  readonly watchdog?: Partial<WatchdogLimits>
}

const POLL_INTERVAL_MS = 250
/** AWS gives five reads a second to all readers of a shard: as many applications can share it. */
const AWS_POLL_INTERVAL_MS = 1_000
const POLL_INTERVAL_MAX_MS = 1_000
const limits: WatchdogLimits = { silenceMs: 30_000, slowProcessorMs: 60_000, noDemandMs: 60_000 }

/** The same options. Throws a RangeError for those that make no pace. */
export function checkedPolling(options: PollingOptions): PollingOptions {
  const { recordsMax } = options
  for (const name of ['readsPerSecond', 'bytesPerSecond'] as const) {
    const rate = options[name]
    if (rate !== undefined && !(rate > 0)) throw new RangeError(`Expected ${name} above 0, found ${rate}.`)
  }
  for (const name of ['pollIntervalMs', 'pollIntervalMaxMs'] as const) {
    const interval = options[name]
    if (interval !== undefined && !(interval >= 0 && interval < Infinity))
      throw new RangeError(`Expected ${name} from 0 ms on, found ${interval}.`)
  }
  if (recordsMax !== undefined && !(Number.isInteger(recordsMax) && recordsMax >= 1 && recordsMax <= GET_RECORDS_MAX))
    throw new RangeError(`Expected recordsMax from 1 to ${GET_RECORDS_MAX}, found ${recordsMax}.`)
  return options
}

export class PollingReader implements ShardReader {
  readonly #context: ReaderContext
  readonly #shard: ShardToRead
  readonly #recordsMax: number | undefined
  readonly #pollIntervalMs: number
  readonly #pollIntervalMaxMs: number
  readonly #pace: ReadPace
  readonly #troubles: Troubles
  readonly #watchdog: Watchdog
  #iterator: string | undefined
  /** Since the last answer. */
  #isRenewed = false
  #lastSequenceNumber: string | undefined
  /** Monotonic: no read before. */
  #dueMs = -Infinity
  #idleMs: number
  /** Between the last read and the next, by its own wish: none while there is a backlog. */
  #restMs = 0
  #cut: ((reason: ReadTrouble) => void) | undefined

  /** `options`: checked ones. */
  constructor(shard: ShardToRead, context: ReaderContext, options: PollingOptions) {
    const { clock, isAws } = context
    this.#context = context
    this.#shard = shard
    this.#recordsMax = options.recordsMax
    this.#pollIntervalMs = options.pollIntervalMs ?? (isAws ? AWS_POLL_INTERVAL_MS : POLL_INTERVAL_MS)
    this.#pollIntervalMaxMs = Math.max(this.#pollIntervalMs, options.pollIntervalMaxMs ?? POLL_INTERVAL_MAX_MS)
    this.#idleMs = this.#pollIntervalMs
    this.#pace = new ReadPace(options, clock.monotonic(), context.random)
    this.#troubles = new Troubles({ ...shard, ...context })
    this.#watchdog = new Watchdog({
      ...context,
      shard,
      limits: { ...limits, ...options.watchdog },
      onCondition: (condition) => context.onCondition(shard, condition),
      onSilence: () =>
        this.#cut?.(new ReadTrouble(`${shard.shardId} of ${shard.stream}: no answer to GetRecords came.`)),
    })
  }

  async next(signal: AbortSignal): Promise<ReadBatch> {
    this.#watchdog.saw('asked')
    for (;;) {
      signal.throwIfAborted()
      try {
        await this.#due(signal)
        const batch = await this.#read(signal)
        this.#troubles.reset()
        this.#watchdog.saw(batch.records.length > 0 ? 'gave-records' : 'gave-nothing')
        return batch
      } catch (error) {
        signal.throwIfAborted()
        await this.#recover(error, signal)
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#watchdog[Symbol.dispose]()
    return Promise.resolve()
  }

  async #due(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context
    const nowMs = clock.monotonic()
    const delayMs = Math.max(this.#dueMs - nowMs, this.#pace.delayMs(nowMs))
    if (delayMs > 0) await sleep(clock, delayMs, signal)
  }

  async #read(signal: AbortSignal): Promise<ReadBatch> {
    const { clock, service } = this.#context
    const ShardIterator = (this.#iterator ??= await this.#openIterator(signal))
    this.#pace.began(clock.monotonic())
    const Limit = this.#recordsMax
    const { streamArn: StreamARN } = this.#shard
    const input = {
      ShardIterator,
      ...(Limit === undefined ? {} : { Limit }),
      ...(StreamARN === undefined ? {} : { StreamARN }),
    }
    const answer = await this.#answered('getRecords', signal, (within) =>
      service.getRecords(input, { signal: within, retry: 'unless-throttled' }),
    )
    this.#watchdog.saw(answer.Records.length > 0 ? 'records' : 'heartbeat')
    this.#watchdog.saw('closed')
    this.#isRenewed = false
    this.#iterator = answer.NextShardIterator
    this.#lastSequenceNumber = answer.Records.at(-1)?.SequenceNumber ?? this.#lastSequenceNumber
    this.#pace.read(answer.Records, clock.monotonic())
    this.#rest(answer)
    return this.#batchOf(answer, signal)
  }

  async #batchOf(
    { Records, MillisBehindLatest, NextShardIterator, ChildShards = [] }: GetRecordsOutput,
    signal: AbortSignal,
  ) {
    const { service } = this.#context
    const batch = { records: Records, millisBehindLatest: MillisBehindLatest ?? 0, isEnd: false, children: [] }
    if (NextShardIterator !== undefined) return batch
    if (isFamily(ChildShards)) return { ...batch, isEnd: true, children: ChildShards }
    // No end that can be: what was read is given, and behind it is asked again.
    if (Records.length > 0) return batch
    return { ...batch, isEnd: true, children: await listChildren(service, this.#shard, signal) }
  }

  /** One call, cut when its answer does not come. */
  async #answered<T>(name: ReadCall, signal: AbortSignal, call: (within: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, onCall } = this.#context
    const begin = clock.monotonic()
    const cut = new AbortController()
    this.#cut = (reason) => cut.abort(reason)
    this.#watchdog.saw('opened')
    try {
      const answer = await withAnySignal([signal, cut.signal], call)
      onCall(this.#shard, name, clock.monotonic() - begin)
      return answer
    } catch (cause) {
      const error: unknown = cut.signal.aborted ? cut.signal.reason : cause
      if (!signal.aborted) onCall(this.#shard, name, clock.monotonic() - begin, { error })
      throw error
    } finally {
      this.#cut = undefined
    }
  }

  /** At the tip there is nothing to gain by asking at once. */
  #rest({ Records, MillisBehindLatest }: GetRecordsOutput): void {
    const atTip = (MillisBehindLatest ?? 0) === 0
    if (Records.length > 0) this.#idleMs = this.#pollIntervalMs
    this.#restMs = atTip ? this.#idleMs : 0
    if (!atTip) {
      this.#dueMs = -Infinity
      return
    }
    this.#dueMs = this.#context.clock.monotonic() + this.#restMs
    if (Records.length === 0) this.#idleMs = Math.min(this.#pollIntervalMaxMs, Math.max(1, this.#idleMs) * 2)
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const type = failureType(error)
    const isIteratorsFault = type === 'ExpiredIteratorException' || type === 'InvalidArgumentException'
    if (isIteratorsFault && this.#iterator !== undefined) {
      this.#iterator = undefined
      // One that was just made and is refused again is no matter of age.
      if (!this.#isRenewed) {
        this.#isRenewed = true
        this.#watchdog.saw('closed')
        return
      }
    }
    if (!(error instanceof ReadTrouble)) this.#watchdog.saw('trouble')
    if (type === 'ProvisionedThroughputExceededException') {
      this.#troubles.tell(error, this.#place())
      this.#pace.throttled(this.#context.clock.monotonic(), this.#restMs)
    } else await this.#troubles.wait(this.#unlessTooEarly(error), this.#place(), signal)
  }

  #unlessTooEarly(error: unknown): unknown {
    return this.#lastSequenceNumber === undefined ? unlessTooEarly(error, this.#shard, this.#context) : error
  }

  async #openIterator(signal: AbortSignal): Promise<string> {
    const { service } = this.#context
    const { stream, shardId } = this.#shard
    if (this.#lastSequenceNumber === undefined) await untilBeginTime(this.#shard, this.#context, signal)
    const input = { ...inputOf(this.#shard), ShardId: shardId, ...this.#startOf() }
    const { ShardIterator } = await this.#answered('getShardIterator', signal, (within) =>
      service.getShardIterator(input, { signal: within }),
    )
    if (ShardIterator === undefined)
      throw new ReadTrouble(`Expected an iterator of ${shardId} of ${stream}, found none.`)
    this.#watchdog.saw('closed')
    return ShardIterator
  }

  #startOf(): Pick<GetShardIteratorInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'> {
    const { position } = this.#shard
    if (this.#lastSequenceNumber !== undefined)
      return { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: this.#lastSequenceNumber }
    switch (position.kind) {
      case 'trim-horizon':
        return { ShardIteratorType: 'TRIM_HORIZON' }
      case 'time':
        return { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: position.timeMs }
      case 'sequence':
        return {
          ShardIteratorType: position.isAfter ? 'AFTER_SEQUENCE_NUMBER' : 'AT_SEQUENCE_NUMBER',
          StartingSequenceNumber: position.sequenceNumber,
        }
    }
  }

  #place(): string {
    return this.#lastSequenceNumber === undefined ? 'at the start asked for' : `after ${this.#lastSequenceNumber}`
  }
}
