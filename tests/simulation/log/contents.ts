/** Everything that a log shows, read once through its public face. */
import { type Ledger, type LedgerBounds, type Log, type Position, POSITION_START } from '@millrace/log'
import type { VirtualClock } from '@millrace/std/testing'
import type { AppliedChange, ChangeList } from './change-list.ts'
import { splitPayloads } from './payload.ts'
import { settled } from './settled.ts'

export interface FoundPart {
  readonly id: number
  readonly position: Position
  readonly records: number
  readonly timeMs: number
  readonly bytes: Uint8Array
}

/** A stretch of a ledger that the log says it cannot read. */
export interface DamagedRange {
  readonly from: Position
  readonly to: Position
}

export interface LedgerContents {
  readonly state: 'open' | 'closed' | undefined
  readonly bounds: LedgerBounds
  /** Where a seek to the beginning of time stands. */
  readonly oldest: Position
  readonly parts: readonly FoundPart[]
  readonly damaged: readonly DamagedRange[]
}

export interface Contents {
  readonly ledgers: ReadonlyMap<Ledger, LedgerContents>
  readonly changes: readonly AppliedChange[]
  readonly changeBytes: ReadonlyMap<number, Uint8Array>
}

const READ = { recordsMax: 10_000, bytesMax: 1024 * 1024, visibleFromMs: 0, deadlineMs: Number.MAX_SAFE_INTEGER }
/** A read that makes no headway would never end. */
const READS_MAX = 10_000

export interface LedgerRead {
  readonly parts: readonly FoundPart[]
  readonly damaged: readonly DamagedRange[]
}

/** Reads the whole of one ledger, from its start to its tip, over what the log says is damaged. */
export async function readLedger(log: Log, ledger: Ledger): Promise<LedgerRead> {
  const parts: FoundPart[] = []
  const damaged: DamagedRange[] = []
  let from: Position = POSITION_START
  for (let reads = 0; reads < READS_MAX; reads++) {
    const result = await log.read(ledger, from, READ)
    for (const frame of result.frames) {
      let index = frame.firstIndex
      for (const { id, records, bytes } of splitPayloads(frame.bytes)) {
        parts.push({ id, position: { commit: frame.commit, index }, records, timeMs: frame.timeMs, bytes })
        index += records
      }
      if (index !== frame.firstIndex + frame.records) throw new Error(`a frame counts ${frame.records} records wrongly`)
    }
    result.release()
    if (result.damaged === undefined) {
      from = result.next
      if (result.atTip || result.ended) return { parts, damaged }
    } else {
      damaged.push(result.damaged)
      from = result.damaged.to
    }
  }
  throw new Error(`reading ledger ${ledger} does not end`)
}

export function readAll(log: Log, metadata: ChangeList, clock: VirtualClock): Promise<Contents> {
  return settled(clock, readEach(log, metadata))
}

async function readEach(log: Log, metadata: ChangeList): Promise<Contents> {
  const ledgers = new Map<Ledger, LedgerContents>()
  for (const ledger of [...log.ledgers()].sort((a, b) => a - b)) {
    const read = await readLedger(log, ledger)
    const oldest = await log.seekTime(ledger, 0)
    ledgers.set(ledger, { state: log.stateOf(ledger), bounds: log.bounds(ledger), oldest, ...read })
  }
  return { ledgers, changes: metadata.changes.slice(), changeBytes: new Map(metadata.bytes) }
}
