/**
 * The log on a disk that rots: bits flip, pages vanish, files are cut, swapped, lost or put back as they once were.
 * Whatever happens, a reader gets the right bytes or is told. MILLRACE_SEED replays one history.
 */
import { comparePositions, Log } from '@millrace/log'
import { type Rot, rot, ROT_KINDS, type RotKind, type SimulatedDisk } from '@millrace/log/testing'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { ChangeList } from './change-list.ts'
import { type Contents, readAll } from './contents.ts'
import { History } from './history.ts'
import { settled } from './settled.ts'

const SECONDS_DEFAULT = 8
const ROTS_PER_HISTORY = 150
/** Of each history, how many crashes are looked at, and how many times a snapshot rots in each. */
const CRASHES_PER_HISTORY = 4
const SNAPSHOT_ROTS_PER_CRASH = 8

/**
 * What became of one damaged disk. `told`: something is missing, and the log says so. `tail`: the end of the log is gone
 * with all that could have told of it. `snapshot`: a snapshot rotted, and nothing was lost.
 */
type Outcome = 'unused' | 'told' | 'refused' | 'tail' | 'snapshot'

/** Damage to one page: no more than one commit stands there, and all others are served. */
const PAGE_KINDS: ReadonlySet<RotKind> = new Set<RotKind>(['flip', 'head', 'zero', 'garbage'])
/** Files in whose pages no two commits meet; in a regrouped one small frames of many lie side by side. */
const ONE_COMMIT_PAGES = /^log\/\d+\.seg$/
/** Damage to snapshots; `head` looks for commits. */
const SNAPSHOT_KINDS = ['flip', 'zero', 'garbage', 'truncate'] as const
/** Damage that can take the end of the log away without a trace: the one case that no single copy can tell. */
const TAIL_KINDS: ReadonlySet<RotKind> = new Set<RotKind>(['truncate', 'lose', 'stale'])

it(
  'answers damage with the right bytes or with a word, never with wrong ones and never in silence',
  { timeout: 900_000 },
  async () => {
    const seconds = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? SECONDS_DEFAULT)
    const replay = process.env['MILLRACE_SEED']
    const firstSeed = replay === undefined ? randomBelow(systemRandom, 1_000_000) : Number(replay)
    // A replay is one history.
    const untilMs = replay === undefined ? systemClock.monotonic() + seconds * 1_000 : 0
    const outcomes = new Map<string, number>()
    let seed = firstSeed
    do {
      await rotHistory(seed, outcomes)
      seed++
    } while (systemClock.monotonic() < untilMs)
    const counts = [...outcomes].sort().map(([outcome, count]) => `${outcome} ${count}`)
    process.stderr.write(`log rot: seeds ${firstSeed}…${seed - 1}: ${counts.join(', ')}\n`)
    expect(counts.length).toBeGreaterThan(ROT_KINDS.length)
  },
)

async function rotHistory(seed: number, outcomes: Map<string, number>): Promise<void> {
  const history = new History(seed, undefined, { endClean: true })
  const sound = await history.run()
  const earlier = history.forks[Math.floor(history.forks.length / 2)]?.disk ?? sound
  const before = await open(sound.fork(), history)
  if (before === undefined) throw new Error('a sound disk opens')
  for (let round = 0; round < ROTS_PER_HISTORY; round++) {
    const random = seededRandom(seed * 1_000_003 + round)
    const anyKind = ROT_KINDS[randomBelow(random, ROT_KINDS.length)] ?? 'flip'
    const dice = random.float()
    const kind = dice < 0.2 ? 'flip' : dice < 0.5 ? 'head' : anyKind
    const disk = sound.fork(random)
    const damage = rot(disk, kind, random, earlier)
    if (damage === undefined) continue
    try {
      note(outcomes, kind, await outcomeOf(disk, damage, before.contents, history))
    } catch (error) {
      throw failure(error, seed, `round ${round}`, damage)
    }
  }
  await rotSnapshots(history, seed, outcomes)
}

