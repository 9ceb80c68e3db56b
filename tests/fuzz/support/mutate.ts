/** Bends bytes without knowing what they mean: flips, cuts, copies, splices, numbers at their edges, known words. */
import { type Random, randomBelow } from '@millrace/std'

import { pick } from './target.ts'

/** Longer inputs say nothing that shorter ones do not, and cost time; scaling.test.ts looks at large ones. */
const INPUT_BYTES_MAX = 64 * 1024
const BENDS_MAX = 4
const EDGES = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
]

/** `other`: what is spliced in. */
export function mutate(input: Uint8Array, random: Random, words: readonly string[], other: Uint8Array): Uint8Array {
  let bytes = Buffer.from(input)
  for (let bends = 1 + randomBelow(random, BENDS_MAX); bends > 0; bends--) bytes = bend(bytes, random, words, other)
  return bytes.length > INPUT_BYTES_MAX ? bytes.subarray(0, INPUT_BYTES_MAX) : bytes
}

function bend(bytes: Buffer, random: Random, words: readonly string[], other: Uint8Array): Buffer<ArrayBuffer> {
  const at = randomBelow(random, bytes.length + 1)
  const length = Math.min(randomBelow(random, 1 + 2 ** randomBelow(random, 10)), bytes.length - at)
  const piece = bytes.subarray(at, at + length)
  const insert = (what: Uint8Array): Buffer<ArrayBuffer> =>
    Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at)])
  const copy = Buffer.from(bytes)
  switch (randomBelow(random, 10)) {
    case 0:
    case 1:
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << randomBelow(random, 8))
      return copy
    case 2:
      if (at < copy.length) copy[at] = randomBelow(random, 256)
      return copy
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 4:
      return insert(Buffer.from(random.bytes(1 + randomBelow(random, 8))))
    case 5: {
      const to = randomBelow(random, bytes.length + 1)
      return Buffer.concat([bytes.subarray(0, to), piece, bytes.subarray(to)])
    }
    case 6:
      return edge(copy, at, random)
    case 7:
      return words.length === 0 ? edge(copy, at, random) : insert(Buffer.from(pick(random, words)))
    case 8: {
      const from = randomBelow(random, other.length + 1)
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from)])
    }
    default:
      return randomBelow(random, 4) === 0 ? Buffer.from(bytes.subarray(0, at)) : repeated(bytes, at, length, random)
  }
}

/** A number at the edge of its width, either way round, or one off what stood there. */
function edge(copy: Buffer<ArrayBuffer>, at: number, random: Random): Buffer<ArrayBuffer> {
  const value = pick(random, EDGES)
  const wide = at + 4 <= copy.length && value > 0xff
  if (wide && randomBelow(random, 2) === 0) copy.writeUInt32BE(value, at)
  else if (wide) copy.writeUInt32LE(value, at)
  else if (at < copy.length) copy[at] = randomBelow(random, 2) === 0 ? value & 0xff : ((copy[at] ?? 0) + 1) & 0xff
  return copy
}

function repeated(bytes: Buffer, at: number, length: number, random: Random): Buffer<ArrayBuffer> {
  const piece = bytes.subarray(at, at + Math.max(1, Math.min(length, 16)))
  const times = 2 ** randomBelow(random, 9)
  return Buffer.concat([bytes.subarray(0, at), ...Array.from({ length: times }, () => piece), bytes.subarray(at)])
}
