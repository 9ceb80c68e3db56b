/**
 * Whatever processors do, and whatever happens to their leases: random applications on every face that fail, hang, checkpoint
 * at random, lose the lease, hand it over, crash and start again on what was stored. On a virtual clock, each from a seed.
 */
import { type Random, randomBelow, sleep } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import type { DeadLetter, DeadLetterSink, LettersLeft } from '../dead-letters/dead-letter.ts'
import { compareSequenceNumbers, isShardEnd } from '../extended-sequence-number.ts'
import { BatchChannel } from '../faces/batch-channel.ts'
import { type Batch, batchesFace, type BatchesOptions } from '../faces/batches-face.ts'
import { eachFace } from '../faces/each-face.ts'
import { recordProcessorFace } from '../faces/record-processor-face.ts'
import type { FailurePolicy } from '../failure-policy.ts'
import { LeaseLostError } from '../leases/held-lease.ts'
import type { ConsumerRecord } from '../record-processor.ts'
import { type FakeHeld, FakeShard, nameOf, record } from '../testing/fake-shard.ts'
import { InvalidRecord } from './invalid-record.ts'
import { ShardConsumer, type ShardConsumerResult } from './shard-consumer.ts'
import type { ShardProcessorFactory } from './shard-processor.ts'

const SEEDS = Number(process.env['MILLRACE_SHARD_WORLDS'] ?? 400)
const FIRST_SEED = Number(process.env['MILLRACE_SEED'] ?? 1)
const FACES = ['processor', 'batches', 'each'] as const

const covered = new Map<string, number>()
const count = (what: string): void => void covered.set(what, (covered.get(what) ?? 0) + 1)

it(`keeps the promises of SPEC.md in ${SEEDS} worlds`, { timeout: 3_600_000 }, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const world = new World(seed)
    try {
      await runClock(world.clock, world.run())
    } catch (error) {
      throw new Error(
        `Seed ${seed} (${world.face}): ${String(error)}\nRepeat: MILLRACE_SEED=${seed} MILLRACE_SHARD_WORLDS=1 npx vitest run ` +
          '--project units packages/consumer/src/shards/shard-consumer.properties.test.ts',
        { cause: error },
      )
    }
  }
  const wanted = [
    ...FACES,
    'ended',
    'released',
    'released cleanly',
    'lost',
    'failed',
    'crashed',
    'retry',
    'bisect',
    'skip',
    'dead-letter',
    'several letters',
    'no key',
    'loop told to stop',
    'stop',
  ]
  if (SEEDS >= 300) expect(wanted.filter((what) => !covered.has(what))).toEqual([])
})

