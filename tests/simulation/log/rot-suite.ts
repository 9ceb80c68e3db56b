/**
 * What a log makes of a disk that was damaged, held against what was there before: right bytes or a word, never wrong
 * ones, never silence; and whatever the log meets, `checkLog` finds.
 */
import { checkLog, comparePositions, Log } from '@millrace/log'
import type { Rot, RotKind, SimulatedDisk } from '@millrace/log/testing'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { ChangeList } from './change-list.ts'
import { type Contents, readAll } from './contents.ts'
import type { History } from './history.ts'
import { settled } from './settled.ts'

/**
 * What became of one damaged disk. `told`: something is missing, and the log says so. `tail`: the end of the log is gone
 * with all that could have told of it. `snapshot`: a snapshot rotted, and nothing was lost. That the log does not open is
 * none of them: it refuses files of another log and of a later version, and no damage makes one of those.
 */
export type Outcome = 'unused' | 'told' | 'tail' | 'snapshot'

/** How the log was set up, and what was put into it. */
export type WrittenLog = Pick<History, 'settings' | 'oracle'>

export interface LogRot extends Omit<Rot, 'kind'> {
  /** `foreign`: a block that is sound, of another segment, or of one that is gone. */
  readonly kind: RotKind | 'foreign'
  /** A sound header, of another segment: then this is another segment, and all of its own commits are gone, and told. */
  readonly isForeignHeader?: boolean
}

/** Damage to one page: no more than one commit stands there, and all others are served. */
const PAGE_KINDS: ReadonlySet<LogRot['kind']> = new Set(['flip', 'head', 'zero', 'garbage', 'foreign'])
/** Files in whose pages no two commits meet; in a regrouped one small frames of many lie side by side. */
const ONE_COMMIT_PAGES = /^log\/\d+\.seg$/
/** Damage that can take the end of the log away without a trace: the one case that no single copy can tell. */
const TAIL_KINDS: ReadonlySet<LogRot['kind']> = new Set(['truncate', 'lose', 'stale'])

export interface Opened {
  readonly contents: Contents
  /** Lines of damage, at opening and after reading. */
  readonly reported: number
  /** Whether something can be stored on top. */
  readonly isWritable: boolean
}

/** Rejects where the log does not open. */
export async function openRotten(disk: SimulatedDisk, { settings }: WrittenLog): Promise<Opened> {
  const clock = new VirtualClock(1_800_000_000_000)
  const metadata = new ChangeList()
  const random = seededRandom(1)
  const log = await settled(clock, Log.open({ ...settings, disk, clock, random, metadata }))
  const contents = await readAll(log, metadata, clock)
  disk.halt()
  const { damage, writable } = log.health()
  return { contents, reported: damage.length, isWritable: writable }
}

export async function outcomeOf(
  disk: SimulatedDisk,
  damage: LogRot,
  before: Contents,
  written: WrittenLog,
): Promise<Outcome> {
  const untouched = disk.fork()
  const { contents, reported } = await openRotten(disk, written)
  const { missing, firstCommit, lastCommit } = missingFrom(contents, before, written)
  if (missing.length === 0) return 'unused'
  const isOnePage = PAGE_KINDS.has(damage.kind) && ONE_COMMIT_PAGES.test(damage.path) && !damage.isForeignHeader
  if (isOnePage && lastCommit > firstCommit) {
    throw new Error(`one page is damaged, and commits from ${firstCommit} to ${lastCommit} are gone`)
  }
  const ranges = [...contents.ledgers.values()].flatMap(({ damaged }) => damaged)
  if (reported > 0 || ranges.length > 0) {
    if (!(await isFoundByCheck(untouched))) throw new Error(`the log tells of damage that check does not find`)
    return 'told'
  }
  const isTail = TAIL_KINDS.has(damage.kind) && damage.path.endsWith('.seg') && firstCommit > lastCommitOf(contents)
  if (!isTail) throw new Error(`nobody is told of ${missing.join(', ')}`)
  return 'tail'
}

async function isFoundByCheck(disk: SimulatedDisk): Promise<boolean> {
  for await (const _ of checkLog(disk)) return true
  return false
}

/** Of all that is read. */
export function lastCommitOf({ ledgers, changes }: Contents): number {
  const commits = [...ledgers.values()].flatMap(({ parts }) => parts.map(({ position }) => position.commit))
  return Math.max(0, ...commits, ...changes.map(({ commit }) => commit))
}

export interface Missing {
  /** In words, one each. */
  readonly missing: readonly string[]
  /** Of all records and changes that are missing the first; infinite if there are none. */
  readonly firstCommit: number
  /** … and the last; 0 if there are none. */
  readonly lastCommit: number
}

/** What was there before and is not now. Throws if anything is there that was not, or not so. */
export function missingFrom(contents: Contents, before: Contents, { oracle }: WrittenLog): Missing {
  const missing: string[] = []
  let firstCommit = Number.POSITIVE_INFINITY
  let lastCommit = 0
  const miss = (what: string, commit?: number): void => {
    missing.push(what)
    firstCommit = Math.min(firstCommit, commit ?? Number.POSITIVE_INFINITY)
    lastCommit = Math.max(lastCommit, commit ?? 0)
  }
  for (const [ledger, was] of before.ledgers) {
    const is = contents.ledgers.get(ledger)
    const found = new Map((is?.parts ?? []).map((part) => [part.id, part]))
    for (const part of was.parts) {
      const now = found.get(part.id)
      found.delete(part.id)
      if (now === undefined) {
        miss(`payload ${part.id} of ledger ${ledger} at ${part.position.commit}`, part.position.commit)
        continue
      }
      const same =
        Buffer.compare(part.bytes, now.bytes) === 0 &&
        comparePositions(part.position, now.position) === 0 &&
        part.timeMs === now.timeMs
      if (!same) throw new Error(`payload ${part.id} of ledger ${ledger} is not what it was`)
    }
    // A trim or a drop may be what is missing: then what it hid is back.
    for (const { id, timeMs, bytes } of found.values()) {
      if (!oracle.knows(id, bytes)) throw new Error(`ledger ${ledger} shows payload ${id} out of nowhere`)
      miss(`the trim of ${id} at ${timeMs}`)
    }
    if (is === undefined) miss(`ledger ${ledger}`)
    else if (is.state !== was.state) miss(`that ledger ${ledger} is ${was.state}`)
    else if (comparePositions(is.bounds.end, was.bounds.end) < 0) miss(`the end of ledger ${ledger}`)
  }
  for (const ledger of contents.ledgers.keys()) if (!before.ledgers.has(ledger)) miss(`the drop of ${ledger}`)
  const changes = new Map(contents.changes.map(({ id, commit }) => [id, commit]))
  for (const { id, commit } of before.changes) {
    const now = changes.get(id)
    if (now === undefined) miss(`change ${id}`, commit)
    else if (now !== commit) throw new Error(`change ${id} moved from ${commit} to ${now}`)
  }
  return { missing, firstCommit, lastCommit }
}
