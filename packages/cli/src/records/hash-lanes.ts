/**
 * The hash key space cut into lanes: a key always goes the same way, so that one request at a time in each lane keeps
 * the order of every key, whatever splits and merges happen meanwhile. Lanes follow the shards there are at the
 * start: a throttled shard then holds up its own records only.
 */

/** More lanes than this give no more speed, only more requests in flight. */
export const LANES_MAX = 16

/** The first hash key of each lane, ascending, the first one 0: at most `lanesMax` groups of neighbouring shards. */
export function laneStarts(shardStarts: readonly bigint[], lanesMax = LANES_MAX): readonly bigint[] {
  const starts = [...new Set([0n, ...shardStarts])].sort((a, b) => (a < b ? -1 : 1))
  const lanes = Math.min(starts.length, lanesMax)
  return Array.from({ length: lanes }, (_, i) => starts[Math.floor((i * starts.length) / lanes)] ?? 0n)
}

/** Index of the lane that holds `hashKey`. */
export function laneOf(starts: readonly bigint[], hashKey: bigint): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0n) <= hashKey) low = middle
    else high = middle - 1
  }
  return low
}
