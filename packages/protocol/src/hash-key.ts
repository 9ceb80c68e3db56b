/**
 * Hash keys: MD5 of the partition key as an unsigned 128-bit number, and the search for the shard that owns one.
 * `bigint` at the edges; the router compares 53-bit prefixes and looks at the rest only where they are equal.
 */
import { hash } from 'node:crypto'

import { md5Prefix } from './md5-prefix.ts'

export const HASH_KEY_MAX = 2n ** 128n - 1n

/** Where a record goes that brings no explicit hash key. */
export function hashKeyOf(partitionKey: string): bigint {
  return BigInt(`0x${hash('md5', partitionKey, 'hex')}`)
}

/** Finds the range of a hash key among ranges that together cover the whole key space. */
export class HashKeyRouter {
  readonly #starts: readonly bigint[]
  readonly #prefixes: Float64Array

  /** `starts`: the first hash key of each range, ascending, from 0 on. Each range ends where the next one starts. */
  constructor(starts: readonly bigint[]) {
    if (starts[0] !== 0n) throw new RangeError(`ranges start at ${starts[0]}, expected 0`)
    this.#starts = starts
    this.#prefixes = Float64Array.from(starts, (start) => Number(start >> 75n))
  }

  /** The place in `starts` of the range that owns the partition key's hash. */
  route(partitionKey: string): number {
    const prefix = md5Prefix(partitionKey) ?? nativePrefix(partitionKey)
    const at = this.#lastAtOrBelow(prefix)
    // Only here may a range of the same prefix start above the hash.
    return this.#prefixes[at] === prefix ? this.routeHashKey(hashKeyOf(partitionKey)) : at
  }

  /** The place in `starts` of the range that owns `hashKey`, which is 0 … HASH_KEY_MAX. */
  routeHashKey(hashKey: bigint): number {
    let at = this.#lastAtOrBelow(Number(hashKey >> 75n))
    while (at > 0 && (this.#starts[at] ?? 0n) > hashKey) at--
    return at
  }

  #lastAtOrBelow(prefix: number): number {
    const prefixes = this.#prefixes
    let low = 0
    let high = prefixes.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((prefixes[middle] ?? 0) <= prefix) low = middle
      else high = middle - 1
    }
    return low
  }
}

function nativePrefix(partitionKey: string): number {
  // A character per byte: half the price of hexadecimal digits that are then parsed.
  const digest = hash('md5', partitionKey, 'binary')
  return word(digest, 0) * 2 ** 21 + (word(digest, 4) >>> 11)
}

/** Four bytes, the highest first. */
function word(bytes: string, at: number): number {
  const high = (bytes.charCodeAt(at) << 8) | bytes.charCodeAt(at + 1)
  return high * 2 ** 16 + ((bytes.charCodeAt(at + 2) << 8) | bytes.charCodeAt(at + 3))
}
