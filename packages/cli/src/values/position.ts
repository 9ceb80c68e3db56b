/**
 * Where reading begins, as typed: `trim-horizon`, `latest`, a time (`at:2026-11-22T10:00:00Z`, `-15m`, epoch
 * seconds or milliseconds) or a sequence number (`seq:…`, `after:…`, or bare). The words mean the same in every verb.
 */
import { parseDuration } from '@millrace/std'
import { usageError } from '../exit-code.ts'

export type StartPosition =
  | { readonly kind: 'trim-horizon' }
  | { readonly kind: 'latest' }
  /** The first record that arrived at or after this time, ms since the epoch. */
  | { readonly kind: 'time'; readonly timeMs: number }
  | { readonly kind: 'sequence'; readonly sequenceNumber: string; readonly after: boolean }

/** A bare number with at least this many digits is a sequence number: they have 56, times have 10 or 13. */
const SEQUENCE_NUMBER_DIGITS_MIN = 20

const words: ReadonlyMap<string, StartPosition> = new Map([
  ['trim-horizon', { kind: 'trim-horizon' }],
  ['trim_horizon', { kind: 'trim-horizon' }],
  ['oldest', { kind: 'trim-horizon' }],
  ['latest', { kind: 'latest' }],
  ['now', { kind: 'latest' }],
])
/** What a `Date` can hold, in ms on either side of the epoch. */
const TIME_MAX_MS = 8.64e15

/** `nowMs`: the wall clock, for relative times. Throws a usage error that shows the forms. */
export function parsePosition(text: string, nowMs: number): StartPosition {
  const word = words.get(text.toLowerCase())
  if (word !== undefined) return word
  const sequence = /^(seq|after):(\d+)$/.exec(text)
  if (sequence?.[2] !== undefined) {
    return { kind: 'sequence', sequenceNumber: sequence[2], after: sequence[1] === 'after' }
  }
  if (/^\d+$/.test(text) && text.length >= SEQUENCE_NUMBER_DIGITS_MIN) {
    return { kind: 'sequence', sequenceNumber: text, after: false }
  }
  const timeMs = parseTime(text.startsWith('at:') ? text.slice(3) : text, nowMs)
  if (timeMs !== undefined && Math.abs(timeMs) <= TIME_MAX_MS) return { kind: 'time', timeMs }
  throw usageError(
    `"${text}" is no position`,
    'positions: trim-horizon, latest, -15m, at:2026-11-22T10:00:00Z, seq:<sequence number>, after:<sequence number>',
  )
}

function parseTime(text: string, nowMs: number): number | undefined {
  if (text.startsWith('-')) {
    const agoMs = parseDuration(text.slice(1))
    return agoMs === undefined ? undefined : nowMs - agoMs
  }
  if (/^\d{9,10}(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000)
  if (/^\d{12,13}$/.test(text)) return Number(text)
  // Only ISO 8601: Date.parse alone would also take "May 1" and guess.
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) return undefined
  const timeMs = Date.parse(text.replace(' ', 'T'))
  return Number.isNaN(timeMs) ? undefined : timeMs
}
