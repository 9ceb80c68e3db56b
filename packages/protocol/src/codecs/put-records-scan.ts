/**
 * Reads the body of a PutRecords or a PutRecord straight from its bytes: `JSON.parse` would make a text of the body, and a text of each
 * record's data, of which nothing is kept, and would look up short keys among all texts that there are. At the first
 * unusual thing it gives up, and the way through `JSON.parse` is taken, as with the decoder in put-records.ts; that all
 * give the same is a property of the tests. It takes half the time, or a little more (docs/decisions/091, 140).
 */
import { PUT_RECORDS_MAX, RECORD_BYTES_MAX } from '../limits.ts'
import type { PutRecordInput } from '../operations/put-record.ts'
import type { PutRecordsEntry, PutRecordsInput } from '../operations/put-records.ts'
import { HashKey, PartitionKey, SequenceNumber, StreamARN, StreamName } from '../operations/shapes.ts'
import type { StringSchema } from '../schema/schema.ts'
import { base64DecodedLength, decodeSmallBase64 } from './base64.ts'
import { decodeShell } from './put-records.ts'

/** Data of a record, in letters of base64, up to which a loop of our own beats Node's decoder and the text that it wants. */
const SMALL_LETTERS_MAX = 240
/** What stands beside the records is some names and an ARN. Of more, parsing counts the brackets, in texts too (json-parse.ts). */
const SHELL_LETTERS_MAX = 8 * 1024

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const PAD = 0x3d
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
const TILDE = 0x7e

interface KnownMember<Name> {
  readonly name: Name
  /** With the quote behind it. */
  readonly bytes: Buffer
  /** Of a text; of data there is none. */
  readonly schema?: StringSchema
}

const known = <Name extends string>(name: Name, schema?: StringSchema): KnownMember<Name> => ({
  name,
  bytes: Buffer.from(`${name}"`),
  ...(schema === undefined ? {} : { schema }),
})

const RECORD_MEMBERS = [known('Data'), known('PartitionKey', PartitionKey), known('ExplicitHashKey', HashKey)] as const
const PUT_RECORD_MEMBERS = [
  ...RECORD_MEMBERS,
  known('StreamName', StreamName),
  known('StreamARN', StreamARN),
  known('SequenceNumberForOrdering', SequenceNumber),
] as const

const nothing = new Uint8Array(0)

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** `undefined`: it is not usual. Throws nothing. */
export function scanPutRecords(bytes: Uint8Array): PutRecordsInput | undefined {
  try {
    return new Scanner(bufferOf(bytes)).input()
  } catch {
    // What stands beside the records is wrong: in which words is not known here.
    return undefined
  }
}

/** The same for a PutRecord, of which all members are read here: each is usual, or the whole is not. */
export function scanPutRecord(bytes: Uint8Array): PutRecordInput | undefined {
  return new Scanner(bufferOf(bytes)).single()
}

/** Mostly it is one already, and another view of it takes as long as a member (bench: PutRecord). */
function bufferOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

