/**
 * Typed records: a schema makes a value of a record's bytes, or throws. What it throws goes the way of the failure policy,
 * with the record and its place, like a record that no processor can process.
 */
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
