/**
 * Crashes a history at every operation, in every mode, recovers, and holds what comes back against the oracle. Each
 * recovery is itself crashed: after a kill always by a loss of power before anything new was written, and now and then
 * in the middle, up to three deep; some lives go on, to show that new numbers never repeat old ones. One history of
 * some dozens is of a log under `os`.
 */
import { setImmediate } from 'node:timers/promises'
import { comparePositions, type Disk, Log, type Position } from '@millrace/log'
import { CRASH_MODES, type CrashMode, CUT_MODES, type SimulatedDisk } from '@millrace/log/testing'
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { ChangeList } from './change-list.ts'
import { type Contents, readAll } from './contents.ts'
import { type Fork, History, type HistoryOptions, type WrapDisk } from './history.ts'
import { leftoversOf } from './leftovers.ts'
import { Violation } from './oracle.ts'
import { makePayload } from './payload.ts'
import { idle, settled } from './settled.ts'

const DEPTH_MAX = 3
/** Of all recoveries, how many are crashed halfway, go on to write, or close and open once more. */
const NESTED_CHANCE = 0.2
const PROBE_CHANCE = 0.15
const REOPEN_CHANCE = 0.1
const SEEK_CHANCE = 0.1
const DEADLINE_MS = 600_000
/** Payloads written after a recovery are numbered from here, out of the way of any history. */
const PROBE_ID = 1_000_000

/** Of so many histories one is of a log under `os`, where a loss of power may take the newest of what was acknowledged. */
export const OS_ONE_IN = 25
/** Seeds of those, by remainder. One among them found that a freed segment went before the log said so durably. */
export const OS_REMAINDER = 5

/** Of so many histories one has syncs that take seconds: what was asked for meanwhile waits, and is not acknowledged. */
const SLOW_ONE_IN = 8
const SLOW_REMAINDER = 4

/** With so few pending changes each is the cut of a crash of its own, in every mode that has one. */
const CUTS_MAX = 12

/** What a run has covered. */
export interface Coverage {
  histories: number
  lives: number
  /** Operation boundaries at which was crashed. */
  boundaries: number
  /** Segments begun in files that held commits of the same log before. */
  recycledSegments: number
  /** Crashed disks recovered from and checked, by mode (`each prefix`: cut at every change); nested ones apart. */
  readonly states: Map<string, number>
  readonly nested: Map<number, number>
  /** Kinds of operation by kind of file: the call sites crashed at. */
  readonly sites: Map<string, number>
}

export function newCoverage(): Coverage {
  return {
    histories: 0,
    lives: 0,
    boundaries: 0,
    recycledSegments: 0,
    states: new Map(),
    nested: new Map(),
    sites: new Map(),
  }
}

export function statesOf(coverage: Coverage): number {
  return [...coverage.states.values(), ...coverage.nested.values()].reduce((sum, count) => sum + count, 0)
}

export interface CrashSelection {
  /** Only this operation (counted over all lives) … */
  readonly boundary?: number
  /** … and this mode, drawn … */
  readonly mode?: CrashMode
  /** … or cut at this change. */
  readonly cut?: number
}

/** What sets some histories apart, by their seeds. */
export function kindOf(seed: number): Pick<HistoryOptions, 'durability' | 'hasSlowSyncs'> {
  return {
    durability: seed % OS_ONE_IN === OS_REMAINDER ? 'os' : 'fsync',
    hasSlowSyncs: seed % SLOW_ONE_IN === SLOW_REMAINDER,
  }
}

/** Runs and crashes one history. Throws a CrashFailure at the first violation. */
export async function crashHistory(
  seed: number,
  coverage: Coverage,
  wrap: WrapDisk = (disk) => disk,
  only: CrashSelection = {},
  /** For the disk of the history alone, not those that are recovered from. */
  wrapHistory: WrapDisk = wrap,
): Promise<void> {
  const history = new History(seed, wrapHistory, kindOf(seed))
  try {
    await history.run()
  } catch (error) {
    throw new CrashFailure(seed, `in life ${history.lives} of the history itself`, {}, error)
  }
  coverage.histories++
  coverage.lives += history.lives
  coverage.recycledSegments += history.recycledSegments
  const seen = new Set<string>()
  for (const [boundary, fork] of history.forks.entries()) {
    if (only.boundary !== undefined && only.boundary !== boundary) continue
    coverage.boundaries++
    tally(coverage.sites, siteOf(fork))
    // The runner's own timers and messages get a turn.
    await setImmediate()
    await crashBoundary(seed, boundary, fork, { history, coverage, wrap, seen }, only)
  }
}

