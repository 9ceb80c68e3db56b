/**
 * Reads ahead of the processor, so that reading and processing overlap, within bounds: at a bound nothing is asked of the
 * reader until something was taken. One answer of the reader (10 MiB at most) may stand above a bound.
 */
import type { ChildShard } from '@millrace/protocol'
import { type Deferred, deferred, untilAborted } from '@millrace/std'
import type { ReadBatch, ShardReader } from '../retrieval/shard-reader.ts'
import type { OpenedRecord, OpenRecords } from './invalid-record.ts'
import type { ReadAheadRoom } from './read-ahead-room.ts'

/** What waits for the processor beside what it has in hand. */
export interface PrefetchBounds {
  /** Of the data. Default: 8 MiB. */
  readonly bytesMax?: number | undefined
  /** As the producer put them. Default: 10,000. */
  readonly recordsMax?: number | undefined
  /** Answers of the reader. Default: 2. */
  readonly batchesMax?: number | undefined
  /**
   * Of the data, in all shards of a worker together, with what is in hand and on offer: beyond it each shard holds one answer. Default:
   * 256 MiB.
   */
  readonly workerBytesMax?: number | undefined
}

export interface Prefetched<Value> {
  readonly records: readonly OpenedRecord<Value>[]
  readonly millisBehindLatest: number
  readonly bytes: number
  /** The shard's end lies behind these records. */
  readonly isEnd: boolean
  readonly children: readonly ChildShard[]
}

export interface PrefetcherOptions<Value> {
  readonly reader: ShardReader
  readonly open: OpenRecords<Value>
  readonly bounds: PrefetchBounds
  /** Of the worker; absent: the shard is alone. */
  readonly room?: ReadAheadRoom | undefined
  /** Answers without records are passed on too, while nothing else waits. */
  readonly isKeepingEmpty: boolean
  readonly onRead: (batch: ReadBatch, bytes: number) => void
  /** Ends the reading. */
  readonly signal: AbortSignal
}

export class Prefetcher<Value> {
  readonly #options: PrefetcherOptions<Value>
  readonly #bounds: Required<{ [Name in keyof Omit<PrefetchBounds, 'workerBytesMax'>]: number }>
  readonly #waiting: Prefetched<Value>[] = []
  #bytes = 0
  /** Of what was taken last, until it is done with. */
  #bytesInHand = 0
  #records = 0
  #failure: { readonly error: unknown } | undefined
  /** Whoever waits: the reading for room, or the taking for something to take. Never both. */
  #changed: Deferred<void> | undefined
  #reading: Promise<void> | undefined

  constructor(options: PrefetcherOptions<Value>) {
    const { bytesMax = 8 * 1024 * 1024, recordsMax = 10_000, batchesMax = 2 } = options.bounds
    this.#options = options
    this.#bounds = { bytesMax, recordsMax, batchesMax }
  }

  begin(): void {
    this.#reading ??= this.#read()
  }

  /**
   * What comes next in the shard's order; what was taken before must be done with. Rejects with what the reader, or the opening of
   * its records, failed with, when everything before it was taken.
   */
  async take(): Promise<Prefetched<Value>> {
    for (;;) {
      this.#options.signal.throwIfAborted()
      const next = this.#waiting.shift()
      if (next !== undefined) {
        this.#bytes -= next.bytes
        this.#bytesInHand = next.bytes
        this.#records -= next.records.length
        this.#wake()
        return next
      }
      if (this.#failure !== undefined) throw this.#failure.error
      await this.#change()
    }
  }

  /** What was taken last is delivered to its end: only then is there room for something else. */
  done(): void {
    this.#options.room?.give(this.#bytesInHand)
    this.#bytesInHand = 0
    this.#wake()
  }

  /** Resolves when the reader is let go of. The signal must have been aborted. */
  async ended(): Promise<void> {
    await this.#reading
    this.#options.room?.forget(this.#wake)
    this.#options.room?.give(this.#bytes + this.#bytesInHand)
    this.#bytes = 0
    this.#bytesInHand = 0
    await this.#options.reader[Symbol.asyncDispose]()
  }

  async #read(): Promise<void> {
    const { reader, signal } = this.#options
    try {
      for (let isEnd = false; !isEnd;) {
        while (this.#isFull) {
          this.#options.room?.awaitRoom(this.#wake)
          await this.#change()
        }
        signal.throwIfAborted()
        const batch = await reader.next(signal)
        await this.#keep(batch)
        isEnd = batch.isEnd
      }
    } catch (error) {
      this.#failure = { error }
      this.#wake()
    }
  }

  async #keep(batch: ReadBatch): Promise<void> {
    const bytes = batch.records.reduce((sum, record) => sum + record.Data.byteLength, 0)
    this.#options.onRead(batch, bytes)
    const opening = this.#options.open(batch)
    // Nothing that a schema does not return from holds up an end.
    const records = opening instanceof Promise ? await untilAborted(opening, this.#options.signal) : opening
    const isKept = this.#options.isKeepingEmpty && this.#waiting.length === 0
    if (records.length === 0 && !batch.isEnd && !isKept) return
    const { millisBehindLatest, isEnd, children } = batch
    this.#waiting.push({ records, millisBehindLatest, bytes, isEnd, children })
    this.#bytes += bytes
    this.#options.room?.take(bytes)
    this.#records += records.length
    this.#wake()
  }

  get #isFull(): boolean {
    const { bytesMax, recordsMax, batchesMax } = this.#bounds
    const waiting = this.#waiting.length
    if (waiting > 0 && (waiting >= batchesMax || this.#bytes >= bytesMax || this.#records >= recordsMax)) return true
    // Who holds nothing reads, or it would wait for those that hold something.
    return this.#bytes + this.#bytesInHand > 0 && this.#options.room?.isFull === true
  }

  #change(): Promise<void> {
    this.#changed ??= deferred()
    return untilAborted(this.#changed.promise, this.#options.signal)
  }

  readonly #wake = (): void => {
    this.#changed?.resolve()
    this.#changed = undefined
  }
}
