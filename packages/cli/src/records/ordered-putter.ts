/**
 * Writes records with PutRecords in the order of their keys, as fast as the endpoint takes them.
 *
 * The hash key space is cut into lanes (hash-lanes.ts); each lane has one request in flight and sends what has
 * gathered meanwhile, so batches grow with the load and nothing lingers. Entries that were refused for now are sent
 * again first, in their order, before anything newer of the lane. A lane that was throttled paces itself from then
 * on.
 *
 * Invariant: no record is sent while an earlier one of its key is unanswered in another request. Within one request
 * the service may refuse a record and take a later one of the same key (its bucket had room for a smaller one): that
 * is counted in `misordered`, and `strictOrder` prevents it by sending a key once per request.
 */
import { PUT_RECORDS_MAX, PutRecords, type PutRecordsEntry, type PutRecordsResult } from '@millrace/protocol'
import { type Clock, type Deferred, deferred, type Random } from '@millrace/std'
import { CommandError } from '../exit-code.ts'
import type { Kinesis } from '../kinesis.ts'
import { Patience } from '../patience.ts'
import { laneOf, laneStarts } from './hash-lanes.ts'
import { LanePace } from './lane-pace.ts'
import { SettledPrefix } from './settled-prefix.ts'

export interface PutEntry {
  /** Position in the input, from 1, without gaps. */
  readonly number: number
  readonly data: Uint8Array
  readonly partitionKey: string
  /** Where `partitionKey` lies. */
  readonly hashKey: bigint
}

export interface PutTotals {
  readonly records: number
  readonly bytes: number
  /** Records refused for good. */
  readonly failed: number
  /** Entries sent again after a refusal. */
  readonly retried: number
  /** Records stored before an earlier one of their key, which had been refused in the same request. */
  readonly misordered: number
}

export interface OrderedPutterOptions {
  readonly kinesis: Kinesis
  readonly stream: string
  /** Starting hash keys of the open shards. */
  readonly shardStarts: readonly bigint[]
  readonly clock: Clock
  readonly random: Random
  /** Records of the input that are passed over: the first entry has the number after it. */
  readonly skipped?: number
  readonly strictOrder?: boolean
  readonly patienceMs?: number
  readonly onStored?: (entry: PutEntry, shardId: string, sequenceNumber: string) => void
  readonly onFailed?: (entry: PutEntry, code: string, message: string) => void
  /** A request or entries were refused and are tried again. */
  readonly onTrouble?: (code: string) => void
}

/** AWS: entries of one PutRecords call. */
const BATCH_RECORDS_MAX = PUT_RECORDS_MAX
/** Half a second of a shard's 1 MiB: a whole batch has a chance to be taken. A larger record goes alone. */
const BATCH_BYTES_MAX = 512 * 1024
/** What all lanes hold together before `offer` asks to wait. */
const QUEUE_BYTES_MAX = 32 * 1024 * 1024
/** What one lane holds: enough for the next batches, so that a slow lane does not hide much unsent input. */
const LANE_RECORDS_MAX = 4 * BATCH_RECORDS_MAX

const retryableEntryCodes: ReadonlySet<string> = new Set([
  'InternalFailure',
  'InternalFailureException',
  'KMSThrottlingException',
  'ProvisionedThroughputExceededException',
  'ServiceUnavailable',
  'ThrottlingException',
])

interface Lane {
  /** Refused entries first, then what has not been sent; in input order. */
  queue: PutEntry[]
  running: boolean
  readonly patience: Patience
  readonly pace: LanePace
}

export class OrderedPutter {
  readonly #options: OrderedPutterOptions
  readonly #starts: readonly bigint[]
  readonly #lanes: readonly Lane[]
  readonly #settled: SettledPrefix
  readonly #stopping = new AbortController()
  #queuedBytes = 0
  #runningLanes = 0
  #failure: unknown
  #room: Deferred<void> | undefined
  #idle: Deferred<void> | undefined
  #totals = { records: 0, bytes: 0, failed: 0, retried: 0, misordered: 0 }