/**
 * Lives through one history on a disk with faults, and then on a sound one: whatever went wrong, all that was
 * acknowledged is there, and nothing that was refused. `crash` says how the faulty life ends.
 */
export async function surviveFaults(history: History, crash: CrashMode, random: Random): Promise<void> {
  const left = await history.run()
  const disk = left.crash(crash, random)
  const run = { history, coverage: newCoverage(), wrap: (wrapped: Disk) => wrapped, seen: new Set<string>() }
  const after = {
    disk: left,
    moment: history.oracle.now,
    life: history.lives,
    wallMs: AFTER_FAULTS_MS,
    isPowerLost: false,
  }
  const life = await begin(disk, random, after, run)
  history.oracle.check(life.contents, after.moment)
  await idle(life.clock, CLEANED_MS)
  const unknown = leftoversOf(disk, life.log)
  if (unknown.count > 0) throw new Violation(`${unknown.count} files stay behind in the next life: ${unknown.text}`)
  await probe(life, random, after, run)
  disk.halt()
}

/** By then what an opening has found to be in the way is gone. */
const CLEANED_MS = 1_000
/** Later than any history. */
const AFTER_FAULTS_MS = 1_800_000_000_000

interface Run {
  readonly history: History
  readonly coverage: Coverage
  readonly wrap: WrapDisk
  /** Crashed disks of this history that were recovered from, each with what was owed. */
  readonly seen: Set<string>
}

async function crashBoundary(
  seed: number,
  boundary: number,
  fork: Fork,
  run: Run,
  only: CrashSelection,
): Promise<void> {
  for (const [index, plan] of crashPlans(fork).entries()) {
    if (only.mode !== undefined && (only.mode !== plan.mode || only.cut !== plan.cut)) continue
    const { mode, cut } = plan
    const random = seededRandom(seed * 1_000_003 + boundary * 64 + index)
    const disk = fork.disk.crash(mode, random, cut)
    if (!isNew(disk, fork, run)) continue
    tally(run.coverage.states, cut === undefined ? mode : `each ${mode}`)
    try {
      await verify(disk, mode, random, fork, run, 1)
    } catch (error) {
      const where = `life ${fork.life}, before ${fork.operation.kind} ${fork.operation.path}`
      throw new CrashFailure(seed, where, { boundary, ...plan }, error)
    }
  }
}

/** Whether no such disk, in what it shows and in what is pending, was recovered from with the same things owed. */
function isNew(disk: SimulatedDisk, { life, moment }: Start, { seen }: Run): boolean {
  const state = `${life} ${moment} ${disk.fingerprint}`
  if (seen.has(state)) return false
  seen.add(state)
  return true
}

/** One crash in each mode, drawn; and where few changes are pending, one at each of them. */
function crashPlans(fork: Fork): readonly { readonly mode: CrashMode; readonly cut?: number }[] {
  const drawn = CRASH_MODES.map((mode) => ({ mode }))
  const orders = fork.disk.pendingOrders
  // Nothing that a loss of power could take away: every mode comes to the same.
  if (orders.length === 0) return [{ mode: 'kill' }]
  if (orders.length > CUTS_MAX) return drawn
  return [...drawn, ...orders.flatMap((cut) => CUT_MODES.map((mode) => ({ mode, cut })))]
}

