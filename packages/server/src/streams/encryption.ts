/**
 * Encryption of a stream: what is asked for, and the data keys that its records are sealed with, wrapped by master keys.
 * Asked for in one step and in force with the next, as all that shows UPDATING.
 *
 * Invariants: ids of data keys grow and are never used again; the last one is the one in use, or was before encryption
 * stopped; one that a visible record may be sealed with is never let go.
 */
import { visibleFromMs } from './retention.ts'
import type { Stream } from './stream.ts'

/** A data key as it is stored. */
export interface DataKey {
  /** From 1 on, in its stream. */
  readonly id: number
  /** Id of the master key that wraps it. */
  readonly masterKey: string
  /** The key, sealed by the master key, in base64. */
  readonly wrapped: string
  /** Since when it is used; no record sealed with an earlier one is later, but for the clocks of servers. Ms since the epoch. */
  readonly sinceMs: number
}

/** About 50 KB of metadata. With the keys of renewal alone, enough for twenty years without letting any go. */
export const DATA_KEYS_MAX = 256
/** How much the clocks of servers may differ, and how late one may hear that a key was replaced. */
const SLACK_MS = 3_600_000

export function beginEncryption(stream: Stream, keyId: string, dataKey: DataKey, nowMs: number): Stream {
  return { ...stream, status: 'UPDATING', change: { kind: 'encryption', sinceMs: nowMs, begins: { keyId, dataKey } } }
}

export function beginNoEncryption(stream: Stream, nowMs: number): Stream {
  return { ...stream, status: 'UPDATING', change: { kind: 'encryption', sinceMs: nowMs } }
}

/** The stream once what was begun is in force; as it is when that is something else. */
export function commitEncryption(stream: Stream, nowMs: number): Stream {
  const { change, keyId: _, ...rest } = stream
  if (change?.kind !== 'encryption') return stream
  const { begins } = change
  const active = { ...rest, status: 'ACTIVE' as const }
  if (begins === undefined) return active
  const { keyId, dataKey } = begins
  // The key before it was in use until now.
  const sinceMs = Math.max(dataKey.sinceMs, nowMs)
  return { ...active, keyId, dataKeys: [...dataKeysOf(stream), { ...dataKey, sinceMs }] }
}

export function dataKeysOf(stream: Stream): readonly DataKey[] {
  return stream.dataKeys ?? []
}

/** The data key that new records are sealed with, as long as the stream is encrypted. */
export function dataKeyInUse(stream: Stream): DataKey | undefined {
  return stream.keyId === undefined ? undefined : stream.dataKeys?.at(-1)
}

export function nextDataKeyId(stream: Stream): number {
  return (stream.dataKeys?.at(-1)?.id ?? 0) + 1
}

/** The stream without the data keys of which no record is visible any more. `trustedNowMs`: the guarded clock, for the stream's retention. */
export function withoutExpiredKeys(stream: Stream, trustedNowMs: number): Stream {
  const keys = dataKeysOf(stream)
  const fromMs = visibleFromMs(stream, trustedNowMs) - SLACK_MS
  // A key was last used when the one after it began.
  const firstKept = keys.findIndex((_, i) => (keys[i + 1]?.sinceMs ?? Infinity) >= fromMs)
  return firstKept <= 0 ? stream : { ...stream, dataKeys: keys.slice(firstKept) }
}
