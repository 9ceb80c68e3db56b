/**
 * Typed records. A schema makes a value of a record's bytes, or throws; which of the two, the failure policy of the
 * application acts on: a record that no schema accepts is treated like one that no processor can process.
 */
import type { ExtendedSequenceNumber } from '../extended-sequence-number.ts'
import type { ConsumerRecord } from '../record-processor.ts'

export interface RecordSchema<Value> {
  /** Whatever it throws makes the record invalid. */
  parse(data: Uint8Array, record: ConsumerRecord): Value
}

/** What checks a value that was parsed: a schema of zod, valibot (`{ parse: (v) => parse(S, v) }`), or a function of your own. */
export interface ValueSchema<Value> {
  parse(value: unknown): Value
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** Records that hold one JSON document each, checked by `schema`; without one they are what they are. */
export function json(): RecordSchema<unknown>
export function json<Value>(schema: ValueSchema<Value>): RecordSchema<Value>
export function json<Value>(schema?: ValueSchema<Value>): RecordSchema<unknown> {
  return {
    parse(data) {
      const value: unknown = JSON.parse(utf8.decode(data))
      return schema === undefined ? value : schema.parse(value)
    },
  }
}

/** A record that its schema refused. The message has its place and the schema's reason, never its data. */
export class InvalidRecordError extends Error {
  override readonly name = 'InvalidRecordError'
  readonly record: ConsumerRecord

  constructor(record: ConsumerRecord, cause: unknown) {
    const { sequenceNumber, subSequenceNumber, isAggregated } = record
    const place = isAggregated ? `${sequenceNumber}, sub-record ${subSequenceNumber}` : sequenceNumber
    super(`The record at ${place} is refused by its schema (${cause instanceof Error ? cause.name : typeof cause}).`, {
      cause,
    })
    this.record = record
  }

  get place(): ExtendedSequenceNumber {
    const { sequenceNumber, subSequenceNumber } = this.record
    return { sequenceNumber, subSequenceNumber }
  }
}

/** The record with the value that the schema makes of it. Throws an `InvalidRecordError`. */
export function typedRecord<Value>(record: ConsumerRecord, schema: RecordSchema<Value>): ConsumerRecord<Value> {
  try {
    return { ...record, value: schema.parse(record.data, record) }
  } catch (cause) {
    throw new InvalidRecordError(record, cause)
  }
}
