/**
 * What a reader may still see. A record is visible while its arrival time is later than now − retention and it was
 * not trimmed before: making retention longer brings nothing back, making it shorter trims at once.
 */
import type { Shard } from './shard.ts'
import type { Stream } from './stream.ts'

const HOUR_MS = 3_600_000

/** Records with a time before this are gone. `trustedNowMs` comes from the guarded clock (background/). */
export function visibleFromMs(stream: Stream, trustedNowMs: number): number {
  return Math.max(stream.trimFloorMs, trustedNowMs - stream.retentionHours * HOUR_MS + 1)
}

export function changeRetention(stream: Stream, retentionHours: number, trustedNowMs: number): Stream {
  const before = visibleFromMs(stream, trustedNowMs)
  const after = visibleFromMs({ ...stream, retentionHours }, trustedNowMs)
  return { ...stream, retentionHours, trimFloorMs: Math.max(before, after) }
}

/** True when a closed shard can hold no visible record any more: it is no longer listed and may be dropped. */
export function isExpired(shard: Shard, fromMs: number): boolean {
  return shard.closed !== undefined && shard.closed.atMs < fromMs
}
