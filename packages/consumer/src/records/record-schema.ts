/**
 * Typed records: a schema makes a value of a record's bytes, or throws. What it throws goes the way of the failure policy,
 * with the record and its place, like a record that no processor can process.
 */
import { checkKind } from '../option-checks.ts'
import type { ConsumerRecord } from '../record-processor.ts'

export interface RecordSchema<Value> {
  /**
   * Whatever it throws, or its promise rejects with, makes the record invalid; its message goes into events and logs. Promises of one
   * answer of the service (10,000 records at most, and all that are aggregated in each) are awaited together, in order.
   */
  parse(data: Uint8Array, record: ConsumerRecord): Value | Promise<Value>
}

/** What checks a value that was parsed: a schema of zod, valibot (`{ parse: (v) => parse(S, v) }`), or a function of your own. */
export interface ValueSchema<Value> {
  parse(value: unknown): Value | Promise<Value>
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** Records that hold one JSON document each, checked by `schema`; without one they are what they are. A TypeError for what is no schema. */
export function json(): RecordSchema<unknown>
export function json<Value>(schema: ValueSchema<Value>): RecordSchema<Value>
export function json<Value>(schema?: ValueSchema<Value>): RecordSchema<unknown> {
  const hint = 'Wrap a function: json({ parse: (value) => … }).'
  checkKind(schema === undefined || typeof schema?.parse === 'function', 'a schema with a method parse', schema, hint)
  return {
    parse(data) {
      const value = parsed(data)
      return schema === undefined ? value : schema.parse(value)
    },
  }
}

/** Without the message of the parser, which quotes the document. */
function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(data))
  } catch {
    throw new SyntaxError(`Expected a JSON document in UTF-8, found ${data.length} bytes that are none.`)
  }
}
