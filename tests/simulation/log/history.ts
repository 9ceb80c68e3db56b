/**
 * A random history of one log, from a seed: bursts of opens, appends, metadata changes, closes, drops, trims, reads
 * and idle time, over one to three lives that end cleanly or in a crash. It keeps a copy of the disk from just before
 * each operation that changed it, with the moment of the oracle: one run, as many crashes as there are operations.
 */
import {
  comparePositions,
  type Disk,
  type Ledger,
  Log,
  type LogOptions,
  type Part,
  type PartResult,
  type Position,
} from '@millrace/log'
import { CRASH_MODES, type CrashMode, type DiskFault, type DiskOperation, SimulatedDisk } from '@millrace/log/testing'
import { deferred, type Logger, type Random, randomBelow } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { ChangeList } from './change-list.ts'
import { readAll, readLedger } from './contents.ts'
import { Oracle, Violation } from './oracle.ts'
import { makePayload } from './payload.ts'
import { settled } from './settled.ts'

/** The disk as it was just before one operation. */
export interface Fork {
  readonly disk: SimulatedDisk
  /** What the oracle knew by then. */
  readonly moment: number
  readonly operation: DiskOperation
  readonly life: number
  readonly wallMs: number
  /** Under `os`: the power was lost before this life, and it has not shown yet what is left. */
  readonly isPowerLost: boolean
}

/** How often a history begins on a disk that has been through much: its spares hold old commits of the same log. */
const AGED_CHANCE = 0.8
/** Segments that are filled and given back beforehand: more than one is kept as a spare. */
const AGED_SEGMENTS = 4
/**
 * How often a history begins on full segments that mix retention classes: the first trim has them regrouped. Each is as
 * long as ten others, and a state of it costs twice as much.
 */
const MIXED_CHANCE = 0.04
/** Enough for two snapshots to cover the first few. */
const MIXED_SEGMENTS = 5
const MIXED_LEDGERS = 4
/** Bursts beside which the first of them are regrouped. */
const MIXED_WAITS = 4
/** How often to look whether they were given back. */
const AGING_WAITS_MAX = 20

/**
 * Of so many histories one begins with a log of the version before, on which the next life, and whatever comes after a
 * crash, goes on.
 */
const OLD_ONE_IN = 3

/** A disk that lies: how the suite is shown to fail. */
export type WrapDisk = (disk: Disk) => Disk

const START_MS = 1_700_000_000_000
/** How often the wall clock stands somewhere else when a life begins, and how far away at most, either way. */
const CLOCK_STEP_CHANCE = 0.2
const CLOCK_STEP_MS_MAX = 400 * 86_400_000
const LIVES_MAX = 3
const BURSTS_MAX = 6
const LEDGERS_MAX = 8
const DEADLINE_MS = 600_000
/** Ledgers are of three retention classes, so that segments mix them. */
const RETENTION_STEP_MS = 4 * 86_400_000
/** Small ones rotate, and are recovered, most often for the money: what a recovery costs goes with files and bytes. */
const SEGMENT_BYTES = [32 * 1024, 32 * 1024, 64 * 1024] as const
/** Now and then longer ones, of many commits, at four times the cost … */
const LONG_SEGMENT_BYTES = 256 * 1024
const LONG_ONE_IN = 20
/** … and one, at five times, that is not zeroed whole before it is used: the rest follows ahead of the commits. */
const LARGE_SEGMENT_BYTES = 1024 * 1024
const LARGE_ONE_IN = 60
/** Where syncs are slow: how many of them are, and how long each takes at most. */
const SLOW_SYNC_CHANCE = 0.2
const SLOW_SYNC_MS_MAX = 10_000
/** How often a crash that ends a life waits for a snapshot that is half written. */
const HALF_SNAPSHOT_CHANCE = 0.2