class Scanner {
  readonly #body: Buffer
  #at = 0
  /** Where the letters of each record's data begin and end. */
  readonly #spans: number[] = []
  #dataBytes = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  input(): PutRecordsInput | undefined {
    let records: Mutable<PutRecordsEntry>[] | undefined
    let shell = ''
    if (!this.#skip(OPENING_BRACE)) return undefined
    do {
      const name = this.#text()
      if (name === undefined || !this.#skip(COLON)) return undefined
      if (name === 'Records') {
        if (records !== undefined) return undefined
        records = this.#records()
        if (records === undefined) return undefined
        continue
      }
      const value = this.#text()
      if (value === undefined) return undefined
      shell += `${shell === '' ? '' : ','}"${name}":"${value}"`
      if (shell.length > SHELL_LETTERS_MAX) return undefined
    } while (this.#skip(COMMA))
    if (!this.#skip(CLOSING_BRACE) || this.#at !== this.#body.length || records === undefined) return undefined
    return this.#decode(records) ? decodeShell(records, JSON.parse(`{${shell}}`) as object) : undefined
  }

  single(): PutRecordInput | undefined {
    const input = this.#members<PutRecordInput>(PUT_RECORD_MEMBERS)
    if (input === undefined || this.#at !== this.#body.length) return undefined
    // Mostly small: a part of a piece that Node shares out.
    const data = Buffer.allocUnsafe(this.#dataBytes)
    const length = this.#decodeLetters(this.#spans[0] ?? 0, this.#spans[1] ?? 0, data, 0)
    if (length === undefined) return undefined
    input.Data = data
    return input
  }

  #decode(records: readonly Mutable<PutRecordsEntry>[]): boolean {
    // One buffer for all, and no larger: the records of a request live and die together, and are handed on together.
    const data = Buffer.allocUnsafeSlow(this.#dataBytes)
    let from = 0
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as Mutable<PutRecordsEntry>
      const start = this.#spans[2 * i] ?? 0
      const end = this.#spans[2 * i + 1] ?? 0
      const length = this.#decodeLetters(start, end, data, from)
      if (length === undefined) return false
      record.Data = new Uint8Array(data.buffer, from, length)
      from += length
    }
    return true
  }

  #decodeLetters(start: number, end: number, data: Buffer, at: number): number | undefined {
    if (end - start <= SMALL_LETTERS_MAX)
      return decodeSmallBase64(this.#body, start, end, data, at) ? this.#lengthOf(start, end) : undefined
    // Decoded whole: what is no letter of base64, an escape among them, makes the result too short.
    const letters = this.#body.toString('latin1', start, end)
    const length = base64DecodedLength(letters)
    return length === undefined || data.write(letters, at, length, 'base64') !== length ? undefined : length
  }

  /** Of `end - start` letters, if they are base64. */
  #lengthOf(start: number, end: number): number {
    const body = this.#body
    const pads = end === start || body[end - 1] !== PAD ? 0 : body[end - 2] === PAD ? 2 : 1
    return ((end - start) / 4) * 3 - pads
  }

  #records(): Mutable<PutRecordsEntry>[] | undefined {
    const records: Mutable<PutRecordsEntry>[] = []
    if (!this.#skip(OPENING_BRACKET)) return undefined
    do {
      const record = this.#record()
      if (record === undefined || records.length === PUT_RECORDS_MAX) return undefined
      records.push(record)
    } while (this.#skip(COMMA))
    return this.#skip(CLOSING_BRACKET) ? records : undefined
  }

  #record(): Mutable<PutRecordsEntry> | undefined {
    return this.#members<PutRecordsEntry>(RECORD_MEMBERS)
  }

  /** What stands between braces, with its data still to be decoded. */
  #members<T extends PutRecordsEntry>(members: readonly KnownMember<keyof T>[]): Mutable<T> | undefined {
    const found = { Data: nothing } as Mutable<T> & Record<keyof T, unknown>
    let hasData = false
    if (!this.#skip(OPENING_BRACE)) return undefined
    do {
      const member = this.#member(members)
      if (member === undefined || !this.#skip(COLON)) return undefined
      const { name, schema } = member
      if (schema === undefined) {
        if (hasData || !this.#letters()) return undefined
        hasData = true
        continue
      }
      const value = this.#text()
      if (found[name] !== undefined || value === undefined || !isUsual(schema, value)) return undefined
      ;(found as Record<keyof T, unknown>)[name] = value
    } while (this.#skip(COMMA))
    return this.#skip(CLOSING_BRACE) && hasData ? found : undefined
  }

  /** Passes over a string of base64. False: it cannot be one. */
  #letters(): boolean {
    if (!this.#skip(QUOTE)) return false
    const body = this.#body
    const start = this.#at
    const end = body.indexOf(QUOTE, start)
    if (end === -1 || (end - start) % 4 !== 0) return false
    const length = this.#lengthOf(start, end)
    if (length > RECORD_BYTES_MAX) return false
    this.#spans.push(start, end)
    this.#dataBytes += length
    this.#at = end + 1
    return true
  }

  #member<Name>(members: readonly KnownMember<Name>[]): KnownMember<Name> | undefined {
    if (!this.#skip(QUOTE)) return undefined
    for (const member of members) {
      if (!this.#standsHere(member.bytes)) continue
      this.#at += member.bytes.length
      return member
    }
    return undefined
  }

  #standsHere(bytes: Buffer): boolean {
    const body = this.#body
    const start = this.#at
    for (let i = 0; i < bytes.length; i++) if (body[start + i] !== bytes[i]) return false
    return true
  }

  /** A short string of printable ASCII without escapes. */
  #text(): string | undefined {
    if (!this.#skip(QUOTE)) return undefined
    const body = this.#body
    const start = this.#at
    for (let at = start; at < body.length; at++) {
      const byte = body[at] ?? 0
      if (byte === QUOTE) {
        this.#at = at + 1
        return body.toString('latin1', start, at)
      }
      if (byte < SPACE || byte > TILDE || byte === BACKSLASH) return undefined
    }
    return undefined
  }

  /** Passes over `byte` and blanks around it, if it is what comes. Strings begin right behind their quote. */
  #skip(byte: number): boolean {
    const body = this.#body
    while (isBlank(body[this.#at])) this.#at++
    if (body[this.#at] !== byte) return false
    this.#at++
    if (byte !== QUOTE) while (isBlank(body[this.#at])) this.#at++
    return true
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function isUsual({ min = 0, max = Infinity, matcher }: StringSchema, value: string): boolean {
  return value.length >= min && value.length <= max && (matcher === undefined || matcher.test(value))
}
