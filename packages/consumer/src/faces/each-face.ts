/**
 * A handler for each record, many at a time in one shard: those of one key one after another, in order. A checkpoint goes only
 * as far as everything before it is done.
 */
import { type Deferred, deferred, type Linked, LinkedSet, untilAborted } from '@millrace/std'
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import { checkKind, checkNames, RUN_OPTIONS } from '../option-checks.ts'
import type { ConsumerRecord, ShardOfProcessor } from '../record-processor.ts'
import { checkPace, type CheckpointPace, CheckpointPacer } from '../shards/checkpoint-pacer.ts'
import type { Delivery } from '../shards/failure-handler.ts'
import type { ShardContext, ShardProcessor, ShardProcessorFactory } from '../shards/shard-processor.ts'
import { type InFlight, LowWatermark } from './low-watermark.ts'
import { Slots } from './slots.ts'

/** What it rejects with goes the way of the failure policy; other keys go on meanwhile. */
export type RecordHandler<Value = Uint8Array> = (
  record: ConsumerRecord<Value>,
  shard: ShardOfProcessor & { readonly lost: AbortSignal },
) => void | Promise<void>

export interface EachOptions<Value = Uint8Array> {
  /** Handlers that run at a time, in one shard. Default: 16. */
  readonly concurrency?: number | undefined
  /** Records of a shard in hand: under way, waiting, or done behind one that is not. Default: 1,000. */
  readonly inFlightMax?: number | undefined
  /**
   * Records of the same key are handled one after another. `undefined`: in no order. What it throws goes the way of the failure
   * policy, and holds up what is behind it. Default: the partition key.
   */
  readonly keyOf?: ((record: ConsumerRecord<Value>) => string | undefined) | undefined
  readonly checkpoint?: CheckpointPace | undefined
}

/** A TypeError for what is no handler, and for options that there are not; a RangeError for bounds below one. */
export function eachFace<Value>(
  handler: RecordHandler<Value>,
  options: EachOptions<Value> = {},
): ShardProcessorFactory<Value> {
  checkKind(typeof handler === 'function', 'a function for each record', handler)
  checkNames(options, ['concurrency', 'inFlightMax', 'keyOf', 'checkpoint', ...RUN_OPTIONS], 'each')
  const { concurrency = 16, inFlightMax = 1_000, checkpoint = {} } = options
  const { keyOf = ({ partitionKey }: ConsumerRecord<Value>) => partitionKey } = options
  checkKind(typeof keyOf === 'function', 'keyOf to be a function', keyOf)
  checkPace(checkpoint)
  for (const [name, value] of Object.entries({ concurrency, inFlightMax }))
    if (!(Number.isInteger(value) && value > 0))
      throw new RangeError(
        `Expected a whole number from 1 on for ${name}, found ${value}. Leave it out for the default.`,
      )
  return (context) => new EachProcessor(handler, { concurrency, inFlightMax, keyOf, checkpoint }, context)
}

interface Waiting<Value> {
  readonly record: ConsumerRecord<Value>
  readonly inFlight: InFlight
}

/** Records of one key, or one alone that has none, in order: the first is under way. */
class Lane<Value> implements Linked<Lane<Value>> {
  before: Lane<Value> | undefined
  after: Lane<Value> | undefined
  readonly key: string | undefined
  readonly waiting: Waiting<Value>[]
  running: Promise<void> | undefined

  constructor(key: string | undefined, first: Waiting<Value>) {
    this.key = key
    this.waiting = [first]
  }
}

type Resolved<Value> = { readonly [Name in keyof EachOptions<Value>]-?: Exclude<EachOptions<Value>[Name], undefined> }

class EachProcessor<Value> implements ShardProcessor<Value> {
  readonly #options: Resolved<Value>
  readonly #context: ShardContext
  readonly #pacer: CheckpointPacer
  readonly #slots: Slots
  readonly #delivery: Delivery<ConsumerRecord<Value>>
  readonly #watermark = new LowWatermark()
  /** Of each key that has records in hand. */
  readonly #lanes = new Map<string, Lane<Value>>()
  readonly #running = new LinkedSet<Lane<Value>>()
  #risen: Deferred<void> | undefined
  inHand: ExtendedSequenceNumber | undefined