export interface HistoryOptions {
  /** The last life closes the log. Default: it may also crash. */
  readonly endClean?: boolean
  /** Default: one to three, by seed. */
  readonly lives?: number
  /** Default: `fsync`. */
  readonly durability?: LogOptions['durability']
  /** Some syncs take seconds, while all else goes on. Default: none does. */
  readonly hasSlowSyncs?: boolean
  /** What goes wrong on the disk, in any life. With it the log may refuse things, and say so. Default: nothing. */
  readonly faults?: (operation: DiskOperation) => DiskFault | undefined
  /** Names the calls of the disk: `SimulatedDisk.labelOf`. Default: they have no names. */
  readonly labelOf?: () => unknown
  /** Hears what the log says on the way. Default: nobody. */
  readonly logger?: Logger
  /** Called when the log has stopped writing for good. */
  readonly onStopped?: (reason: string) => void
  /** Called when a log on a faulty disk has answered with an error of its own. */
  readonly onExcused?: (phase: LifePhase) => void
  /** Called in each life before it ends, with what a user of the log has by then. It drives the clock itself. */
  readonly beforeEnd?: (life: LivingLog) => Promise<void>
  /** Whether it has lived long enough when a life has ended; `isLast` by the seed. Default: as often as that says. */
  readonly isOver?: (isLast: boolean) => boolean
}

/** Where a life of a log stands: `Log.open` and `Log.close` are under way in the first and the last. */
export type LifePhase = 'opening' | 'running' | 'closing'

export interface LivingLog {
  readonly log: Log
  readonly clock: VirtualClock
  readonly disk: SimulatedDisk
  readonly metadata: ChangeList
}

export class History {
  readonly oracle = new Oracle()
  readonly forks: Fork[] = []
  /** Segments begun in files that held commits of this log before. */
  recycledSegments = 0
  /** How the log of this history is set up, in each of its lives and after each crash. */
  readonly settings: Required<Pick<LogOptions, 'segmentBytes' | 'tailBytesMax' | 'indexCacheBytesMax' | 'durability'>>
  lives = 0

  readonly #random: Random
  readonly #wrap: WrapDisk
  readonly #options: HistoryOptions
  /** How the log is set up until its first life ends. */
  readonly #firstSettings: Pick<LogOptions, 'segmentVersion'>
  readonly #ledgers = new Set<Ledger>()
  readonly #lastStored = new Map<Ledger, Position>()
  #nextLedger = 1
  #phase: LifePhase = 'opening'
  #isMixed = false
  #isPowerLost = false
  #log: Log | undefined
  /** What the log of an `os` history was last heard to call durable. */
  #durable = 0
  #wallMs = START_MS

  constructor(seed: number, wrap: WrapDisk = (disk) => disk, options: HistoryOptions = {}) {
    this.#random = seededRandom(seed)
    this.#wrap = wrap
    this.#options = options
    this.#firstSettings = seed % OLD_ONE_IN === 1 ? { segmentVersion: 1 } : {}
    this.settings = {
      durability: options.durability ?? 'fsync',
      segmentBytes: this.#segmentBytes(seed),
      tailBytesMax: this.#pick([0, 64 * 1024, 16 * 1024 * 1024]),
      indexCacheBytesMax: this.#pick([16 * 1024, 1024 * 1024]),
    }
  }

  get phase(): LifePhase {
    return this.#phase
  }

