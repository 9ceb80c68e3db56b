/**
 * What a reader may still see. A record is visible while its arrival time is later than now − retention and it was
 * not trimmed before: making retention longer brings nothing back, making it shorter trims at once.
 */
import type { Shard } from './shard.ts'
import type { Stream } from './stream.ts'

const HOUR_MS = 3_600_000

/** Records with a time before this are gone. `trustedNowMs`: the guarded clock (background/), for the stream's retention. */
export function visibleFromMs(stream: Stream, trustedNowMs: number): number {
  return Math.max(stream.trimFloorMs, trustedNowMs - stream.retentionHours * HOUR_MS + 1)
}

/** `trustedNowMs`: the guarded clock, for what is kept for so many hours. */
export function changeRetention(
  stream: Stream,
  retentionHours: number,
  trustedNowMs: (keptHours: number) => number,
): Stream {
  const before = visibleFromMs(stream, trustedNowMs(stream.retentionHours))
  const after = visibleFromMs({ ...stream, retentionHours }, trustedNowMs(retentionHours))
  return { ...stream, retentionHours, trimFloorMs: Math.max(before, after) }
}

/** True when a closed shard can hold no visible record any more: it is no longer listed and may be dropped. */
export function isExpired(shard: Shard, fromMs: number): boolean {
  return shard.closed !== undefined && shard.closed.atMs < fromMs
}
