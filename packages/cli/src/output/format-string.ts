/**
 * Format strings for records, in the manner of rpk: `%k\t%v\n`. A template is compiled once; rendering gives bytes,
 * because a value need not be text. What terminals could take for commands is escaped by `%v{auto}` only: every
 * other form writes what it says.
 */
import { usageError } from '../exit-code.ts'

/** A record as the reading verbs hand it out. */
export interface OutputRecord {
  readonly stream: string
  readonly shardId: string
  readonly sequenceNumber: string
  /** Of a record that came in an aggregated one. */
  readonly subSequenceNumber?: number | undefined
  readonly partitionKey: string
  readonly data: Uint8Array
  /** Approximate arrival, ms since the epoch. */
  readonly arrivalMs: number
  /** 1 for the first record written by this command. */
  readonly number: number
}

export interface FormatContext {
  /** The wall clock, for `%d{ago}`. */
  readonly nowMs: () => number
  /** Where a partition key lies, for `%h`. */
  readonly hashKeyOf: (partitionKey: string) => bigint
}

export type RecordFormat = (record: OutputRecord) => Uint8Array

type Piece = (record: OutputRecord, context: FormatContext) => string | Uint8Array

/** The default on a terminal, and in a pipe. */
export const TERMINAL_FORMAT = String.raw`%d{local}  %s{short}  %k  %v{auto}\n`
export const PIPE_FORMAT = String.raw`%v\n`

/** One line per field, for --help and the reference. */
export const formatFields = [
  ['%v', 'value; {raw} (default), {auto}, {hex}, {base64}, {json}, {pretty}'],
  ['%k', 'partition key; {quote} as a JSON string'],
  ['%s', 'shard id; {short} its number alone'],
  ['%q', 'sequence number'],
  ['%d', 'arrival time; {iso} (default), {ms}, {local}, {ago}, {strftime[%H:%M:%S]}'],
  ['%z', 'size of the value in bytes'],
  ['%h', 'hash key of the partition key'],
  ['%t', 'stream'],
  ['%i', 'running number of the record in this output'],
  ['%%', 'a percent sign; also \\n \\t \\r \\\\ \\xNN'],
] as const

/** Compiles `template`. Throws a usage error that names the place and the known fields. */
export function compileFormat(template: string, context: FormatContext): RecordFormat {
  const pieces = parseTemplate(template)
  return (record) => {
    const parts = pieces.map((piece) => {
      const part = piece(record, context)
      return typeof part === 'string' ? Buffer.from(part) : part
    })
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  }
}

function parseTemplate(template: string): readonly Piece[] {
  const pieces: Piece[] = []
  let literal: Buffer[] = []
  const flush = (): void => {
    const bytes = Buffer.concat(literal)
    if (bytes.length > 0) pieces.push(() => bytes)
    literal = []
  }
  // A field with its modifier (which may hold brackets with anything inside), an escape, or plain text.
  const token = /%(%|([a-z])(?:\{([^}[]*(?:\[[^\]]*\])?)\})?)|\\(x[0-9a-fA-F]{2}|[ntr\\])|[^%\\]+/giy
  while (token.lastIndex < template.length) {
    const at = token.lastIndex
    const match = token.exec(template)
    if (match === null) {
      throw usageError(
        `format string: "${template.slice(at, at + 4)}" at character ${at + 1} is neither a field nor an escape`,
        fieldHint,
      )
    }
    const [text, percent, field, modifier, escape] = match
    if (percent === '%') literal.push(Buffer.from('%'))
    else if (field !== undefined) {
      flush()
      pieces.push(fieldPiece(field, modifier))
    } else if (escape !== undefined) literal.push(unescape(escape))
    else literal.push(Buffer.from(text))
  }
  flush()
  return pieces
}

const fieldHint = `fields: ${formatFields.map(([name]) => name).join(' ')}; escapes: \\n \\t \\r \\\\ \\xNN`

function unescape(escape: string): Buffer {
  if (escape.startsWith('x')) return Buffer.from([Number.parseInt(escape.slice(1), 16)])
  return Buffer.from({ n: '\n', t: '\t', r: '\r', '\\': '\\' }[escape] ?? '')
}