/** One snapshot may rot at any time: another one, and the log behind that, hold the same. */
async function rotSnapshots(history: History, seed: number, outcomes: Map<string, number>): Promise<void> {
  const random = seededRandom(seed * 1_000_003 - 1)
  const after = history.forks.filter(({ disk }) => disk.paths().some((path) => path.startsWith('meta/')))
  for (let crashes = 0; crashes < CRASHES_PER_HISTORY && after.length > 0; crashes++) {
    const index = randomBelow(random, after.length)
    const crashed = after[index]?.disk.crash('all-kept', random)
    if (crashed === undefined) continue
    const before = await open(crashed.fork(), history)
    if (before === undefined) throw new Error('a crashed disk opens')
    for (let round = 0; round < SNAPSHOT_ROTS_PER_CRASH; round++) {
      const kind = SNAPSHOT_KINDS[randomBelow(random, SNAPSHOT_KINDS.length)] ?? 'flip'
      const disk = crashed.fork(random)
      const damage = rot(disk, kind, random, crashed, 'meta/')
      if (damage === undefined) continue
      try {
        const opened = await open(disk, history)
        if (opened === undefined) throw new Error('the log does not open')
        const { missing } = missingFrom(opened.contents, before.contents, history)
        if (missing.length > 0) throw new Error(`a snapshot takes with it ${missing.join(', ')}`)
        note(outcomes, kind, 'snapshot')
      } catch (error) {
        throw failure(error, seed, `crash ${crashes} at operation ${index}`, damage)
      }
    }
  }
}

function failure(error: unknown, seed: number, when: string, { kind, path, offset }: Rot): Error {
  const message = error instanceof Error ? error.message : String(error)
  return new Error(
    `${message}\n  seed ${seed}, ${when}: ${kind} ${path} at ${offset}\n` +
      `  again: MILLRACE_SEED=${seed} npx vitest run --project simulation tests/simulation/log/rot`,
    { cause: error },
  )
}

interface Opened {
  readonly contents: Contents
  /** Lines of damage, at opening and after reading. */
  readonly reported: number
}

/** `undefined`: the log says that it cannot open this. */
async function open(disk: SimulatedDisk, history: History): Promise<Opened | undefined> {
  const clock = new VirtualClock(1_800_000_000_000)
  const metadata = new ChangeList()
  const random = seededRandom(1)
  const options = { ...history.settings, disk, clock, random, metadata }
  const log = await settled(
    clock,
    Log.open(options).catch((error: unknown) => {
      if (error instanceof Error && error.name === 'LogError') return undefined
      throw error
    }),
  )
  if (log === undefined) return undefined
  const contents = await readAll(log, metadata, clock)
  disk.halt()
  return { contents, reported: log.health().damage.length }
}

async function outcomeOf(disk: SimulatedDisk, damage: Rot, before: Contents, history: History): Promise<Outcome> {
  const opened = await open(disk, history)
  if (opened === undefined) return 'refused'
  const { contents, reported } = opened
  const { missing, firstCommit, lastCommit } = missingFrom(contents, before, history)
  if (missing.length === 0) return 'unused'
  if (PAGE_KINDS.has(damage.kind) && ONE_COMMIT_PAGES.test(damage.path) && lastCommit > firstCommit) {
    throw new Error(`one page is damaged, and commits from ${firstCommit} to ${lastCommit} are gone`)
  }
  const ranges = [...contents.ledgers.values()].flatMap(({ damaged }) => damaged)
  if (reported > 0 || ranges.length > 0) return 'told'
  const isTail = TAIL_KINDS.has(damage.kind) && damage.path.endsWith('.seg') && firstCommit > lastCommitOf(contents)
  if (!isTail) throw new Error(`nobody is told of ${missing.join(', ')}`)
  return 'tail'
}

function lastCommitOf({ ledgers, changes }: Contents): number {
  const commits = [...ledgers.values()].flatMap(({ parts }) => parts.map(({ position }) => position.commit))
  return Math.max(0, ...commits, ...changes.map(({ commit }) => commit))
}

interface Missing {
  /** In words, one each. */
  readonly missing: readonly string[]
  /** Of all records and changes that are missing the first; infinite if there are none. */
  readonly firstCommit: number
  /** … and the last; 0 if there are none. */
  readonly lastCommit: number
}

/** What was there before and is not now. Throws if anything is there that was not, or not so. */
function missingFrom(contents: Contents, before: Contents, history: History): Missing {
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
      if (!history.oracle.knows(id, bytes)) throw new Error(`ledger ${ledger} shows payload ${id} out of nowhere`)
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

function note(outcomes: Map<string, number>, kind: RotKind, outcome: Outcome): void {
  const key = `${kind} ${outcome}`
  outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
}
