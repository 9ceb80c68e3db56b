/**
 * Delivers the records of one shard, and carries out the failure policy where that fails. Gives up between two attempts when
 * the shard consumer is asked to stop: what was not delivered by then stays undelivered.
 */
import { type Clock, type Random, sleep } from '@millrace/std'
import type { DeadLetter, DeadLetterSink } from '../dead-letters/dead-letter.ts'
import { errorText } from '../dead-letters/error-text.ts'
import { gatheredLetters } from '../dead-letters/gathered-letters.ts'
import { type ExtendedSequenceNumber, placeOf, TRIM_HORIZON } from '../extended-sequence-number.ts'
import { type FailurePolicy, nextStep, retryDelayMs } from '../failure-policy.ts'
import type { ConsumerRecord, ShardOfProcessor } from '../record-processor.ts'
import { isWorthAnother } from '../retrieval/read-failure.ts'
import type { InvalidRecord } from './invalid-record.ts'
import { ShardConsumerError } from './shard-consumer-error.ts'
import type { ProcessorCall, RecordRange, ShardHappening } from './shard-event.ts'

export interface FailureHandlerOptions {
  readonly policy: FailurePolicy
  readonly shard: ShardOfProcessor
  readonly clock: Clock
  readonly random: Random
  readonly emit: (happening: ShardHappening) => void
  /** Aborted when nothing more should be tried. */
  readonly stopping: AbortSignal
}

/** How records are handed to the processor. */
export interface Delivery<Record> {
  /** Rejects when the processing failed. */
  attempt(records: readonly Record[]): Promise<void>
  /** Those of `records` that are still to be processed although the attempt failed. */
  remaining(records: readonly Record[]): readonly Record[]
  /** They count as done with: the policy disposed of them. */
  passOver(records: readonly (Record | InvalidRecord['record'])[]): void
}

export class FailureHandler {
  readonly #options: FailureHandlerOptions
  readonly #poison: Exclude<FailurePolicy['poison'], undefined>

  constructor(options: FailureHandlerOptions) {
    const { poison = 'stop' } = options.policy
    this.#options = options
    this.#poison = typeof poison === 'function' ? gatheredLetters(poison) : poison
  }

