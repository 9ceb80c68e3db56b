/**
 * Reads the body of a PutRecords straight from its bytes: `JSON.parse` would make a text of the body, and a text of each
 * record's data, of which nothing is kept, and would look up short keys among all texts that there are. At the first
 * unusual thing it gives up, and the way through `JSON.parse` is taken, as with the decoder in put-records.ts; that all
 * give the same is a property of the tests. It takes half the time, or a little more (docs/decisions/091, 140).
 */
import { PARTITION_KEY_LENGTH_MAX, PUT_RECORDS_MAX, RECORD_BYTES_MAX } from '../limits.ts'
import type { PutRecordsEntry, PutRecordsInput } from '../operations/put-records.ts'
import { HashKey } from '../operations/shapes.ts'
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

/** With the quote behind them. */
const MEMBERS = (['Data', 'PartitionKey', 'ExplicitHashKey'] as const).map((name) => ({
  name,
  bytes: Buffer.from(`${name}"`),
}))

const nothing = new Uint8Array(0)

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** `undefined`: it is not usual. Throws nothing. */
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

  /** With its data still to be decoded. */
  #record(): Mutable<PutRecordsEntry> | undefined {
    const record: Mutable<PutRecordsEntry> = { Data: nothing }
    let hasData = false
    if (!this.#skip(OPENING_BRACE)) return undefined
    do {
      const name = this.#member()
      if (name === undefined || !this.#skip(COLON)) return undefined
      if (name === 'Data') {
        if (hasData || !this.#letters()) return undefined
        hasData = true
        continue
      }
      const value = this.#text()
      if (record[name] !== undefined || value === undefined || !IS_USUAL[name](value)) return undefined
      record[name] = value
    } while (this.#skip(COMMA))
    return this.#skip(CLOSING_BRACE) && hasData ? record : undefined
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

const IS_USUAL = {
  PartitionKey: (key: string) => key.length > 0 && key.length <= PARTITION_KEY_LENGTH_MAX,
  ExplicitHashKey: (key: string) => HashKey.matcher?.test(key) === true,
} as const