class World {
  readonly clock = new VirtualClock()
  readonly face: (typeof FACES)[number]
  readonly #random: Random
  readonly #records: readonly ConsumerRecord[]
  readonly #shard: FakeShard
  /** By anybody, successfully; or disposed of by the policy. */
  readonly #done = new Set<string>()
  /** Fail whenever they are processed. */
  readonly #poison: ReadonlySet<string>
  /** By the schema. */
  readonly #invalid: ReadonlySet<string>
  readonly #policy: FailurePolicy
  /** From then on nothing goes wrong any more. */
  #isCalm = false

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.face = this.#oneOf(FACES)
    count(this.face)
    this.#records = this.#someRecords()
    const poison: FailurePolicy['poison'] = this.#oneOf([
      'stop' as const,
      'skip' as const,
      async (letter) => {
        await sleep(this.clock, this.#below(50))
        if (this.#chance(0.2)) throw new Error('The sink is not there.')
        this.#done.add(nameOf(letter.record))
      },
    ])
    this.#poison = new Set(this.#records.filter(() => this.#chance(0.02)).map(nameOf))
    this.#invalid = new Set(this.#records.filter(() => this.#chance(0.01)).map(nameOf))
    const retries = this.#below(3)
    this.#policy = { retry: { retries, maxMs: 1_000 }, bisect: this.#chance(0.8), poison }
    this.#shard = new FakeShard({
      clock: this.clock,
      random: this.#random,
      records: this.#records,
      isClosed: true,
      batchMax: 1 + this.#below(12),
      delayMaxMs: this.#oneOf([0, 5, 200]),
    })
    this.#shard.onCheckpoint = (checkpoint) => {
      const open = this.#records.find((one) => compareSequenceNumbers(one, checkpoint) <= 0 && !this.#isDone(one))
      if (open === undefined) return
      this.#shard.violations.push(`${nameOf(checkpoint)} was stored, and ${nameOf(open)} is not done.`)
    }
  }

  async run(): Promise<void> {
    for (let life = 0; !isShardEnd(this.#shard.checkpoint); life++) {
      this.#isCalm = life > 6
      const outcome = await this.#live()
      count(outcome)
      expect(outcome, 'A calm life ends with the shard').toSatisfy((how) => !this.#isCalm || how === 'ended')
    }
    expect(this.#records.filter((one) => !this.#isDone(one)).map(nameOf)).toEqual([])
    // What lost its lease is still to be let go of.
    expect(this.clock.pendingTimers).toBeLessThan(20)
  }

  /** One owner's term; it may be left running without its lease, as a worker does that is cut off. */
  async #live(): Promise<ShardConsumerResult['outcome'] | 'crashed'> {
    const held = this.#shard.hold()
    const life = new Life(this.#records.filter((one) => compareSequenceNumbers(one, this.#shard.checkpoint) > 0))
    held.lost.addEventListener('abort', () => (life.isOver = true))
    const { processor, close } = this.#application(life)
    const reader = this.#shard.reader()
    const consumer = new ShardConsumer({
      held,
      reader,
      open: (batch) =>
        this.#shard.open(batch).map((one) => {
          const isInvalid = !(one instanceof InvalidRecord) && this.#invalid.has(nameOf(one)) && !this.#isLenient
          return isInvalid ? new InvalidRecord(one, new Error('It is no document.')) : one
        }),
      processor,
      clock: this.clock,
      random: this.#random,
      options: {
        failure: {
          ...this.#policy,
          ...(typeof this.#policy.poison === 'function' && { poison: this.#sink(life, this.#policy.poison) }),
        },
        batchRecordsMax: 1 + this.#below(10),
        finishMs: 2_000,
        prefetch: { batchesMax: 1 + this.#below(3), recordsMax: 1 + this.#below(20) },
        hangMs: 20_000,
      },
      onEvent: (event) => {
        if (event.kind === 'failure') count(event.next)
        if (event.kind !== 'skipped' && event.kind !== 'dead-lettered') return
        for (const one of this.#records) {
          if (compareSequenceNumbers(one, event.first) < 0 || compareSequenceNumbers(one, event.last) > 0) continue
          this.#done.add(nameOf(one))
          life.dispose(one)
        }
      },
    })
    const running = consumer.run()
    const happened = await this.#accident(held, running)
    const isClean = happened === 'released' && (await running.then((result) => 'isClean' in result && result.isClean))
    if (happened === 'crashed') void close()
    else await close()
    if (happened !== 'crashed') expect(reader.isDisposed, 'The reader is let go of').toBe(true)
    if (isClean) this.#expectNothingAgain(life)
    expect(life.violation).toBeUndefined()
    expect(this.#shard.violations).toEqual([])
    return happened
  }

  /** After a clean release: behind the checkpoint comes nothing that the policy disposed of; nor, with `each`, what is done. */
  #expectNothingAgain(life: Life): void {
    count('released cleanly')
    const next = life.records.find((one) => compareSequenceNumbers(one, this.#shard.checkpoint) > 0)
    if (next === undefined || isShardEnd(this.#shard.checkpoint)) return
    if (life.isDisposed(next) || (this.face === 'each' && life.isPassed(next)))
      this.#shard.violations.push(`${nameOf(next)} was done at a clean release, and comes again.`)
  }

  async #accident(
    held: FakeHeld,
    running: Promise<ShardConsumerResult>,
  ): Promise<ShardConsumerResult['outcome'] | 'crashed'> {
    const accident = this.#isCalm ? 'none' : this.#oneOf(['lose', 'cut-off', 'release', 'crash', 'none'] as const)
    // Often while there is still something to do.
    const withinMs = this.#oneOf([100, 3_000])
    if (accident !== 'none') await Promise.race([running, sleep(this.clock, this.#below(withinMs))])
    if (accident === 'release') held.askFor(this.#oneOf(['handoff', 'stop', 'pause']))
    if (accident === 'lose') held.lose()
    if (accident === 'cut-off' || accident === 'crash') {
      this.#shard.epoch++
      void sleep(this.clock, this.#below(1_000)).then(() => held.lose())
    }
    // Nobody hears of it any more, and the lease goes to another at once.
    if (accident === 'crash') return 'crashed'
    const result = await running
    const isSlip = result.outcome === 'failed' && result.error instanceof RangeError
    if (isSlip) this.#shard.violations.push(`A checkpoint of the library's own was refused: ${String(result.error)}`)
    return result.outcome
  }

  /** Half of them take several at once, and leave some of those. */
  #sink(life: Life, sink: DeadLetterSink): DeadLetterSink {
    const put = async (letter: DeadLetter, signal: AbortSignal): Promise<void> => {
      await sink(letter, signal)
      const one = this.#records.find((other) => nameOf(other) === nameOf(letter.record))
      if (one !== undefined) life.pass(one)
    }
    if (this.#chance(0.5)) return put
    const many = async (letters: readonly DeadLetter[], signal: AbortSignal): Promise<LettersLeft> => {
      count('several letters')
      const left: DeadLetter[] = []
      let error: unknown
      for (const letter of letters) {
        const isBehind = left.some(({ record: { partitionKey } }) => partitionKey === letter.record.partitionKey)
        if (isBehind) left.push(letter)
        else
          await put(letter, signal).catch((cause: unknown) => {
            left.push(letter)
            error = cause
          })
      }
      return { left, error }
    }
    return Object.assign(put, { many })
  }

  #application(life: Life): { processor: ShardProcessorFactory<Uint8Array>; close: () => Promise<void> } {
    const checkpoint = this.#chance(0.5)
      ? { everyMs: 1 + this.#below(500), everyRecords: 1 + this.#below(20) }
      : undefined
    const close = async (): Promise<void> => {}
    if (this.face === 'each')
      return {
        close,
        processor: eachFace(
          (one) => {
            life.deliver()
            return this.#processRecord(life, one)
          },
          {
            concurrency: 1 + this.#below(6),
            keyOf: ({ partitionKey }) => {
              if (this.#isCalm || !this.#chance(0.02)) return partitionKey
              count('no key')
              throw new Error('Its key cannot be told.')
            },
            inFlightMax: 1 + this.#below(20),
            ...(checkpoint && { checkpoint }),
          },
        ),
      }
    if (this.face === 'processor')
      return {
        close,
        processor: recordProcessorFace(
          () => ({
            initialize: () => this.#trouble(),
            processRecords: async ({ records, checkpointer }) => {
              life.deliver()
              for (const one of records) {
                await this.#processRecord(life, one)
                if (checkpoint === undefined && this.#chance(0.1)) await checkpointer.checkpoint(one)
              }
              if (checkpoint === undefined && this.#chance(0.5)) await checkpointer.checkpoint()
              else if (this.#chance(0.2)) {
                const prepared = await checkpointer.prepareCheckpoint(records.at(-1), new Uint8Array(8))
                await prepared.checkpoint()
              }
              await this.#trouble()
            },
            shardEnded: async ({ checkpointer }) => {
              await this.#trouble()
              if (this.#chance(0.5)) await checkpointer.checkpoint()
            },
            shutdownRequested: async ({ checkpointer }) => {
              await this.#trouble()
              if (this.#chance(0.5)) await checkpointer.checkpoint()
            },
            leaseLost: () => this.#trouble(),
          }),
          { checkpoint },
        ),
      }
    const over = new AbortController()
    const channel = new BatchChannel<Uint8Array>({ onClose: async () => {}, signal: over.signal })
    const loop = this.#loop(life, channel, checkpoint !== undefined)
    const closeLoop = async (): Promise<void> => {
      over.abort()
      await loop
    }
    const shutdownRequested: BatchesOptions['shutdownRequested'] = async ({ checkpointer }) => {
      count('loop told to stop')
      await this.#trouble()
      if (this.#chance(0.7)) await checkpointer.checkpoint()
    }
    const isTold = checkpoint === undefined && this.#chance(0.5)
    const processor = batchesFace(channel, { checkpoint, ...(isTold && { shutdownRequested }) })
    return { processor, close: closeLoop }
  }

  async #loop(life: Life, channel: BatchChannel<Uint8Array>, isAutomatic: boolean): Promise<void> {
    for await (const batch of channel) {
      try {
        for (const one of batch.records) await this.#processRecord(life, one)
      } catch (error) {
        batch.fail(error)
        continue
      }
      if (!isAutomatic) await this.#acknowledge(batch)
    }
  }

  async #acknowledge(batch: Batch): Promise<void> {
    if (!this.#isCalm && !batch.isShardEnd && this.#chance(0.4)) return
    try {
      await batch.checkpoint()
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error
    }
  }

  async #processRecord(life: Life, one: ConsumerRecord): Promise<void> {
    life.begin(one)
    try {
      await this.#trouble()
      if (this.#poison.has(nameOf(one)) && !this.#isLenient) throw new Error('Nobody can process this.')
      this.#done.add(nameOf(one))
      life.pass(one)
    } finally {
      life.end(one)
    }
  }

  async #trouble(): Promise<void> {
    if (this.#chance(0.3)) await sleep(this.clock, this.#below(30))
    if (this.#isCalm) return
    if (this.#chance(0.03)) throw new Error('It failed.')
    if (this.#chance(0.002)) await sleep(this.clock, 60_000)
  }

  /** Aggregated ones among them; a fifth has a key of its own. */
  #someRecords(): readonly ConsumerRecord[] {
    const records: ConsumerRecord[] = []
    const keys = 1 + this.#below(6)
    for (let sequence = 0; records.length < 10 + this.#below(80); sequence++) {
      const users = this.#chance(0.2) ? 1 + this.#below(6) : 0
      for (let sub = 0; sub < Math.max(1, users); sub++)
        records.push(record(sequence, `key-${this.#below(keys)}`, sub, users > 0))
    }
    return records
  }

  #isDone(one: ConsumerRecord): boolean {
    return this.#done.has(nameOf(one))
  }

  /** Otherwise a shard that stops at a record would stop there for ever. */
  get #isLenient(): boolean {
    return this.#isCalm && this.#policy.poison === 'stop'
  }

  #below(bound: number): number {
    return randomBelow(this.#random, bound)
  }

  #chance(share: number): boolean {
    return this.#random.float() < share
  }

  #oneOf<T>(things: readonly T[]): T {
    return things[this.#below(things.length)] as T
  }
}

/** What one owner does, in which order. */
class Life {
  /** What it is to deliver, in order, by key. */
  readonly #byKey = new Map<string, ConsumerRecord[]>()
  readonly #running = new Map<string, string>()
  /** Processed in this life, or disposed of. */
  readonly #passed = new Set<string>()
  /** By the policy: the application has nothing to acknowledge them by. */
  readonly #disposed = new Set<string>()
  readonly records: readonly ConsumerRecord[]
  /** Its lease is gone: nothing may begin. */
  isOver = false
  /** What is thrown the library takes for a failure of the processor. */
  violation: string | undefined

  constructor(records: readonly ConsumerRecord[]) {
    this.records = records
    for (const one of records) this.#byKey.set(one.partitionKey, [...(this.#byKey.get(one.partitionKey) ?? []), one])
  }

  deliver(): void {
    if (this.isOver) this.violation ??= 'Something was delivered after the lease was lost.'
  }

  begin(one: ConsumerRecord): void {
    const key = one.partitionKey
    if (this.#running.has(key)) this.violation ??= `${nameOf(one)} began beside ${this.#running.get(key)} of its key.`
    for (const before of this.#byKey.get(key) ?? []) {
      if (before === one) break
      if (!this.#passed.has(nameOf(before)))
        this.violation ??= `${nameOf(one)} began before ${nameOf(before)} of its key was done.`
    }
    this.#running.set(key, nameOf(one))
  }

  end(one: ConsumerRecord): void {
    this.#running.delete(one.partitionKey)
  }

  pass(one: ConsumerRecord): void {
    this.#passed.add(nameOf(one))
  }

  dispose(one: ConsumerRecord): void {
    this.pass(one)
    this.#disposed.add(nameOf(one))
  }

  isPassed(one: ConsumerRecord): boolean {
    return this.#passed.has(nameOf(one))
  }

  isDisposed(one: ConsumerRecord): boolean {
    return this.#disposed.has(nameOf(one))
  }
}