  /** Rejects with the signal's reason when told to stop, and with a ShardConsumerError by the policy. */
  async deliver<Value>(
    records: readonly ConsumerRecord<Value>[],
    delivery: Delivery<ConsumerRecord<Value>>,
    isPart = false,
  ): Promise<void> {
    let remaining = records
    for (let failures = 1; ; failures++) {
      this.#options.stopping.throwIfAborted()
      try {
        await delivery.attempt(remaining)
        return
      } catch (error) {
        this.#options.stopping.throwIfAborted()
        const before = remaining.length
        remaining = delivery.remaining(remaining)
        if (remaining.length === 0) {
          this.#failed('process', failures, error, 'pass')
          return
        }
        // What was checkpointed is progress: the rest has not failed alone yet.
        if (remaining.length < before) failures = 1
        const step = nextStep(
          this.#options.policy,
          { records: remaining.length, failures, isPart },
          this.#options.random,
        )
        if (step.next === 'retry') {
          this.#failed('process', failures, error, 'retry', remaining, step.delayMs)
          await sleep(this.#options.clock, step.delayMs, this.#options.stopping)
        } else if (step.next === 'bisect') {
          this.#failed('process', failures, error, 'bisect', remaining)
          const middle = Math.ceil(remaining.length / 2)
          await this.deliver(remaining.slice(0, middle), delivery, true)
          await this.deliver(remaining.slice(middle), delivery, true)
          return
        } else {
          await this.#disposeOf(remaining, error, failures)
          delivery.passOver(remaining)
          return
        }
      }
    }
  }

  /** For what is not worth a try: one after another, or all together where there is a sink that takes several. */
  async refuse<Value>(invalid: readonly InvalidRecord[], delivery: Delivery<ConsumerRecord<Value>>): Promise<void> {
    const { stopping, emit } = this.#options
    const poison = this.#poison
    if (invalid.length > 1 && typeof poison === 'function' && poison.many !== undefined) {
      for (const { record, error } of invalid) this.#failed('process', 0, error, 'dead-letter', [record])
      const letters = invalid.map((one) => this.#letterOf(one, 0))
      const left = new Set(await this.#burySeveral(poison, letters))
      // One by one, so that what the sink has counts as done with although it refuses one of them.
      for (const run of left.size === 0 ? [letters] : letters.map((letter) => [letter])) {
        for (const letter of run) if (left.has(letter)) await this.#bury(poison, letter)
        emit({ kind: 'dead-lettered', ...rangeOf(run.map(({ record }) => record)) })
        delivery.passOver(run.map(({ record }) => record))
      }
      return
    }
    for (const { record, error } of invalid) {
      stopping.throwIfAborted()
      await this.#disposeOf([record], error, 0)
      delivery.passOver([record])
    }
  }

  /** A call that is about no records: tried again as often, then the shard stops. */
  async insist<Result>(call: ProcessorCall, run: () => Promise<Result>): Promise<Result> {
    const { policy, random, clock, stopping, shard } = this.#options
    for (let failures = 1; ; failures++) {
      stopping.throwIfAborted()
      try {
        return await run()
      } catch (error) {
        stopping.throwIfAborted()
        if (failures > (policy.retry?.retries ?? Infinity)) {
          this.#failed(call, failures, error, 'stop')
          throw new ShardConsumerError(
            'processing-failed',
            `The processor's ${call} of ${shard.shardId} of ${shard.stream} failed ${failures} times; its lease is given up.`,
            { cause: error },
          )
        }
        const delayMs = retryDelayMs(policy.retry, failures, random)
        this.#failed(call, failures, error, 'retry', [], delayMs)
        await sleep(clock, delayMs, stopping)
      }
    }
  }

  /** A call that is made once. Whether it did not fail. */
  async attemptOnce(call: ProcessorCall, run: () => Promise<void>): Promise<boolean> {
    try {
      await run()
      return true
    } catch (error) {
      this.#failed(call, 1, error, 'pass')
      return false
    }
  }

  async #disposeOf(records: readonly InvalidRecord['record'][], error: unknown, attempts: number): Promise<void> {
    const { shard, emit } = this.#options
    const poison = this.#poison
    if (poison === 'stop') {
      this.#failed('process', attempts, error, 'stop', records)
      const { sequenceNumber, subSequenceNumber } = records[0] ?? {}
      const what = attempts === 0 ? 'is not one by the schema' : `failed ${attempts} times`
      throw new ShardConsumerError(
        'processing-failed',
        `Record ${sequenceNumber}/${subSequenceNumber} of ${shard.shardId} of ${shard.stream} ${what}; the failure policy ` +
          'stops the shard there and its lease is given up. Mend the processor, or choose `skip` or dead letters.',
        { cause: error },
      )
    }
    if (poison === 'skip') {
      this.#failed('process', attempts, error, 'skip', records)
      emit({ kind: 'skipped', ...rangeOf(records) })
      return
    }
    this.#failed('process', attempts, error, 'dead-letter', records)
    const letters = records.map((record) => this.#letterOf({ record, error }, attempts))
    const left = letters.length > 1 ? await this.#burySeveral(poison, letters) : letters
    for (const letter of left) await this.#bury(poison, letter)
    emit({ kind: 'dead-lettered', ...rangeOf(records) })
  }

  #letterOf({ record, error }: InvalidRecord, attempts: number): DeadLetter {
    const { shard, clock } = this.#options
    return { stream: shard.stream, shardId: shard.shardId, record, error, attempts, failedAtMs: clock.now() }
  }

  /** Until the sink has them. Gives those of which it refuses one for good: which one, it says of each alone. */
  async #burySeveral(sink: DeadLetterSink, letters: readonly DeadLetter[]): Promise<readonly DeadLetter[]> {
    const { stopping } = this.#options
    let open = letters
    for (let failures = 1; sink.many !== undefined && open.length > 0; failures++) {
      stopping.throwIfAborted()
      const { left, error } = await sink.many(open, stopping).catch((cause: unknown) => ({ left: open, error: cause }))
      stopping.throwIfAborted()
      if (left.length > 0 && !isWorthAnother(error)) return left
      if (left.length < open.length) failures = 1
      open = left
      if (open.length > 0) await this.#waitForSink(error, failures)
    }
    return open
  }

  /** Until the sink has it: what is neither processed nor kept must not count as done with. */
  async #bury(sink: DeadLetterSink, letter: DeadLetter): Promise<void> {
    const { stopping } = this.#options
    const { stream, shardId, record } = letter
    for (let failures = 1; ; failures++) {
      stopping.throwIfAborted()
      try {
        await sink(letter, stopping)
        return
      } catch (cause) {
        stopping.throwIfAborted()
        if (!isWorthAnother(cause))
          throw new ShardConsumerError(
            'dead-letter-refused',
            `The dead letter of record ${record.sequenceNumber}/${record.subSequenceNumber} of ${shardId} of ${stream} was ` +
              'refused for good; the shard is left to other workers for a minute. See to the sink: ' +
              errorText(cause),
            { cause },
          )
        await this.#waitForSink(cause, failures)
      }
    }
  }

  async #waitForSink(error: unknown, failures: number): Promise<void> {
    const { clock, random, emit, stopping, policy } = this.#options
    const { baseMs, maxMs } = policy.retry ?? {}
    const delayMs = retryDelayMs({ baseMs, maxMs }, failures, random)
    emit({ kind: 'dead-letter-failure', error, failures, delayMs })
    await sleep(clock, delayMs, stopping)
  }

  #failed(
    call: ProcessorCall,
    failures: number,
    error: unknown,
    next: (ShardHappening & { kind: 'failure' })['next'],
    records: readonly ExtendedSequenceNumber[] = [],
    delayMs = 0,
  ): void {
    const about = records.length === 0 ? {} : rangeOf(records)
    this.#options.emit({ kind: 'failure', call, failures, error, next, delayMs, ...about })
  }
}

function rangeOf(records: readonly ExtendedSequenceNumber[]): RecordRange {
  const [first = TRIM_HORIZON] = records
  return { records: records.length, first: placeOf(first), last: placeOf(records.at(-1) ?? first) }
}
