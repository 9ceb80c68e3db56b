/** Shard ids: `shardId-` and twelve digits going out, nearly anything with a number in it coming in. */

/** The highest number of a shard. */
export const SHARD_NUMBER_MAX = 2 ** 31 - 1

/** Ids are kept for the numbers below: a put to 10,000 shards answers with 500 of them (bench: `wide`). At most 1 MiB. */
const KEPT_BELOW = 16_384
const kept: (string | undefined)[] = []

/** The canonical id. A number below zero prints as the service prints it: `shardId--00000000001`. */
export function shardIdOf(shard: number): string {
  if (!(shard >= 0 && shard < KEPT_BELOW)) return writtenOut(shard)
  return (kept[shard] ??= writtenOut(shard))
}

function writtenOut(shard: number): string {
  return shard < 0 ? `shardId--${String(-shard).padStart(11, '0')}` : `shardId-${String(shard).padStart(12, '0')}`
}

/**
 * The number in a shard id as the service reads it: what follows the first `-`, or the whole text if there is none,
 * in digits (KINESIS.md §8). `undefined` if it is not one, or too large.
 */
export function parseShardId(text: string): number | undefined {
  const digits = text.slice(text.indexOf('-') + 1)
  if (!/^\d+$/.test(digits)) return undefined
  const shard = Number(digits)
  return shard <= SHARD_NUMBER_MAX ? shard : undefined
}
