/**
 * What an account has settled for itself in a region, as a document of metadata of its own: asked for rarely, so it is
 * read where it stands instead of being kept in memory.
 */
import type { MetaEntry, MetaStore } from '../engine/engine.ts'
import { decodeDocument, encodeDocument } from './documents.ts'

/** The commitment to a minimum of throughput. Times in ms since the epoch. */
export interface Commitment {
  readonly startedMs: number
  /** When it ends or ended; absent while nobody has ended it. */
  readonly endMs?: number
}

export function isInForce(commitment: Commitment | undefined, nowMs: number): commitment is Commitment {
  return commitment !== undefined && (commitment.endMs === undefined || nowMs < commitment.endMs)
}

export interface AccountSettings {
  readonly commitment?: Commitment
}

/** An account in a region. */
export interface AccountKey {
  readonly account: string
  readonly region: string
}

function settingsKey({ account, region }: AccountKey): string {
  return `accounts/${account}/${region}/settings`
}

export async function readAccountSettings(meta: MetaStore, key: AccountKey): Promise<AccountSettings> {
  return settingsOf(await meta.get(settingsKey(key)))
}

/** Changes the settings; `change` is called again each time another change came first. Rejects with EngineError. */
export async function changeAccountSettings(
  meta: MetaStore,
  key: AccountKey,
  deadlineMs: number,
  change: (settings: AccountSettings) => AccountSettings,
): Promise<AccountSettings> {
  for (;;) {
    const entry = await meta.get(settingsKey(key))
    const next = change(settingsOf(entry))
    const value = encodeDocument(next)
    const result = await meta.cas([{ key: settingsKey(key), value, expect: entry?.revision ?? 0 }], { deadlineMs })
    if (result.ok) return next
  }
}

function settingsOf(entry: MetaEntry | undefined): AccountSettings {
  return entry === undefined ? {} : decodeDocument(entry.key, entry.value)
}
