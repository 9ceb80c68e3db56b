/**
 * Strict base64: standard alphabet, padded, no bits left over. Node's own decoder forgives all of that, so its work
 * is checked: whatever it passed over makes the result shorter than the text promises.
 */

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const PAD = 0x3d

/** The value of a letter by its code, or a byte; 255 for what is none. */
const letterValues = new Uint8Array(256).fill(255)
for (let value = 0; value < LETTERS.length; value++) letterValues[LETTERS.charCodeAt(value)] = value

const letterCodes = Buffer.from(LETTERS)

/** The two letters of each 12 bits, the first in the low byte: as they lie in memory when written little-endian. */
const letterPairs = Uint16Array.from(
  { length: 4096 },
  (_, bits) => (letterCodes[bits >>> 6] ?? 0) | ((letterCodes[bits & 63] ?? 0) << 8),
)

/** The bytes, or `undefined` if `text` is not strict base64: then describeBase64Fault says why. */
export function decodeBase64(text: string): Buffer | undefined {
  const length = base64DecodedLength(text)
  if (length === undefined) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === length ? bytes : undefined
}

/**
 * How many bytes strict base64 text stands for; `undefined` if it cannot be strict. Sees the length, the padding, the
 * last letter, the letters of the other alphabet and those beyond ASCII; what else there may be wrong makes Node's
 * decoder give fewer bytes than this.
 */
export function base64DecodedLength(text: string): number | undefined {
  const { length } = text
  if (length === 0) return 0
  if (length % 4 !== 0) return undefined
  const pads = padding(text)
  if (pads > 0) {
    const last = letterValues[text.charCodeAt(length - pads - 1)] ?? 255
    if (last === 255 || (last & (pads === 1 ? 0b11 : 0b1111)) !== 0) return undefined
  }
  if (text.includes('-') || text.includes('_')) return undefined
  // Node looks at the low byte only of letters beyond ASCII.
  if (Buffer.byteLength(text, 'utf8') !== length) return undefined
  return (length / 4) * 3 - pads
}

/**
 * Decodes the letters of `source` from `start` to `end`, a multiple of four of them, to `at`. True: they were strict base64,
 * and all that they stand for is written; false: something of it may be. For up to some 200 letters faster than the way
 * through a string (bench: PutRecords, 100 B).
 */
export function decodeSmallBase64(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): boolean {
  // The last four letters may have padding, which is no letter.
  const last = end - 4
  let to = at
  // Any letter that is none leaves a bit above the six of a value.
  let seen = 0
  for (let from = start; from < last; from += 4) {
    const first = valueAt(source, from)
    const second = valueAt(source, from + 1)
    const third = valueAt(source, from + 2)
    const fourth = valueAt(source, from + 3)
    seen |= first | second | third | fourth
    target[to] = (first << 2) | (second >>> 4)
    target[to + 1] = (second << 4) | (third >>> 2)
    target[to + 2] = (third << 6) | fourth
    to += 3
  }
  if (seen > 63) return false
  if (last < start) return true
  const pads = source[end - 1] !== PAD ? 0 : source[end - 2] === PAD ? 2 : 1
  const first = valueAt(source, last)
  const second = valueAt(source, last + 1)
  const third = pads === 2 ? 0 : valueAt(source, last + 2)
  const fourth = pads > 0 ? 0 : valueAt(source, last + 3)
  if ((first | second | third | fourth) > 63) return false
  // Bits that no byte takes.
  if (pads === 2 ? (second & 0b1111) !== 0 : pads === 1 && (third & 0b11) !== 0) return false
  target[to] = (first << 2) | (second >>> 4)
  if (pads < 2) target[to + 1] = (second << 4) | (third >>> 2)
  if (pads < 1) target[to + 2] = (third << 6) | fourth
  return true
}

/**
 * Writes `length` bytes of `source` as base64 at `at`. Four letters a store, two a look-up: up to some 200 bytes faster
 * than Node's own way through a string, at 100 half the time (bench: GetRecords, 100 B, first reader).
 */
export function encodeSmallBase64(
  source: Uint8Array,
  offset: number,
  length: number,
  target: DataView,
  at: number,
): void {
  const left = length % 3
  const end = offset + length - left
  let to = at
  for (let from = offset; from < end; from += 3) {
    const middle = source[from + 1] ?? 0
    const first = letterPairs[((source[from] ?? 0) << 4) | (middle >>> 4)] ?? 0
    const second = letterPairs[((middle & 15) << 8) | (source[from + 2] ?? 0)] ?? 0
    target.setUint32(to, first | (second << 16), true)
    to += 4
  }
  if (left === 0) return
  const bits = ((source[end] ?? 0) << 8) | (left === 2 ? (source[end + 1] ?? 0) : 0)
  const third = left === 2 ? (letterCodes[(bits << 2) & 63] ?? 0) : PAD
  target.setUint32(to, (letterPairs[bits >>> 4] ?? 0) | (third << 16) | (PAD << 24), true)
}

/** The service's words for what is wrong with `text`, which is not strict base64. */
export function describeBase64Fault(text: string): string {
  if (text.length % 4 !== 0) {
    return `Base64 encoded length is expected a multiple of 4 bytes but found: ${text.length}`
  }
  const end = text.length - padding(text)
  for (let index = 0; index < end; index++) {
    const code = text.charCodeAt(index)
    if ((letterValues[code] ?? 255) === 255) return `Invalid Base64 character: '${text.charAt(index)}'`
  }
  return 'Invalid last non-pad Base64 character dectected'
}

/** `at` is within `source`. */
function valueAt(source: Uint8Array, at: number): number {
  return letterValues[source[at] as number] as number
}

function padding(text: string): number {
  const { length } = text
  if (text.charCodeAt(length - 1) !== PAD) return 0
  return text.charCodeAt(length - 2) === PAD ? 2 : 1
}
