/** Trees as CBOR, in every form that the grammar allows: wide lengths, indefinite forms, tags, half floats. */
import { type Random, randomBelow } from '@millrace/std'

import { chance, pick } from '../support/target.ts'
import type { Tree } from './api-tree.ts'
import { isList } from './json-text.ts'

const ODD_SHARE = 0.05

export function cborBytes(tree: Tree, random: Random): Uint8Array {
  const pieces: Uint8Array[] = []
  const put = (...bytes: readonly number[]): void => void pieces.push(Uint8Array.from(bytes))
  const head = (major: number, argument: number): void => void pieces.push(headOf(major, argument, random))
  const string = (major: 2 | 3, bytes: Uint8Array): void => {
    if (!chance(random, ODD_SHARE)) {
      head(major, bytes.length)
      pieces.push(bytes)
      return
    }
    put((major << 5) | 31)
    const cut = randomBelow(random, bytes.length + 1)
    for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      head(major, chunk.length)
      pieces.push(chunk)
    }
    put(0xff)
  }
  const write = (value: Tree): void => {
    if (chance(random, ODD_SHARE / 2)) head(6, pick(random, [0, 1, 2, 24, 55_799]))
    if (value === null) put(pick(random, [0xf6, 0xf7]))
    else if (typeof value === 'boolean') put(value ? 0xf5 : 0xf4)
    else if (typeof value === 'number') pieces.push(numberBytes(value, random))
    else if (typeof value === 'string') string(3, Buffer.from(value))
    else if (value instanceof Uint8Array) string(2, value)
    else if (isList(value)) {
      const open = chance(random, ODD_SHARE)
      if (open) put(0x9f)
      else head(4, value.length)
      for (const element of value) write(element)
      if (open) put(0xff)
    } else {
      const open = chance(random, ODD_SHARE)
      const members = Object.entries(value)
      if (open) put(0xbf)
      else head(5, members.length)
      for (const [key, member] of members) {
        string(3, Buffer.from(key))
        write(member)
      }
      if (open) put(0xff)
    }
  }
  write(tree)
  return Buffer.concat(pieces)
}

function headOf(major: number, argument: number, random: Random): Uint8Array {
  const initial = major << 5
  const shortest = argument < 24 ? 0 : argument < 2 ** 8 ? 1 : argument < 2 ** 16 ? 2 : argument < 2 ** 32 ? 4 : 8
  const width = chance(random, ODD_SHARE)
    ? pick(
        random,
        [1, 2, 4, 8].filter((wide) => wide >= shortest),
      )
    : shortest
  if (width === 0) return Uint8Array.of(initial | argument)
  const bytes = Buffer.alloc(1 + width)
  bytes[0] = initial | { 1: 24, 2: 25, 4: 26, 8: 27 }[width as 1 | 2 | 4 | 8]
  if (width === 8) bytes.writeBigUInt64BE(BigInt(argument), 1)
  else bytes.writeUIntBE(argument, 1, width)
  return bytes
}

function numberBytes(value: number, random: Random): Uint8Array {
  const isWhole = Number.isSafeInteger(value) && !Object.is(value, -0)
  if (isWhole && !chance(random, ODD_SHARE)) return value < 0 ? headOf(1, -1 - value, random) : headOf(0, value, random)
  const width = pick(random, [2, 4, 8, 8])
  const bytes = Buffer.alloc(1 + width)
  bytes[0] = { 2: 0xf9, 4: 0xfa, 8: 0xfb }[width as 2 | 4 | 8]
  if (width === 2) bytes.writeUInt16BE(randomBelow(random, 2 ** 16), 1)
  else if (width === 4) bytes.writeFloatBE(Math.fround(value), 1)
  else bytes.writeDoubleBE(value, 1)
  return bytes
}