const fields: Readonly<Record<string, Readonly<Record<string, Piece>>>> = {
  v: {
    '': (record) => record.data,
    raw: (record) => record.data,
    auto: (record) => printable(record.data),
    hex: (record) => Buffer.from(record.data).toString('hex'),
    base64: (record) => Buffer.from(record.data).toString('base64'),
    json: (record) => JSON.stringify(jsonOrText(record.data)),
    pretty: (record) => {
      const value = jsonOrText(record.data)
      return typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)
    },
  },
  k: { '': (record) => record.partitionKey, quote: (record) => JSON.stringify(record.partitionKey) },
  s: { '': (record) => record.shardId, short: (record) => record.shardId.replace(/^shardId-0*(?=\d)/, '') },
  q: { '': (record) => record.sequenceNumber },
  d: {
    '': (record) => new Date(record.arrivalMs).toISOString(),
    iso: (record) => new Date(record.arrivalMs).toISOString(),
    ms: (record) => String(record.arrivalMs),
    local: (record) => strftime(record.arrivalMs, '%Y-%m-%d %H:%M:%S.%L'),
    ago: (record, context) => ago(context.nowMs() - record.arrivalMs),
  },
  z: { '': (record) => String(record.data.length) },
  h: { '': (record, context) => String(context.hashKeyOf(record.partitionKey)) },
  t: { '': (record) => record.stream },
  i: { '': (record) => String(record.number) },
}

function fieldPiece(field: string, modifier = ''): Piece {
  const forms = fields[field]
  if (forms === undefined) throw usageError(`format string: there is no field %${field}`, fieldHint)
  const pattern = field === 'd' ? /^strftime\[(.*)\]$/s.exec(modifier)?.[1] : undefined
  if (pattern !== undefined) return (record) => strftime(record.arrivalMs, pattern)
  const piece = Object.hasOwn(forms, modifier) ? forms[modifier] : undefined
  if (piece !== undefined) return piece
  const known = Object.keys(forms).filter((name) => name !== '')
  if (field === 'd') known.push('strftime[…]')
  throw usageError(
    `format string: %${field} has no form {${modifier}}`,
    known.length === 0 ? `%${field} stands alone` : `%${field} takes: ${known.map((name) => `{${name}}`).join(' ')}`,
  )
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes as text, or `undefined` when they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Text with control characters escaped (a record must not move the cursor), or base64 marked as such. */
function printable(bytes: Uint8Array): string {
  const text = textOf(bytes)
  if (text === undefined) return `base64:${Buffer.from(bytes).toString('base64')}`
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character]
    return short ?? `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}

/** The JSON value in the bytes; else their text; else base64. */
function jsonOrText(bytes: Uint8Array): unknown {
  const text = textOf(bytes)
  if (text === undefined) return Buffer.from(bytes).toString('base64')
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** `850ms`, `12s`, `5m`, `3h`, `2d`: the largest unit, rounded down. A clock ahead of ours reads as 0. */
function ago(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.floor(ms))}ms`
  if (ms < 60_000) return `${Math.floor(ms / 1000)}s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)}m`
  return ms < 86_400_000 ? `${Math.floor(ms / 3_600_000)}h` : `${Math.floor(ms / 86_400_000)}d`
}

/** The common letters of strftime(3) in local time, and `%L` for milliseconds. Unknown letters stay as they are. */
function strftime(timeMs: number, pattern: string): string {
  const date = new Date(timeMs)
  const pad = (n: number, width = 2): string => String(n).padStart(width, '0')
  const letters: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getFullYear()),
    m: () => pad(date.getMonth() + 1),
    d: () => pad(date.getDate()),
    H: () => pad(date.getHours()),
    M: () => pad(date.getMinutes()),
    S: () => pad(date.getSeconds()),
    L: () => pad(date.getMilliseconds(), 3),
    s: () => String(Math.floor(timeMs / 1000)),
    F: () => strftime(timeMs, '%Y-%m-%d'),
    T: () => strftime(timeMs, '%H:%M:%S'),
    z: () => {
      const minutes = -date.getTimezoneOffset()
      return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(minutes) / 60))}${pad(Math.abs(minutes) % 60)}`
    },
    '%': () => '%',
  }
  return pattern.replace(/%([a-zA-Z%])/g, (text, letter: string) => letters[letter]?.() ?? text)
}
