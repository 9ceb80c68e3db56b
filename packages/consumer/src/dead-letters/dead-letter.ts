/** A record that could not be processed, with the reason: what a sink keeps durably for people to look at. */
import { errorText } from './error-text.ts'
import type { ConsumerRecord, ShardOfProcessor } from '../record-processor.ts'

export interface DeadLetter extends ShardOfProcessor {
  readonly record: Omit<ConsumerRecord<unknown>, 'value'>
  /** What the processing failed with the last time. */
  readonly error: unknown
  /** How often it was tried alone. 0: it was not readable. */
  readonly attempts: number
  /** ms since the epoch. */
  readonly failedAtMs: number
}

/**
 * Resolves when the letter is durable: only then the record counts as done with. It is asked again when it rejects, unless
 * the error says `retryable: false`; then the shard is left to other workers for a minute, each time.
 */
export interface DeadLetterSink {
  (letter: DeadLetter, signal: AbortSignal): Promise<void>
  /** Several at once, in their order, where the sink can. Default: they are given one after another. */
  readonly many?: ((letters: readonly DeadLetter[], signal: AbortSignal) => Promise<LettersLeft>) | undefined
}

export interface LettersLeft {
  /**
   * Those of the call that the sink does not have durably, or copies of them (told by their record's sequence and sub-sequence number): they
   * are given again. Where one is named that was not of the call, all are.
   */
  readonly left: readonly DeadLetter[]
  /** Why; as what a sink rejects with. */
  readonly error?: unknown
}

/** One line of JSON; `data` in base64. */
export function deadLetterLine({ stream, shardId, record, error, attempts, failedAtMs }: DeadLetter): string {
  const { data, ...rest } = record
  return JSON.stringify({
    stream,
    shardId,
    sequenceNumber: rest.sequenceNumber,
    subSequenceNumber: rest.subSequenceNumber,
    partitionKey: rest.partitionKey,
    explicitHashKey: rest.explicitHashKey,
    approximateArrivalTimestamp: rest.approximateArrivalTimestamp,
    error: errorText(error),
    attempts,
    failedAtMs,
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
  })
}