  constructor(handler: RecordHandler<Value>, options: Resolved<Value>, context: ShardContext) {
    const { stream, shardId, lost, stopping } = context
    this.#options = options
    this.#context = context
    this.#pacer = new CheckpointPacer(context, options.checkpoint)
    this.#slots = new Slots(options.concurrency, stopping)
    const shard = { stream, shardId, lost }
    this.#delivery = {
      // A retry waits without a slot: a key that fails takes nothing from the others.
      attempt: async (records) => {
        for (const record of records) await this.#slots.in(() => context.process(records, () => handler(record, shard)))
      },
      remaining: (records) => records,
      passOver: () => {},
    }
  }

  async initialize(): Promise<void> {}

  async process(records: readonly ConsumerRecord<Value>[]): Promise<void> {
    for (const record of records) {
      while (this.#watermark.outstanding >= this.#options.inFlightMax) await this.#rise()
      try {
        this.#begin(record)
      } catch {
        await this.#insistOnKey(record)
      }
    }
  }

  passOver(place: ExtendedSequenceNumber): void {
    const inFlight = this.#watermark.add(place)
    this.inHand = inFlight.place
    this.#done(inFlight)
  }

  async shardEnded(): Promise<void> {
    while (this.#watermark.outstanding > 0) await this.#rise()
    this.#pacer.close()
  }

  async settle(): Promise<void> {
    await this.leaseLost()
    await this.#pacer.flush()
  }

  shutdownRequested(): Promise<void> {
    return this.settle()
  }

  /** Told to stop, each lane ends with the record that it has in hand. */
  async leaseLost(): Promise<void> {
    await Promise.all(this.#running.items().map(({ running }) => running))
  }

  /** Throws what `keyOf` throws, and has done nothing then. */
  #begin(record: ConsumerRecord<Value>): void {
    const key = this.#options.keyOf(record)
    const waiting = { record, inFlight: this.#watermark.add(record) }
    this.inHand = waiting.inFlight.place
    const known = key === undefined ? undefined : this.#lanes.get(key)
    if (known !== undefined) {
      known.waiting.push(waiting)
      return
    }
    const lane = new Lane(key, waiting)
    if (key !== undefined) this.#lanes.set(key, lane)
    this.#running.add(lane)
    lane.running = this.#run(lane)
  }

  /** A record whose key cannot be told holds up those behind it, by the failure policy: it may be of the key of any. */
  async #insistOnKey(record: ConsumerRecord<Value>): Promise<void> {
    try {
      await this.#context.failures.deliver([record], {
        attempt: async () => this.#begin(record),
        remaining: (records) => records,
        passOver: () => this.passOver(record),
      })
    } catch (error) {
      if (!this.#context.stopping.aborted) this.#context.fail(error)
      throw error
    }
  }

  async #run(lane: Lane<Value>): Promise<void> {
    const { key, waiting } = lane
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await this.#context.failures.deliver([next.record], this.#delivery)
        this.#done(next.inFlight)
      }
      if (key !== undefined) this.#lanes.delete(key)
    } catch (error) {
      // The lane stands still: behind what failed nothing of its key may be handled.
      if (!this.#context.stopping.aborted) this.#context.fail(error)
    } finally {
      this.#running.delete(lane)
    }
  }

  #done(inFlight: InFlight): void {
    const risen = this.#watermark.done(inFlight)
    if (risen === undefined) return
    this.#pacer.progress(risen.place, risen.records)
    this.#risen?.resolve()
    this.#risen = undefined
  }

  async #rise(): Promise<void> {
    this.#risen ??= deferred()
    await untilAborted(this.#risen.promise, this.#context.stopping)
  }
}
