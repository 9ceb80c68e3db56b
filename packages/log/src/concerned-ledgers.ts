/**
 * Whose frames lay in commits that cannot be read: told by the chains of the ledgers, each frame naming the commit of
 * the one before. Of a ledger whose chain ends before, nobody can tell, unless a snapshot above knows.
 */
import type { Ledger } from './api.ts'
import type { RecoveredLog } from './recovery/recovery.ts'
import { queryAll } from './segment-index.ts'

export interface ConcernedLedger {
  readonly ledger: Ledger
  /** False: it may have lost something, or nothing. */
  readonly isCertain: boolean
}

/** Ledgers of users with a frame in commits `from` to `to`, ascending. */
export async function concernedLedgers(
  { table, segments, snapshotCommits }: Pick<RecoveredLog, 'table' | 'segments' | 'snapshotCommits'>,
  from: number,
  to: number,
): Promise<readonly ConcernedLedger[]> {
  const concerned: ConcernedLedger[] = []
  for (const { ledger, openCommit, durableFrameCommit } of table.values()) {
    if (ledger === 0 || openCommit > to) continue
    const query = { ...queryAll(ledger, to + 1), recordsMax: 1 }
    let lastBefore: number | undefined
    for (const segment of segments) {
      if (segment.lastCommit <= to || !segment.index.has(ledger)) continue
      const [next] = await segment.index.collect(query)
      lastBefore = next?.previousCommit
      if (next !== undefined) break
    }
    const last = lastBefore ?? durableFrameCommit
    const isCertain = lastBefore !== undefined || to <= (snapshotCommits[0] ?? 0)
    if (last >= from && last <= to) concerned.push({ ledger, isCertain })
  }
  return concerned.sort((a, b) => a.ledger - b.ledger)
}