  constructor(options: OrderedPutterOptions) {
    this.#options = options
    this.#starts = laneStarts(options.shardStarts)
    const shardsPerLane = Math.max(1, options.shardStarts.length / this.#starts.length)
    this.#settled = new SettledPrefix(options.skipped ?? 0)
    const { clock, random, patienceMs, onTrouble } = options
    this.#lanes = this.#starts.map(() => ({
      queue: [],
      running: false,
      patience: new Patience({
        clock,
        random,
        ...(patienceMs === undefined ? {} : { patienceMs }),
        onTrouble: (error) => onTrouble?.(codeOf(error)),
      }),
      pace: new LanePace(clock, shardsPerLane),
    }))
  }

  get totals(): PutTotals {
    return this.#totals
  }

  /** All input up to this number is stored or refused for good: where a later run can go on. */
  get settledThrough(): number {
    return this.#settled.end
  }

  /**
   * Takes a record. A promise means: wait for it before the next one. It rejects, and so does `finish`, with the
   * error that ended the run.
   */
  offer(entry: PutEntry): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure as Error)
    const lane = this.#lanes[laneOf(this.#starts, entry.hashKey)]
    if (lane === undefined) throw new Error(`no lane for hash key ${entry.hashKey}`)
    lane.queue.push(entry)
    this.#queuedBytes += sizeOf(entry)
    if (!lane.running) {
      lane.running = true
      this.#runningLanes++
      void this.#run(lane)
    }
    if (lane.queue.length < LANE_RECORDS_MAX && this.#queuedBytes < QUEUE_BYTES_MAX) return undefined
    this.#room ??= deferred()
    return this.#room.promise
  }

  /** Resolves when everything offered is stored or refused for good. */
  async finish(): Promise<void> {
    while (this.#runningLanes > 0) {
      this.#idle ??= deferred()
      await this.#idle.promise
    }
    if (this.#failure !== undefined) throw this.#failure as Error
  }

  async #run(lane: Lane): Promise<void> {
    try {
      // Let the reader offer the rest of its chunk first: the first batch need not be a single record.
      await new Promise<void>((resolve) => void setImmediate(resolve))
      while (lane.queue.length > 0 && this.#failure === undefined) await this.#sendBatch(lane)
    } catch (error) {
      this.#failure ??= error
      this.#stopping.abort(error)
    }
    lane.running = false
    this.#runningLanes--
    this.#wake()
  }

  #wake(): void {
    this.#idle?.resolve()
    this.#idle = undefined
    if (this.#room === undefined) return
    if (this.#failure !== undefined) this.#room.reject(this.#failure)
    else if (this.#queuedBytes < QUEUE_BYTES_MAX && this.#lanes.every((lane) => lane.queue.length < LANE_RECORDS_MAX)) {
      this.#room.resolve()
    } else return
    this.#room = undefined
  }

  async #sendBatch(lane: Lane): Promise<void> {
    const { kinesis, stream } = this.#options
    const batch = this.#nextBatch(lane.queue)
    const bytes = batch.reduce((sum, entry) => sum + sizeOf(entry), 0)
    await lane.pace.wait(batch.length, bytes, this.#stopping.signal)
    const records = batch.map((entry) => ({ PartitionKey: entry.partitionKey, Data: entry.data }))
    const output = await lane.patience.run(async () => {
      try {
        return await kinesis.send(PutRecords, { StreamName: stream, Records: records satisfies PutRecordsEntry[] })
      } catch (error) {
        this.#options.onTrouble?.(codeOf(error))
        throw error
      }
    }, this.#stopping.signal)
    const refused = this.#settle(batch, output.Records)
    lane.queue = [...refused.map(({ entry }) => entry), ...lane.queue.slice(batch.length)]
    const first = refused[0]
    if (first === undefined) lane.pace.accepted()
    else {
      this.#totals.retried += refused.length
      if (first.code.endsWith('ThroughputExceededException')) lane.pace.refused()
      this.#options.onTrouble?.(first.code)
    }
    this.#wake()
    // Some got through: the shard is working, the pace says when to go on. Nothing did: wait, up to the patience.
    if (refused.length < batch.length) lane.patience.reset()
    else if (first !== undefined)
      await lane.patience.wait(refusalError(first, this.#totals.records), this.#stopping.signal)
  }

  #nextBatch(queue: readonly PutEntry[]): readonly PutEntry[] {
    const keys = new Set<string>()
    let bytes = 0
    let count = 0
    for (const entry of queue) {
      bytes += sizeOf(entry)
      if (count === BATCH_RECORDS_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break
      if (this.#options.strictOrder === true) {
        if (keys.has(entry.partitionKey)) break
        keys.add(entry.partitionKey)
      }
      count++
    }
    return queue.slice(0, count)
  }

  /** Books what was answered; gives back what must be sent again, in order. */
  #settle(
    batch: readonly PutEntry[],
    results: readonly PutRecordsResult[],
  ): readonly { readonly entry: PutEntry; readonly code: string; readonly message: string }[] {
    const refused: { entry: PutEntry; code: string; message: string }[] = []
    const refusedKeys = new Set<string>()
    for (const [i, entry] of batch.entries()) {
      const { ErrorCode, ErrorMessage = '', SequenceNumber = '', ShardId = '' } = results[i] ?? {}
      if (ErrorCode !== undefined && retryableEntryCodes.has(ErrorCode)) {
        refused.push({ entry, code: ErrorCode, message: ErrorMessage })
        refusedKeys.add(entry.partitionKey)
        continue
      }
      this.#settled.settle(entry.number)
      this.#queuedBytes -= sizeOf(entry)
      if (ErrorCode === undefined) {
        this.#totals.records++
        this.#totals.bytes += entry.data.length
        if (refusedKeys.has(entry.partitionKey)) this.#totals.misordered++
        this.#options.onStored?.(entry, ShardId, SequenceNumber)
      } else {
        this.#totals.failed++
        this.#options.onFailed?.(entry, ErrorCode, ErrorMessage)
      }
    }
    return refused
  }
}

function sizeOf(entry: PutEntry): number {
  // As the service counts: data and key. Keys are short, their UTF-16 length is near enough for batching.
  return entry.data.length + entry.partitionKey.length
}

function codeOf(error: unknown): string {
  if (error instanceof CommandError) return error.failure.code
  if (error instanceof Error && 'type' in error) return String(error.type)
  return error instanceof Error && 'code' in error ? String(error.code) : 'error'
}

/** Not one entry of a batch was taken: what the run ends with when that goes on. */
function refusalError(refusal: { readonly code: string; readonly message: string }, stored: number): Error {
  const throttled = refusal.code.includes('Throughput') || refusal.code.includes('Throttling')
  const error = new CommandError({
    ending: stored > 0 ? 'partly' : throttled ? 'throttled' : 'failed',
    code: refusal.code,
    message: `the stream goes on refusing records: ${refusal.message || refusal.code}`,
    ...(throttled ? { hint: 'give the stream more shards: millrace shard split' } : {}),
  })
  return Object.assign(error, { retryable: true })
}
