/**
 * Delivers the records of one shard, and carries out the failure policy where that fails. Gives up between two attempts when
 * the shard consumer is asked to stop: what was not delivered by then stays undelivered.
 */
import { type Clock, type Random, sleep } from '@millrace/std'
import type { DeadLetterSink } from '../dead-letters/dead-letter.ts'
import { errorText } from '../dead-letters/error-text.ts'
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

  constructor(options: FailureHandlerOptions) {
    this.#options = options
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

  /** For what is not worth a try. */
  async refuse<Value>({ record, error }: InvalidRecord, delivery: Delivery<ConsumerRecord<Value>>): Promise<void> {
    this.#options.stopping.throwIfAborted()
    await this.#disposeOf([record], error, 0)
    delivery.passOver([record])
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
    const { policy, shard, emit } = this.#options
    const { poison = 'stop' } = policy
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
    for (const record of records) await this.#bury(poison, record, error, attempts)
    emit({ kind: 'dead-lettered', ...rangeOf(records) })
  }

  /** Until the sink has it: what is neither processed nor kept must not count as done with. */
  async #bury(sink: DeadLetterSink, record: InvalidRecord['record'], error: unknown, attempts: number): Promise<void> {
    const { shard, clock, random, emit, stopping, policy } = this.#options
    const { stream, shardId } = shard
    const letter = { stream, shardId, record, error, attempts, failedAtMs: clock.now() }
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
        const { baseMs, maxMs } = policy.retry ?? {}
        const delayMs = retryDelayMs({ baseMs, maxMs }, failures, random)
        emit({ kind: 'dead-letter-failure', error: cause, failures, delayMs })
        await sleep(clock, delayMs, stopping)
      }
    }
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
