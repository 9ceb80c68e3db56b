/**
 * The beginning of the MD5 of a short text, which is all that routing looks at. One block of RFC 1321 in plain numbers:
 * 210 ns where the call into native code and the text that it makes take 380 (bench: PutRecords, 100 B).
 */

/** What fits one block beside the mark behind it and its length. */
const TEXT_BYTES_MAX = 55
const ROUNDS = 64
/** RFC 1321: the sines of 1 … 64 radians. */
const sines = Int32Array.from({ length: ROUNDS }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32))
const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
const rotations = Int32Array.from({ length: ROUNDS }, (_, i) => shifts[((i >> 4) << 2) | (i & 3)] ?? 0)
/** Which word of the block a round takes. */
const places = Int32Array.from({ length: ROUNDS }, (_, i) => {
  if (i < 16) return i
  if (i < 32) return (5 * i + 1) & 15
  return i < 48 ? (3 * i + 5) & 15 : (7 * i) & 15
})
const words = new Int32Array(16)

/** The highest 53 bits of the MD5 of `text`; `undefined` unless it is ASCII of at most 55 characters. */
export function md5Prefix(text: string): number | undefined {
  if (!fill(text)) return undefined
  let a = 0x67452301
  let b = 0xefcdab89 | 0
  let c = 0x98badcfe | 0
  let d = 0x10325476
  for (let i = 0; i < ROUNDS; i++) {
    const mixed = i < 16 ? (b & c) | (~b & d) : i < 32 ? (d & b) | (~d & c) : i < 48 ? b ^ c ^ d : c ^ (b | ~d)
    const sum = (a + mixed + (sines[i] ?? 0) + (words[places[i] ?? 0] ?? 0)) | 0
    const by = rotations[i] ?? 0
    a = d
    d = c
    c = b
    b = (b + ((sum << by) | (sum >>> (32 - by)))) | 0
  }
  return highestFirst((a + 0x67452301) | 0) * 2 ** 21 + (highestFirst((b + 0xefcdab89) | 0) >>> 11)
}

/** Puts the text, padded, in the block. */
function fill(text: string): boolean {
  const { length } = text
  if (length > TEXT_BYTES_MAX) return false
  words.fill(0)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return false
    words[i >> 2] = (words[i >> 2] ?? 0) | (code << ((i & 3) << 3))
  }
  words[length >> 2] = (words[length >> 2] ?? 0) | (0x80 << ((length & 3) << 3))
  words[14] = length << 3
  return true
}

/** MD5 writes its words with the lowest byte first. */
function highestFirst(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0
}
