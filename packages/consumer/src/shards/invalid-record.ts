/** What the records of a shard are opened to: those that can be processed, and those that the schema does not take. */
import type { ConsumerRecord } from '../record-processor.ts'
import type { ReadBatch } from '../retrieval/shard-reader.ts'

/** Goes the way of the failure policy's `poison`. */
export class InvalidRecord {
  readonly record: Omit<ConsumerRecord<unknown>, 'value'>
  /** What the schema said. */
  readonly error: unknown

  constructor(record: Omit<ConsumerRecord<unknown>, 'value'>, error: unknown) {
    this.record = record
    this.error = error
  }
}

export type OpenedRecord<Value> = ConsumerRecord<Value> | InvalidRecord

/**
 * One for each shard: opens aggregates, leaves out what is done with already. In the shard's order; the next batch comes when
 * this one is open.
 */
export type OpenRecords<Value> = (
  batch: ReadBatch,
) => readonly OpenedRecord<Value>[] | Promise<readonly OpenedRecord<Value>[]>
