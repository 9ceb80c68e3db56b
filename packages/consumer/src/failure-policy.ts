/**
 * What becomes of records whose processing fails. They are delivered again, never passed over by the next checkpoint; what
 * happens when they go on failing is the application's choice. `nextStep` is pure; `shards/failure-handler.ts` does it.
 */
import { backoffMs, type Random } from '@millrace/std'
import type { DeadLetterSink } from './dead-letters/dead-letter.ts'
import { checkKind, checkNames } from './option-checks.ts'

export interface FailurePolicy {
  /** How often and how soon a batch is delivered again. */
  readonly retry?: RetryPolicy | undefined
  /**
   * When the retries of a batch are used up: halve it, and the halves, until the record that fails stands alone; then it has
   * the retries for itself. Each half is tried once. Default: true. Otherwise the batch is disposed of as a whole.
   */
  readonly bisect?: boolean | undefined
  /**
   * What becomes of a record (or, without `bisect`, of a batch) whose retries are used up, and of one that the schema does
   * not take, which is not tried again:
   * - `stop` (default): the shard is paused, for the whole fleet, until somebody resumes its lease. Nothing behind the record
   *   is processed.
   * - `skip`: it counts as done with. Events tell how many.
   * - a sink: it counts as done with as soon as the sink has it durably: `deadLetterStream`, `DeadLetterFile.put`, or any
   *   function.
   */
  readonly poison?: 'stop' | 'skip' | DeadLetterSink | undefined
}

/** Full jitter: retry n comes after a random time below min(maxMs, baseMs × 2ⁿ). */
export interface RetryPolicy {
  /** After the first failure. 0: none. Default: without end. */
  readonly retries?: number | undefined
  /** Default: 100. */
  readonly baseMs?: number | undefined
  /** Default: 30,000. */
  readonly maxMs?: number | undefined
}

export type FailureStep =
  { readonly next: 'retry'; readonly delayMs: number } | { readonly next: 'bisect' } | { readonly next: 'poison' }

/** Records that have just failed. */
export interface Failed {
  readonly records: number
  /** Times that just these failed one after another, from 1 on. */
  readonly failures: number
  /** A part of a batch that was halved. */
  readonly isPart: boolean
}

export function nextStep(policy: FailurePolicy, failed: Failed, random: Random): FailureStep {
  const { retries = Infinity } = policy.retry ?? {}
  const isSplittable = failed.records > 1 && policy.bisect !== false
  const retriesHere = failed.isPart && isSplittable ? 0 : retries
  if (failed.failures <= retriesHere)
    return { next: 'retry', delayMs: retryDelayMs(policy.retry, failed.failures, random) }
  return isSplittable ? { next: 'bisect' } : { next: 'poison' }
}

/** `failures`: from 1 on. */
export function retryDelayMs(retry: RetryPolicy | undefined, failures: number, random: Random): number {
  const { baseMs = 100, maxMs = 30_000 } = retry ?? {}
  return backoffMs(failures - 1, { baseMs, maxMs }, random)
}

/** A TypeError for what is of another kind, a RangeError for numbers that are none. */
export function checkFailurePolicy(policy: FailurePolicy): void {
  checkNames(policy, ['retry', 'bisect', 'poison'], 'failure')
  const { retry = {}, bisect = true, poison = 'stop' } = policy
  checkNames(retry, ['retries', 'baseMs', 'maxMs'], 'failure.retry')
  checkKind(typeof bisect === 'boolean', 'failure.bisect to be true or false', bisect)
  const isPoison = poison === 'stop' || poison === 'skip' || typeof poison === 'function'
  const sinks = 'deadLetterStream({ client, stream }) and DeadLetterFile.put are sinks.'
  checkKind(isPoison, "failure.poison to be 'stop', 'skip' or a dead-letter sink", poison, sinks)
  for (const [name, value] of Object.entries(retry) as [string, number | undefined][])
    if (value !== undefined && !(value >= 0 && (Number.isInteger(value) || value === Infinity)))
      throw new RangeError(
        `Expected a whole number from 0 on for the failure policy's retry.${name}, found ${value}. Leave it out for the default.`,
      )
}
