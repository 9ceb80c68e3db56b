/**
 * Whose frames lay in commits that cannot be read: told by the chains of the ledgers, each frame naming the commit of
 * the one before. Of a ledger whose chain ends before, nobody can tell, unless a snapshot above knows.
 */
import type { DamagedLedger, Ledger, RecordPlace } from './api.ts'
import { FRAME_RECORDS } from './format/commit-format.ts'
import type { LedgerTable } from './ledger-table.ts'
import { IndexDamagedError } from './page-cache.ts'
import type { Segment } from './segment.ts'
import { type IndexEntry, queryAll } from './segment-index.ts'

export interface Recovered {
  readonly table: LedgerTable
  /** In order. */
  readonly segments: readonly Segment[]
  /** Newest first. */
  readonly snapshotCommits: readonly number[]
}

/** Ledgers of users with a frame in commits `from` to `to`, ascending. None if an index is wrong: it cannot be told. */
export async function damagedLedgers(
  recovered: Recovered,
  from: number,
  to: number,
): Promise<readonly DamagedLedger[]> {
  try {
    return await findLedgers(recovered, from, to)
  } catch (error) {
    if (error instanceof IndexDamagedError) return []
    throw error
  }
}

async function findLedgers(recovered: Recovered, from: number, to: number): Promise<readonly DamagedLedger[]> {
  const found: DamagedLedger[] = []
  for (const { ledger, openCommit, durableFrameCommit } of recovered.table.values()) {
    if (ledger === 0 || openCommit > to) continue
    const next = await nextFrame(recovered, ledger, to)
    const last = next === undefined ? durableFrameCommit : next.previousCommit
    if (last < from || last > to) continue
    const [after, before] = [await placeBefore(recovered, ledger, from), await placeAfter(recovered, ledger, to)]
    found.push({
      ledger,
      isCertain: next !== undefined || to <= (recovered.snapshotCommits[0] ?? 0),
      ...(after === undefined ? {} : { after }),
      ...(before === undefined ? {} : { before }),
    })
  }
  return found.sort((a, b) => a.ledger - b.ledger)
}

/** The records of one frame. */
export function damagedFrame(
  ledger: Ledger,
  { commit, records, timeMs }: Pick<IndexEntry, 'commit' | 'records' | 'timeMs'>,
): DamagedLedger {
  return { ledger, isCertain: true, first: { commit, index: 0, timeMs }, last: { commit, index: records - 1, timeMs } }
}

async function nextFrame({ segments }: Recovered, ledger: Ledger, commit: number): Promise<IndexEntry | undefined> {
  const query = { ...queryAll(ledger, commit + 1), recordsMax: 1 }
  for (const segment of segments) {
    if (segment.lastCommit <= commit || !segment.index.has(ledger)) continue
    const [next] = await segment.index.collect(query)
    if (next !== undefined) return next
  }
  return undefined
}

async function placeAfter({ segments }: Recovered, ledger: Ledger, commit: number): Promise<RecordPlace | undefined> {
  const query = { ...queryAll(ledger, commit + 1), recordsMax: 1 }
  for (const segment of segments) {
    if (segment.lastCommit <= commit || !segment.index.has(ledger)) continue
    const next = (await segment.index.collect(query)).find(({ kind }) => kind === FRAME_RECORDS)
    if (next !== undefined) return { commit: next.commit, index: 0, timeMs: next.timeMs }
  }
  return undefined
}

async function placeBefore({ segments }: Recovered, ledger: Ledger, commit: number): Promise<RecordPlace | undefined> {
  for (const segment of segments.toReversed()) {
    if (segment.firstCommit >= commit || !segment.index.has(ledger)) continue
    const entries = await segment.index.collect(queryAll(ledger, 0))
    const last = entries.findLast((entry) => entry.kind === FRAME_RECORDS && entry.commit < commit)
    if (last !== undefined) return { commit: last.commit, index: last.records - 1, timeMs: last.timeMs }
  }
  return undefined
}
