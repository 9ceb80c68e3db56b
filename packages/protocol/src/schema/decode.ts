/**
 * From a parsed body (what JSON or CBOR gave) to typed values, by schema. The first member of a wrong type ends it
 * with a SerializationException in the service's words (KINESIS.md §5). `null` is absent, unknown members are
 * ignored, numbers are floored and clamped. Constraints are not looked at here.
 */
import { decodeBase64, describeBase64Fault } from '../codecs/base64.ts'
import type { Codec } from '../codecs/codec.ts'
import { KinesisError } from '../errors.ts'
import { printable } from './printable.ts'
import type { ListSchema, MapSchema, Schema, StructureSchema } from './schema.ts'

const INTEGER_MAX = 2 ** 31 - 1
const INTEGER_MIN = -(2 ** 31)
/** What a `Date` can hold, in ms on either side of the epoch. */
const TIMESTAMP_MAX_MS = 8.64e15

const numberClass = 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber'
const stringClass = 'class java.lang.String'
const booleanClass = 'class java.lang.Boolean'
const bytesClass = 'class java.nio.HeapByteBuffer'

const listFound = 'Start of list found where not expected'
const structureFound = 'Start of structure or map found where not expected.'

type ParsedObject = Readonly<Record<string, unknown>>

export function decodeStructure(schema: StructureSchema, raw: unknown, codec: Codec): Record<string, unknown> {
  if (Array.isArray(raw)) throw fault(listFound)
  if (!isObject(raw)) throw fault('Expected null')
  const result: Record<string, unknown> = {}
  for (const { name, schema: memberSchema } of schema.members) {
    const value = Object.hasOwn(raw, name) ? raw[name] : undefined
    if (value !== undefined && value !== null) result[name] = decodeValue(memberSchema, value, codec)
  }
  return result
}

/** `raw` is neither `null` nor `undefined`. */
function decodeValue(schema: Schema, raw: unknown, codec: Codec): unknown {
  switch (schema.kind) {
    case 'structure':
      return decodeStructure(schema, raw, codec)
    case 'list':
      return decodeList(schema, raw, codec)
    case 'map':
      return decodeMap(schema, raw, codec)
    default:
      if (Array.isArray(raw)) throw fault(listFound)
      if (isObject(raw)) throw fault(structureFound)
      return decodeScalar(schema.kind, raw, codec)
  }
}

function decodeList(schema: ListSchema, raw: unknown, codec: Codec): unknown[] {
  if (isObject(raw)) throw fault(structureFound)
  if (!Array.isArray(raw)) throw fault('Expected list or null')
  // A null element stays: the constraint checker is the one to name it.
  return raw.map((element: unknown) =>
    element === null || element === undefined ? undefined : decodeValue(schema.element, element, codec),
  )
}

function decodeMap(schema: MapSchema, raw: unknown, codec: Codec): Record<string, unknown> {
  if (Array.isArray(raw)) throw fault(listFound)
  if (!isObject(raw)) throw fault('Expected map or null')
  const entries: [string, unknown][] = []
  for (const [key, value] of Object.entries(raw)) {
    if (value !== null && value !== undefined) entries.push([key, decodeValue(schema.value, value, codec)])
  }
  // Not by assignment: a key may be called `__proto__`.
  return Object.fromEntries(entries)
}

function decodeScalar(
  kind: 'string' | 'integer' | 'long' | 'boolean' | 'blob' | 'timestamp',
  raw: unknown,
  codec: Codec,
) {
  switch (kind) {
    case 'string':
      if (typeof raw === 'string') return raw
      throw fault(`${classOf(raw)} can not be converted to an String`)
    case 'integer':
      if (typeof raw === 'number') return clamp(Math.floor(raw), INTEGER_MIN, INTEGER_MAX)
      throw fault(`${classOf(raw)} can not be converted to an Integer`)
    case 'long':
      if (typeof raw === 'number') return clamp(Math.floor(raw), Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
      throw fault(`${classOf(raw)} can not be converted to an Long`)
    case 'boolean':
      return decodeBoolean(raw)
    case 'blob':
      return decodeBlob(raw)
    case 'timestamp': {
      if (typeof raw !== 'number') throw fault(`${classOf(raw)} can not be converted to milliseconds since epoch`)
      return clamp(Math.round(codec === 'json' ? raw * 1000 : raw), -TIMESTAMP_MAX_MS, TIMESTAMP_MAX_MS)
    }
  }
}

function decodeBoolean(raw: unknown): boolean {
  if (typeof raw === 'boolean') return raw
  if (typeof raw !== 'string') throw fault(`${classOf(raw)} can not be converted to an Boolean`)
  const upper = raw.slice(0, PRINTED_SLICE).toUpperCase()
  if (upper === 'TRUE' || upper === '1' || upper === 'YES') return true
  if (upper === 'FALSE' || upper === '0' || upper === 'NO') return false
  throw fault(`'${printable(upper)}' can not be converted to an Boolean`)
}

/** Longer than any word that means a boolean, and than what is printed: no need to upper-case megabytes. */
const PRINTED_SLICE = 8192

function decodeBlob(raw: unknown): Uint8Array {
  if (raw instanceof Uint8Array) return raw
  if (typeof raw !== 'string') throw fault(`${classOf(raw)} can not be converted to a Blob`)
  const bytes = decodeBase64(raw)
  if (bytes === undefined)
    throw fault(`'${printable(raw)}' can not be converted to a Blob: ${describeBase64Fault(raw)}`)
  return bytes
}

function classOf(raw: unknown): string {
  if (typeof raw === 'string') return stringClass
  if (typeof raw === 'boolean') return booleanClass
  return raw instanceof Uint8Array ? bytesClass : numberClass
}

function isObject(raw: unknown): raw is ParsedObject {
  return typeof raw === 'object' && raw !== null && !(raw instanceof Uint8Array) && !Array.isArray(raw)
}

function clamp(value: number, min: number, max: number): number {
  if (Number.isNaN(value)) return 0
  return value < min ? min : value > max ? max : value
}

function fault(message: string): KinesisError {
  return new KinesisError('SerializationException', message)
}