  /** Lives through it all; answers with the disk as it is left. */
  async run(): Promise<SimulatedDisk> {
    let disk = new SimulatedDisk({ random: this.#fresh() })
    const isLarge = this.settings.segmentBytes === LARGE_SEGMENT_BYTES
    if (this.#random.float() < AGED_CHANCE && !isLarge) disk = await this.#age(disk)
    this.#isMixed = this.#random.float() < MIXED_CHANCE && !isLarge
    if (this.#isMixed) disk = await this.#mix(disk)
    const lives = this.#options.lives ?? 1 + this.#below(LIVES_MAX)
    const { isOver = (isLast: boolean) => isLast, endClean = false } = this.#options
    do {
      this.lives++
      disk = await this.#live(disk, endClean && this.lives === lives)
    } while (!isOver(this.lives >= lives))
    return disk
  }

  /** Fills segments and drops what is in them, so that their files come back as spares. Nothing goes wrong here. */
  async #age(disk: SimulatedDisk): Promise<SimulatedDisk> {
    const clock = new VirtualClock(this.#wallMs)
    const metadata = new ChangeList()
    const options = { ...this.settings, ...this.#firstSettings, clock, random: this.#fresh(), metadata }
    const log = await settled(clock, Log.open({ ...options, disk, allocate: disk.allocate }))
    const deadline = { deadlineMs: Number.MAX_SAFE_INTEGER }
    const ledger = this.#nextLedger++
    this.oracle.note({ kind: 'opening', ledger })
    this.oracle.note({ kind: 'dropping', ledger })
    await settled(clock, log.openLedgers([{ ledger, notBeforeMs: 0 }], deadline))
    while (log.statistics().segments < AGED_SEGMENTS) {
      const id = this.oracle.newId()
      const bytes = makePayload(id, 1, 5_000 + this.#below(5_000))
      this.oracle.ask(id, ledger, bytes)
      await settled(clock, log.append([{ ledger, records: 1, bytes }], deadline))
    }
    await settled(clock, log.dropLedgers([ledger], deadline))
    for (let waits = 0; waits < AGING_WAITS_MAX && log.statistics().segments > 2; waits++) {
      await settled(clock, new Promise<void>((done) => void clock.setTimer(1, done)))
    }
    this.oracle.note({ kind: 'dropped', ledger })
    await settled(clock, log.close())
    this.#wallMs = clock.now()
    disk.halt()
    return disk.crash('all-lost', this.#fresh())
  }

  /** Fills segments with frames of several classes. Nothing goes wrong here. */
  async #mix(disk: SimulatedDisk): Promise<SimulatedDisk> {
    const clock = new VirtualClock(this.#wallMs)
    const metadata = new ChangeList()
    const options = { ...this.settings, ...this.#firstSettings, clock, random: this.#fresh(), metadata }
    const log = await settled(clock, Log.open({ ...options, disk, allocate: disk.allocate }))
    const deadline = { deadlineMs: Number.MAX_SAFE_INTEGER }
    const ledgers = Array.from({ length: MIXED_LEDGERS }, () => this.#nextLedger++)
    for (const ledger of ledgers) this.oracle.note({ kind: 'opening', ledger })
    await settled(
      clock,
      log.openLedgers(
        ledgers.map((ledger) => ({ ledger, notBeforeMs: 0 })),
        deadline,
      ),
    )
    for (const ledger of ledgers) {
      this.oracle.note({ kind: 'opened', ledger })
      this.#ledgers.add(ledger)
    }
    const segments = log.statistics().segments + MIXED_SEGMENTS
    while (log.statistics().segments < segments) await settled(clock, this.#append(log, clock))
    await settled(clock, log.close())
    this.#wallMs = clock.now()
    disk.halt()
    return disk.crash('all-lost', this.#fresh())
  }

  /** One life, from opening to its end; answers with the disk that the next life finds. */
  async #live(disk: SimulatedDisk, endClean: boolean): Promise<SimulatedDisk> {
    const clock = new VirtualClock(this.#wallMs)
    disk.onOperation = (operation) => {
      if (operation.mutates) this.#keep(disk, operation, clock)
    }
    const { faults, logger, onStopped, beforeEnd } = this.#options
    this.#log = undefined
    disk.faults = faults
    disk.labelOf = this.#options.labelOf
    if (this.#options.hasSlowSyncs === true) disk.delays = slowSyncs(clock, seededRandom(this.lives))
    const metadata = new ChangeList()
    this.#phase = 'opening'
    const opening = Log.open({
      ...this.settings,
      ...(this.lives === 1 ? this.#firstSettings : {}),
      disk: this.#wrap(disk),
      clock,
      random: this.#fresh(),
      metadata,
      allocate: disk.allocate,
      ...(logger === undefined ? {} : { logger }),
      ...(onStopped === undefined ? {} : { onStopped }),
    })
    const log = await settled(clock, this.#excused(opening, undefined))
    this.#log = log
    this.#phase = 'running'
    const contents = log === undefined ? undefined : await this.#excused(readAll(log, metadata, clock), undefined)
    // A drive that refuses to read is damage: nothing can be said of what this life begins with.
    const isLost = log?.health().writable === false && log.health().damage.length > 0
    const isMaimed = faults !== undefined && (isLost || [...(contents?.ledgers.values() ?? [])].some(isDamaged))
    if (log === undefined || contents === undefined || isMaimed) {
      disk.halt()
      return disk.crash('kill', this.#fresh())
    }
    const isPowerLost = this.#isPowerLost
    this.oracle.check(contents, this.oracle.now, { isPowerLost })
    this.oracle.adopt(contents, isPowerLost)
    this.#isPowerLost = false
    if (isPowerLost) {
      this.#ledgers.clear()
      this.#lastStored.clear()
    }
    for (const ledger of contents.ledgers.keys()) this.#ledgers.add(ledger)
    log.onAdvance((ledgers) => {
      for (const ledger of ledgers) this.#noteShown(log, ledger)
    })
    if (this.#isMixed) {
      await settled(clock, this.#trim(log, clock))
      for (let waits = 0; waits < MIXED_WAITS; waits++) await settled(clock, this.#burst(log, clock))
    }
    for (let bursts = this.#below(BURSTS_MAX); bursts > 0; bursts--) await settled(clock, this.#burst(log, clock))
    if (beforeEnd !== undefined) await beforeEnd({ log, clock, disk, metadata })
    const next = await this.#end(disk, log, clock, endClean)
    this.#wallMs = clock.now() + this.#below(1_000)
    if (this.#random.float() < CLOCK_STEP_CHANCE) this.#wallMs += this.#below(2 * CLOCK_STEP_MS_MAX) - CLOCK_STEP_MS_MAX
    return next
  }

  async #end(disk: SimulatedDisk, log: Log, clock: VirtualClock, clean: boolean): Promise<SimulatedDisk> {
    if (clean || this.#random.float() < 0.4) {
      this.#phase = 'closing'
      await settled(clock, this.#excused(log.close(), undefined))
      disk.halt()
      return disk.crash(this.#random.float() < 0.5 ? 'kill' : 'all-lost', this.#fresh())
    }
    // In the middle of something, if it lasts that long.
    const mode = this.#pick<CrashMode>(CRASH_MODES)
    const cut = deferred<SimulatedDisk>()
    let operations = 1 + this.#below(20)
    const isAimed = this.#random.float() < HALF_SNAPSHOT_CHANCE
    disk.onOperation = (operation) => {
      if (operation.mutates) this.#keep(disk, operation, clock)
      const isHalf = operation.kind === 'sync' && operation.path === 'meta/snapshot.tmp'
      if (isAimed ? !isHalf : --operations > 0) return
      cut.resolve(disk.crash(mode, this.#fresh()))
      disk.halt()
    }
    const next = await settled(clock, Promise.race([this.#burst(log, clock), cut.promise]))
    disk.halt()
    this.#isPowerLost = this.settings.durability === 'os' && mode !== 'kill'
    return next ?? disk.crash(mode, this.#fresh())
  }

  #keep(disk: SimulatedDisk, operation: DiskOperation, clock: VirtualClock): void {
    // What is tried on a faulty disk is the fault.
    if (this.#options.faults !== undefined) return
    if (operation.kind === 'rename' && operation.path.startsWith('spare/')) {
      if (disk.peek(operation.path).some((byte) => byte !== 0)) this.recycledSegments++
    }
    this.#noteDurable()
    this.forks.push({
      disk: disk.fork(),
      moment: this.oracle.now,
      operation,
      life: this.lives,
      wallMs: clock.now(),
      isPowerLost: this.#isPowerLost,
    })
  }

  #noteDurable(): void {
    const durable = this.#log?.statistics().durableCommit ?? 0
    if (this.settings.durability !== 'os' || durable <= this.#durable) return
    this.#durable = durable
    this.oracle.note({ kind: 'durable', commit: durable })
  }

  /** A few things asked for at once, and awaited together. */
  async #burst(log: Log, clock: VirtualClock): Promise<void> {
    const asked: Promise<void>[] = []
    if (this.#ledgers.size === 0) asked.push(this.#open(log, clock))
    for (let actions = 1 + this.#below(5); actions > 0; actions--) asked.push(this.#action(log, clock))
    await Promise.all(asked)
  }

  #action(log: Log, clock: VirtualClock): Promise<void> {
    const dice = this.#below(100)
    if (dice < 55) return this.#append(log, clock)
    if (dice < 67) return this.#change(log, clock)
    if (dice < 74) return this.#open(log, clock)
    if (dice < 79) return this.#close(log, clock)
    if (dice < 82) return this.#drop(log, clock)
    if (dice < 87) return this.#trim(log, clock)
    if (dice < 94) return this.#read(log)
    return this.#idle(clock)
  }

  async #append(log: Log, clock: VirtualClock): Promise<void> {
    const parts: Part[] = []
    const ids: number[] = []
    for (let count = 1 + this.#below(5); count > 0; count--) {
      const ledger = this.#pick([...this.#ledgers, this.#nextLedger])
      const records = 1 + this.#below(20)
      const id = this.oracle.newId()
      const bytes = makePayload(id, records, this.#length())
      ids.push(id)
      parts.push({ ledger, records, bytes })
      this.oracle.ask(id, ledger, bytes)
    }
    const before = new Map(this.#lastStored)
    const results = await log.append(parts, { deadlineMs: clock.monotonic() + DEADLINE_MS })
    for (const [i, part] of parts.entries()) this.#noteResult(ids[i] ?? 0, part, results[i], before.get(part.ledger))
  }

  #noteResult(id: number, part: Part, result: PartResult | undefined, after: Position | undefined): void {
    const failure = result?.failure
    if (
      failure === 'closed' ||
      (this.#options.faults !== undefined && failure !== undefined && failure !== 'unknown')
    ) {
      this.oracle.note({ kind: 'refused', id })
      return
    }
    if (this.#options.faults !== undefined && failure === 'unknown') return
    const run = result?.runs[0]
    if (run === undefined || failure !== undefined || run.count !== part.records) {
      throw new Violation(`an append to ledger ${part.ledger} gave ${JSON.stringify(result)} on a sound disk`)
    }
    const position = { commit: run.commit, index: run.firstIndex }
    if (after !== undefined && comparePositions(position, after) <= 0) {
      throw new Violation(`a later append to ledger ${part.ledger} lies before an earlier one`)
    }
    this.oracle.store(id, { position, timeMs: run.timeMs })
    const last = this.#lastStored.get(part.ledger)
    if (last === undefined || comparePositions(position, last) > 0) this.#lastStored.set(part.ledger, position)
  }

  async #change(log: Log, clock: VirtualClock): Promise<void> {
    const id = this.oracle.newId()
    const bytes = makePayload(id, 0, this.#below(10) === 0 ? 5_000 : this.#below(300))
    this.oracle.ask(id, 0, bytes)
    const asked = log.appendMetadata(bytes, { deadlineMs: clock.monotonic() + DEADLINE_MS })
    const commit = await this.#excused(asked, undefined, () => this.oracle.note({ kind: 'refused', id }))
    if (commit === undefined) return
    this.oracle.store(id, { position: { commit, index: 0 }, timeMs: undefined })
  }

  async #open(log: Log, clock: VirtualClock): Promise<void> {
    if (this.#nextLedger > LEDGERS_MAX) return
    const ledgers = Array.from({ length: 1 + this.#below(3) }, () => this.#nextLedger++)
    for (const ledger of ledgers) this.oracle.note({ kind: 'opening', ledger })
    const notBeforeMs = clock.now() + this.#below(3)
    const asked = log.openLedgers(
      ledgers.map((ledger) => ({ ledger, notBeforeMs })),
      { deadlineMs: clock.monotonic() + DEADLINE_MS },
    )
    const opened = await this.#excused(
      asked.then(() => true),
      false,
    )
    if (!opened) return
    for (const ledger of ledgers) {
      this.oracle.note({ kind: 'opened', ledger })
      this.#ledgers.add(ledger)
    }
  }

  async #close(log: Log, clock: VirtualClock): Promise<void> {
    const ledger = this.#pickLedger()
    if (ledger === undefined) return
    this.oracle.note({ kind: 'closing', ledger })
    const asked = log.closeLedgers([ledger], { deadlineMs: clock.monotonic() + DEADLINE_MS }).catch(known([]))
    const [closed] = await this.#excused(asked, [])
    if (closed !== undefined) this.oracle.note({ kind: 'closed', ledger, closed })
  }

  async #drop(log: Log, clock: VirtualClock): Promise<void> {
    const ledger = this.#pickLedger()
    if (ledger === undefined) return
    this.#ledgers.delete(ledger)
    this.oracle.note({ kind: 'dropping', ledger })
    const asked = log.dropLedgers([ledger], { deadlineMs: clock.monotonic() + DEADLINE_MS })
    const dropped = await this.#excused(
      asked.then(() => true),
      false,
    )
    if (!dropped) return
    this.oracle.note({ kind: 'dropped', ledger })
  }

  async #trim(log: Log, clock: VirtualClock): Promise<void> {
    const ledgers = [...this.#ledgers].filter(() => this.#random.float() < 0.7)
    const beforeMs = clock.now() - this.#below(60)
    for (const ledger of ledgers) this.oracle.note({ kind: 'trimming', ledger, beforeMs })
    const asked = log.trim(
      ledgers.map((ledger) => ({ ledger, beforeMs, retentionMs: (1 + (ledger % 3)) * RETENTION_STEP_MS })),
    )
    const trimmed = await this.#excused(
      asked.then(() => true),
      false,
    )
    if (!trimmed) return
    for (const ledger of ledgers) this.oracle.note({ kind: 'trimmed', ledger, beforeMs })
  }

  async #read(log: Log): Promise<void> {
    const ledger = this.#pickLedger()
    if (ledger === undefined) return
    const none = { parts: [], damaged: [] }
    const { parts } = await this.#excused(readLedger(log, ledger).catch(known(none)), none)
    for (const { id, position, timeMs } of parts) this.oracle.store(id, { position, timeMs })
  }

  async #idle(clock: VirtualClock): Promise<void> {
    const pauseMs = this.#below(40)
    await new Promise<void>((done) => void clock.setTimer(pauseMs, done))
  }

  #noteShown(log: Log, ledger: Ledger): void {
    if (log.stateOf(ledger) === undefined) return
    this.oracle.note({ kind: 'shown', ledger, end: log.bounds(ledger).end })
  }

  /** On a faulty disk the log may answer with an error of its own; `refused` hears if it says that nothing happened. */
  async #excused<T, U>(asked: Promise<T>, instead: U, refused?: () => void): Promise<T | U> {
    if (this.#options.faults === undefined) return asked
    try {
      return await asked
    } catch (error) {
      if (error instanceof Violation || !(error instanceof Error)) throw error
      const { code, name } = error as { code?: unknown; name: string }
      // Opening and closing may fail with the disk's own error; in between errors are the log's.
      if (typeof code !== 'string' || (this.#phase === 'running' && name !== 'LogError')) throw error
      this.#options.onExcused?.(this.#phase)
      if (code === 'unavailable' || code === 'no-space') refused?.()
      return instead
    }
  }

  /** Mostly small; now and then many pages; rarely so large that a segment holds few of them. */
  #length(): number {
    const dice = this.#below(20)
    if (dice < 13) return this.#below(300)
    if (dice < 18) return this.#below(6_000)
    return this.#below(this.settings.segmentBytes / 2)
  }

  #segmentBytes(seed: number): number {
    if (seed % LARGE_ONE_IN === 0) return LARGE_SEGMENT_BYTES
    return seed % LONG_ONE_IN === 0 ? LONG_SEGMENT_BYTES : this.#pick(SEGMENT_BYTES)
  }

  #pickLedger(): Ledger | undefined {
    return this.#ledgers.size === 0 ? undefined : this.#pick([...this.#ledgers])
  }

  #pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T {
    const choice = choices[this.#below(choices.length)]
    if (choice === undefined) throw new Error('there is something to choose from')
    return choice
  }

  #below(bound: number): number {
    return randomBelow(this.#random, bound)
  }

  #fresh(): Random {
    return seededRandom(this.#below(2 ** 31))
  }
}

function slowSyncs(clock: VirtualClock, random: Random): SimulatedDisk['delays'] {
  return (kind) => {
    if (kind !== 'sync' || random.float() >= SLOW_SYNC_CHANCE) return undefined
    return new Promise((resolve) => void clock.setTimer(randomBelow(random, SLOW_SYNC_MS_MAX), resolve))
  }
}

function isDamaged({ damaged }: { readonly damaged: readonly unknown[] }): boolean {
  return damaged.length > 0
}

/** A ledger that was dropped meanwhile is no fault of the log. */
function known<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if ((error as { code?: unknown }).code === 'unknown-ledger') return instead
    throw error
  }
}
