/**
 * A small directory of a log that has regrouped: segments that mixed two retention classes were rewritten as one of each,
 * with their indexes, and a few commits stand behind them. The same each time.
 */
import { Log } from '@millrace/log'
import { SimulatedDisk } from '@millrace/log/testing'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { ChangeList } from './change-list.ts'
import { Oracle } from './oracle.ts'
import { makePayload } from './payload.ts'
import { idle, settled } from './settled.ts'
import type { WrittenLog } from './rot-suite.ts'

const DAY_MS = 86_400_000
const LEDGERS = [
  { ledger: 1, retentionMs: DAY_MS },
  { ledger: 2, retentionMs: 365 * DAY_MS },
] as const
/** Two such payloads make a commit of one page: these fill one segment, and begin the next. */
const PAYLOAD_BYTES = 1_900
const COMMITS = 10
const COMMITS_BEHIND = 3
const WAIT_MS = 50
const WAITS_MAX = 100

export interface RegroupedDirectory {
  readonly written: WrittenLog
  readonly disk: SimulatedDisk
}

export async function makeRegroupedDirectory(): Promise<RegroupedDirectory> {
  const oracle = new Oracle()
  const settings = {
    durability: 'fsync',
    segmentBytes: 32 * 1024,
    tailBytesMax: 0,
    indexCacheBytesMax: 16 * 1024,
  } as const
  const [clock, disk] = [new VirtualClock(1_700_000_000_000), new SimulatedDisk({ random: seededRandom(1) })]
  const options = { ...settings, disk, clock, random: seededRandom(2), metadata: new ChangeList() }
  const log = await settled(clock, Log.open({ ...options, allocate: disk.allocate }))
  const deadline = { deadlineMs: Number.MAX_SAFE_INTEGER }
  const opens = LEDGERS.map(({ ledger }) => ({ ledger, notBeforeMs: 0 }))
  await settled(clock, log.openLedgers(opens, deadline))
  const append = async (commits: number): Promise<void> => {
    for (let commit = 0; commit < commits; commit++) {
      const parts = LEDGERS.map(({ ledger }) => {
        const id = oracle.newId()
        const bytes = makePayload(id, 1, PAYLOAD_BYTES)
        oracle.ask(id, ledger, bytes)
        return { ledger, records: 1, bytes }
      })
      await settled(clock, log.append(parts, deadline))
    }
  }
  await append(COMMITS)
  // Now it hears for how long they are kept.
  await settled(clock, log.trim(LEDGERS.map((ledger) => ({ ...ledger, beforeMs: 0 }))))
  for (let waits = 0; waits < WAITS_MAX && groupedSegments(disk).length < LEDGERS.length; waits++) {
    await idle(clock, WAIT_MS)
  }
  await append(COMMITS_BEHIND)
  await settled(clock, log.close())
  disk.halt()
  return { written: { settings, oracle }, disk: disk.crash('all-lost', seededRandom(3)) }
}

function groupedSegments(disk: SimulatedDisk): readonly string[] {
  return disk.paths().filter((path) => /^log\/g\d+\.seg$/.test(path))
}