/** Recovers a crashed disk, checks what it shows, and does to this life what a rough world would. */
async function verify(
  disk: SimulatedDisk,
  mode: CrashMode,
  random: Random,
  fork: Start,
  run: Run,
  depth: number,
): Promise<void> {
  const halfway = depth < DEPTH_MAX && random.float() < NESTED_CHANCE ? watchRecovery(disk, random) : undefined
  const life = await begin(disk, random, fork, run)
  disk.onOperation = undefined
  const start = mode === 'kill' || !isUnderOs(run) ? fork : { ...fork, isPowerLost: true }
  run.history.oracle.check(life.contents, start.moment, start)
  if (random.float() < SEEK_CHANCE) await checkSeeks(life, random)
  if (mode === 'kill' || random.float() < NESTED_CHANCE) await verifyKept(life, random, start, run)
  if (random.float() < PROBE_CHANCE) await probe(life, random, start, run)
  else if (random.float() < REOPEN_CHANCE) await reopen(life, random, start, run)
  disk.halt()
  const crashed = halfway?.()
  if (crashed !== undefined && isNew(crashed.disk, fork, run)) {
    tally(run.coverage.nested, depth + 1)
    await verify(crashed.disk, crashed.mode, random, start, run, depth + 1)
  }
}

/** When a life begins, and what is owed then. */
type Start = Pick<Fork, 'life' | 'moment' | 'wallMs' | 'isPowerLost'>

/** Whether a loss of power may take what was acknowledged. */
function isUnderOs({ history }: Run): boolean {
  return history.settings.durability === 'os'
}

interface Life {
  readonly disk: SimulatedDisk
  readonly log: Log
  readonly clock: VirtualClock
  readonly metadata: ChangeList
  readonly contents: Contents
}

async function begin(disk: SimulatedDisk, random: Random, { wallMs }: Start, { history, wrap }: Run): Promise<Life> {
  const clock = new VirtualClock(wallMs + randomBelow(random, 2_000) - 1_000)
  const metadata = new ChangeList()
  const { durability, segmentBytes, tailBytesMax, indexCacheBytesMax } = history.settings
  // One by one: an object that is spread is of a shape of its own, which whoever reads it has to learn each time.
  const opening = Log.open({
    durability,
    segmentBytes,
    tailBytesMax,
    indexCacheBytesMax,
    disk: wrap(disk),
    clock,
    random,
    metadata,
    allocate: disk.allocate,
  })
  const log = await settled(clock, opening)
  const { writable, reason, damage } = log.health()
  if (damage.length > 0)
    throw new Violation(`a crash alone is reported as damage: ${damage.map(({ reason: what }) => what).join('; ')}`)
  if (!writable) throw new Violation(`the log cannot be written after a crash: ${reason}`)
  return { disk, log, clock, metadata, contents: await readAll(log, metadata, clock) }
}

/** A life on what a recovery and a loss of power left: counted if no such disk was met, and looked at in any case. */
function beginAgain(disk: SimulatedDisk, random: Random, fork: Start, run: Run): Promise<Life> {
  if (isNew(disk, fork, run)) tally(run.coverage.nested, 2)
  return begin(disk, random, fork, run)
}

/** Looking up a time finds what going through all records would. */
async function checkSeeks({ log, clock, contents }: Life, random: Random): Promise<void> {
  for (const [ledger, { parts, bounds }] of contents.ledgers) {
    const around = parts[randomBelow(random, parts.length + 1)]?.timeMs ?? bounds.endTimeMs
    const timeMs = around + randomBelow(random, 3) - 1
    const expected = parts.find((part) => part.timeMs >= timeMs)?.position ?? bounds.end
    const found = await settled(clock, log.seekTime(ledger, timeMs))
    if (comparePositions(found, expected) !== 0) {
      throw new Violation(
        `seeking ${timeMs} in ledger ${ledger} finds ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`,
      )
    }
  }
}

/** The power fails before the new life has written anything: all that it showed must be there. */
async function verifyKept(life: Life, random: Random, fork: Start, run: Run): Promise<void> {
  const disk = life.disk.crash('all-lost', random)
  const next = await beginAgain(disk, random, fork, run)
  run.history.oracle.check(next.contents, fork.moment, { base: life.contents, isPowerLost: isUnderOs(run) })
  disk.halt()
}

