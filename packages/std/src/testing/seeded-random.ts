/**
 * A small, fast, repeatable random source (sfc32) for simulations and property tests. Not for secrets.
 */
import type { Random } from '../random.ts'

export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9 ^ seed
  let b = 0x243f6a88
  let c = 0xb7e15162 ^ (seed >>> 7)
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return sum >>> 0
  }
  // The first outputs of a small state still show the seed: throw them away.
  for (let i = 0; i < 12; i++) next()
  return {
    float: () => next() / 2 ** 32,
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let i = 0; i < length; i++) bytes[i] = next() & 0xff
      return bytes
    },
  }
}
