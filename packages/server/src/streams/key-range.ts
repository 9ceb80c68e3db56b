/**
 * The algebra of hash-key ranges: dividing the whole key space, cutting a range in two, joining two neighbours.
 */
import type { HashKeyRange } from './shard.ts'

const KEY_SPACE = 2n ** 128n

/**
 * The ranges of a new stream of `count` shards: floor(2^128 / count) keys each, the last one takes what is left over.
 * AWS: producers compare them exactly.
 */
export function divideKeySpace(count: number): readonly HashKeyRange[] {
  const size = KEY_SPACE / BigInt(count)
  return Array.from({ length: count }, (_, i) => ({
    start: size * BigInt(i),
    end: i === count - 1 ? KEY_SPACE - 1n : size * BigInt(i + 1) - 1n,
  }))
}

/**
 * True when a range may be cut so that the upper part starts at `at`. AWS: strictly between start + 1 and end, so
 * both parts have at least two keys.
 */
export function canCut(range: HashKeyRange, at: bigint): boolean {
  return at > range.start + 1n && at < range.end
}

/** The two parts of a range, lower first. `at` begins the upper one. */
export function cut(range: HashKeyRange, at: bigint): readonly [HashKeyRange, HashKeyRange] {
  return [
    { start: range.start, end: at - 1n },
    { start: at, end: range.end },
  ]
}

/** True when `upper` begins where `lower` ends. */
export function meet(lower: HashKeyRange, upper: HashKeyRange): boolean {
  return lower.end + 1n === upper.start
}

export function join(lower: HashKeyRange, upper: HashKeyRange): HashKeyRange {
  return { start: lower.start, end: upper.end }
}
