/**
 * Reads the body of a PutRecords with large records straight from its bytes: `JSON.parse` would make a text of the
 * body, and a text of each record's data, of which nothing is kept. At the first unusual thing it gives up, and the way
 * through `JSON.parse` is taken, as with the decoder in put-records.ts; that all give the same is a property of the
 * tests. Of 500 × 1 KiB it takes half the time; below 300 characters of data JSON.parse is faster (docs/decisions/091).
 */
import { PARTITION_KEY_LENGTH_MAX, PUT_RECORDS_MAX, RECORD_BYTES_MAX } from '../limits.ts'
import type { PutRecordsEntry, PutRecordsInput } from '../operations/put-records.ts'
import { HashKey } from '../operations/shapes.ts'
import { base64DecodedLength } from './base64.ts'
import { decodeShell } from './put-records.ts'

/** Data of the first record, in letters of base64, from which on it is worth it. */
const LARGE_LETTERS = 300

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSING_BRACKET = 0x5d
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
const TILDE = 0x7e

/** With the quote behind them. */
const MEMBERS = (['Data', 'PartitionKey', 'ExplicitHashKey'] as const).map((name) => ({
  name,
  bytes: Buffer.from(`${name}"`),
}))

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** `undefined`: it is not usual, or not worth it. Throws nothing. */
export function scanPutRecords(bytes: Uint8Array): PutRecordsInput | undefined {
  try {
    return new Scanner(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).input()
  } catch {
    // What stands beside the records is wrong: in which words is not known here.
    return undefined
  }
}

class Scanner {
  readonly #body: Buffer
  #at = 0
  /** The data of all records, side by side: they live and die together. */
  #data: Buffer | undefined
  #dataAt = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  input(): PutRecordsInput | undefined {
    let records: PutRecordsEntry[] | undefined
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
    } while (this.#skip(COMMA))
    if (!this.#skip(CLOSING_BRACE) || this.#at !== this.#body.length || records === undefined) return undefined
    return decodeShell(records, JSON.parse(`{${shell}}`) as object)
  }

  #records(): PutRecordsEntry[] | undefined {
    const records: PutRecordsEntry[] = []
    if (!this.#skip(OPENING_BRACKET)) return undefined
    do {
      const record = this.#record()
      if (record === undefined || records.length === PUT_RECORDS_MAX) return undefined
      records.push(record)
    } while (this.#skip(COMMA))
    return this.#skip(CLOSING_BRACKET) ? records : undefined
  }

  #record(): PutRecordsEntry | undefined {
    let data: Uint8Array | undefined
    const record: Mutable<Partial<PutRecordsEntry>> = {}
    if (!this.#skip(OPENING_BRACE)) return undefined
    do {
      const name = this.#member()
      if (name === undefined || !this.#skip(COLON)) return undefined
      if (name === 'Data') {
        if (data !== undefined) return undefined
        data = this.#base64()
        if (data === undefined) return undefined
        continue
      }
      const value = this.#text()
      if (name === 'PartitionKey') {
        if (record.PartitionKey !== undefined || !isUsualKey(value)) return undefined
        record.PartitionKey = value
      } else {
        if (record.ExplicitHashKey !== undefined || !isUsualHashKey(value)) return undefined
        record.ExplicitHashKey = value
      }
    } while (this.#skip(COMMA))
    if (!this.#skip(CLOSING_BRACE) || data === undefined) return undefined
    const { PartitionKey, ExplicitHashKey } = record
    const entry: Mutable<PutRecordsEntry> = { Data: data }
    if (PartitionKey !== undefined) entry.PartitionKey = PartitionKey
    if (ExplicitHashKey !== undefined) entry.ExplicitHashKey = ExplicitHashKey
    return entry
  }

  #base64(): Uint8Array | undefined {
    if (!this.#skip(QUOTE)) return undefined
    const start = this.#at
    const end = this.#body.indexOf(QUOTE, start)
    if (end === -1 || (this.#data === undefined && end - start < LARGE_LETTERS)) return undefined
    // Decoded whole: what is no letter of base64, an escape among them, makes the result too short.
    const letters = this.#body.toString('latin1', start, end)
    const length = base64DecodedLength(letters)
    if (length === undefined || length > RECORD_BYTES_MAX) return undefined
    // Base64 is a third longer: what is still to come always fits.
    this.#data ??= Buffer.allocUnsafeSlow(Math.ceil((this.#body.length * 3) / 4))
    const from = this.#dataAt
    if (this.#data.write(letters, from, length, 'base64') !== length) return undefined
    this.#at = end + 1
    this.#dataAt = from + length
    return this.#data.subarray(from, from + length)
  }

  /** The name of a record's member. */
  #member(): keyof PutRecordsEntry | undefined {
    if (!this.#skip(QUOTE)) return undefined
    for (const { name, bytes } of MEMBERS) {
      if (!this.#standsHere(bytes)) continue
      this.#at += bytes.length
      return name
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

function isUsualKey(key: string | undefined): key is string {
  return key !== undefined && key.length > 0 && key.length <= PARTITION_KEY_LENGTH_MAX
}

function isUsualHashKey(key: string | undefined): key is string {
  return key !== undefined && HashKey.matcher?.test(key) === true
}