/** The life goes on: new numbers lie above all old ones, and what is written now survives like the rest. */
async function probe({ disk, log, clock, contents }: Life, random: Random, fork: Start, run: Run): Promise<void> {
  let newest = 0
  for (const { commit } of contents.changes) newest = Math.max(newest, commit)
  for (const { parts } of contents.ledgers.values()) newest = Math.max(newest, parts.at(-1)?.position.commit ?? 0)
  const deadline = { deadlineMs: clock.monotonic() + DEADLINE_MS }
  const ledgers = [...contents.ledgers.keys()]
  const parts = ledgers.map((ledger, i) => ({ ledger, records: 1, bytes: makePayload(PROBE_ID + i, 1, 200 + i) }))
  const results = await settled(clock, log.append(parts, deadline))
  const written = new Map<number, Position>()
  for (const [i, ledger] of ledgers.entries()) {
    const [result, before] = [results[i], contents.ledgers.get(ledger)]
    const stored = result?.runs[0]
    if (before?.state === 'closed') {
      if (result?.failure !== 'closed') throw new Violation(`closed ledger ${ledger} takes records again`)
      continue
    }
    if (stored === undefined) throw new Violation(`after a crash ledger ${ledger} gives ${JSON.stringify(result)}`)
    const position = { commit: stored.commit, index: stored.firstIndex }
    if (stored.commit <= newest || (before !== undefined && comparePositions(position, before.bounds.end) < 0)) {
      throw new Violation(`after a crash commit ${stored.commit} is given, and ${newest} was there`)
    }
    written.set(PROBE_ID + i, position)
  }
  const changed = await settled(clock, log.appendMetadata(makePayload(PROBE_ID - 1, 0, 50), deadline))
  const durable = isUnderOs(run) ? log.statistics().durableCommit : changed
  const after = disk.crash('all-lost', random)
  const next = await beginAgain(after, random, fork, run)
  const found = new Map([...next.contents.ledgers.values()].flatMap(({ parts: all }) => all).map((p) => [p.id, p]))
  for (const [id, position] of written) {
    if (position.commit > durable) continue
    const part = found.get(id)
    if (part === undefined || comparePositions(part.position, position) !== 0) {
      throw new Violation(`payload ${id}, written after a crash, is lost in the next`)
    }
  }
  if (changed <= durable && next.contents.changes.at(-1)?.id !== PROBE_ID - 1)
    throw new Violation('a change after a crash is lost in the next')
  for (const { parts: all } of contents.ledgers.values()) {
    for (const { id } of all) if (!found.has(id)) throw new Violation(`payload ${id} is lost in the second crash`)
  }
  after.halt()
}

/** Closed and opened again, a log shows the same. */
async function reopen(life: Life, random: Random, fork: Start, run: Run): Promise<void> {
  await settled(life.clock, life.log.close())
  if (life.disk.openFiles > 0) throw new Violation(`${life.disk.openFiles} files stay open after a close`)
  const disk = life.disk.crash('all-lost', random)
  const next = await beginAgain(disk, random, fork, run)
  const { isPowerLost } = fork
  run.history.oracle.check(next.contents, fork.moment, { base: life.contents, isPowerLost })
  disk.halt()
}

/** Keeps one operation of a recovery, each as likely as the others, to crash at. */
function watchRecovery(
  disk: SimulatedDisk,
  random: Random,
): () => { readonly disk: SimulatedDisk; readonly mode: CrashMode } | undefined {
  let operations = 0
  let kept: SimulatedDisk | undefined
  disk.onOperation = (operation) => {
    if (!operation.mutates) return
    operations++
    if (randomBelow(random, operations) === 0) kept = disk.fork(random)
  }
  return () => {
    const mode = CRASH_MODES[randomBelow(random, CRASH_MODES.length)] ?? 'all-lost'
    return kept === undefined ? undefined : { disk: kept.crash(mode, random), mode }
  }
}

/** Numbers and random names do not make another call site. */
function siteOf({ operation }: Fork): string {
  return `${operation.kind} ${operation.path.replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, 'N')}`
}

function tally<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** A violation, with all that is needed to see it again. */
export class CrashFailure extends Error {
  override readonly name = 'CrashFailure'

  constructor(seed: number, where: string, { boundary, mode, cut }: CrashSelection, cause: unknown) {
    const place = [boundary, mode, cut].filter((part) => part !== undefined).join(':')
    const at = mode === undefined ? '' : ` MILLRACE_CRASH=${place}`
    super(
      `${cause instanceof Error ? cause.message : String(cause)}\n` +
        `  seed ${seed}, operation ${boundary ?? 'none'}, mode ${mode ?? 'none'} (${where})\n` +
        `  again: MILLRACE_SEED=${seed}${at} npx vitest run --project simulation tests/simulation/log`,
      { cause },
    )
  }
}
