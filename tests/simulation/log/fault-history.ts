/**
 * A history on a disk that fails here and there. It names its calls, notes what its log says, and holds each life to what
 * it owes before it ends: to bear what still fails, and to go on when nothing does any longer.
 */
import { type Log, LogError } from '@millrace/log'
import type { DiskFault, DiskOperation } from '@millrace/log/testing'
import { type Logger, silentLogger } from '@millrace/std'
import type { VirtualClock } from '@millrace/std/testing'
import { aroundCalls, type CallSite, callerOf, type DiskCall } from './call-sites.ts'
import { readAll } from './contents.ts'
import type { NamedCall } from './fault-plan.ts'
import { History, type LifePhase, type LivingLog } from './history.ts'
import { leftoversOf } from './leftovers.ts'
import { Violation } from './oracle.ts'
import { makePayload } from './payload.ts'
import { idle, settled } from './settled.ts'

/** What the log may say of a fault. */
export type Sign =
  | 'refuses to start'
  | 'stops'
  | 'prepares again'
  | 'upkeep again'
  | 'upkeep ends'
  | 'damage'
  | 'call fails'
  | 'closes without'
  | 'close fails'

/** What a history asks as it goes, and tells. */
export interface Faults {
  /** Whether such calls are to be named: what it costs to look at the stack is worth it for few. */
  isNamed(call: DiskCall): boolean
  /** Hears of each named call as it is made. */
  note(call: NamedCall): void
  faultOf(call: NamedCall, operation: DiskOperation): DiskFault | undefined
  /** A life has ended; whether that was the last one on this disk. `isLast`: the history would end here. */
  endLife(isLast: boolean): boolean
  /** Whether something still fails. */
  readonly isLasting: boolean
  /** Whether the disk is to be mended while a process runs. */
  readonly isMendedInLife: boolean
  /** Nothing fails any longer. */
  mend(): void
}

export class FaultHistory {
  readonly history: History
  readonly #faults: Faults
  readonly #signs = new Set<Sign>()
  readonly #passes = new Map<CallSite, number>()
  #call: NamedCall | undefined
  #life = 0
  #stopped: string | undefined
  /** What is read to be held against the oracle is to be read whole. */
  #isChecking = false
  /** From here on this life may be cut off before the log can say anything. */
  #hasGoneOn = false

  constructor(seed: number, faults: Faults) {
    this.#faults = faults
    const wrap = aroundCalls((call, run) => {
      const site = this.#isDeaf() || !faults.isNamed(call) ? undefined : callerOf(call)
      if (site === undefined) return run()
      const pass = (this.#passes.get(site) ?? 0) + 1
      this.#passes.set(site, pass)
      this.#call = { site, pass }
      faults.note(this.#call)
      try {
        return run()
      } finally {
        this.#call = undefined
      }
    })
    this.history = new History(seed, wrap, {
      labelOf: () => this.#call,
      faults: (operation) =>
        operation.label === undefined ? undefined : faults.faultOf(operation.label as NamedCall, operation),
      logger: this.#logger(),
      onStopped: (reason) => {
        this.#stopped = reason
        this.#signs.add('stops')
      },
      onExcused: (phase) => this.#noteError(phase),
      beforeEnd: (life) => this.#beforeEnd(life),
      isOver: (isLast) => faults.endLife(isLast),
    })
  }

  get signs(): ReadonlySet<Sign> {
    return this.#signs
  }

  /** Whether a fault now would not come to anything that can be held against the table. */
  #isDeaf(): boolean {
    const { phase, lives } = this.history
    if (lives !== this.#life) {
      this.#life = lives
      this.#hasGoneOn = false
      this.#stopped = undefined
    }
    return this.#isChecking || (this.#hasGoneOn && phase === 'running')
  }

  #logger(): Logger {
    return {
      ...silentLogger,
      warn: (message) => {
        if (message.startsWith('no segment can be prepared')) this.#signs.add('prepares again')
        else if (message === 'upkeep of the log failed; trying again soon') this.#signs.add('upkeep again')
        else if (message === 'upkeep of the log failed, and ends with its writing') this.#signs.add('upkeep ends')
        else if (message.startsWith('the log closes without')) this.#signs.add('closes without')
        else throw new Violation(`a warning that the table knows nothing of: ${message}`)
      },
      error: (message) => {
        if (message === 'stored data is damaged') this.#signs.add('damage')
      },
    }
  }

  #noteError(phase: LifePhase): void {
    if (phase === 'opening') this.#signs.add('refuses to start')
    else if (phase === 'closing') this.#signs.add('close fails')
    else if (this.#stopped === undefined) this.#signs.add('call fails')
  }

  async #beforeEnd(life: LivingLog): Promise<void> {
    await idle(life.clock, GO_ON_MS)
    if (this.#faults.isLasting) {
      await this.#bear(life)
      if (!this.#faults.isMendedInLife) return
      this.#faults.mend()
    }
    await this.#goOn(life)
  }

  /** The fault lasts: the log says how it is, decides what it is asked, and fills no disk with what it begins over and over. */
  async #bear({ log, clock, disk, metadata }: LivingLog): Promise<void> {
    const { oracle } = this.history
    const before = leftoversOf(disk, log)
    await idle(clock, BEAR_MS)
    const after = leftoversOf(disk, log)
    if (after.count > Math.max(before.count, BEGUN_MAX)) {
      throw new Violation(`what stays behind grows from ${before.count} files to ${after.count}: ${after.text}`)
    }
    if (this.#stopped !== undefined && log.health().writable)
      throw new Violation('health says writable, and it stopped')
    await this.#ask(log, clock)
    const contents = await readAll(log, metadata, clock).catch((error: Error) => {
      if (error.name !== 'LogError') throw error
      this.#noteError('running')
    })
    const isWhole = [...(contents?.ledgers.values() ?? [])].every(({ damaged }) => damaged.length === 0)
    if (contents !== undefined && isWhole) oracle.check(contents, oracle.now)
  }

  /** Nothing fails any longer: either the log has stopped, and says so and still reads, or it does all that it did before. */
  async #goOn(life: LivingLog): Promise<void> {
    const { log, clock, disk, metadata } = life
    const { oracle } = this.history
    await idle(clock, GO_ON_MS)
    const { writable, reason } = log.health()
    if (writable !== (this.#stopped === undefined)) {
      throw new Violation(`health says ${reason ?? 'writable'}, and the log ${this.#stopped ?? 'has not stopped'}`)
    }
    const isStored = await this.#ask(log, clock)
    // The second fault hit this very change: now it has stopped, and is held to that.
    if (writable && !isStored && this.#stopped !== undefined) return await this.#goOn(life)
    if (writable !== isStored) throw new Violation(`a change is not decided as health says: ${reason ?? 'writable'}`)
    if (isStored) {
      await idle(clock, GO_ON_MS)
      // What the fault was waiting for.
      if (this.#faults.isLasting) return await this.#beforeEnd(life)
      const left = leftoversOf(disk, log)
      // What may be part of a log that has stopped is for its next opening to judge.
      if (left.count > 0 && log.health().writable) throw new Violation(`${left.count} files stay behind: ${left.text}`)
    } else if (reason?.includes('(simulated)') !== true) {
      throw new Violation(`health does not say why: ${reason}`)
    }
    this.#isChecking = true
    oracle.check(await readAll(log, metadata, clock), oracle.now)
    this.#isChecking = false
    this.#hasGoneOn = true
  }

  /** Asks for a change; whether it is stored. */
  async #ask(log: Log, clock: VirtualClock): Promise<boolean> {
    const { oracle } = this.history
    const id = oracle.newId()
    const change = makePayload(id, 0, 60)
    oracle.ask(id, 0, change)
    try {
      const commit = await settled(clock, log.appendMetadata(change, { deadlineMs: clock.monotonic() + GO_ON_MS }))
      oracle.store(id, { position: { commit, index: 0 }, timeMs: undefined })
      return true
    } catch (error) {
      if (!(error instanceof LogError)) throw error
      if (error.code === 'unavailable' || error.code === 'no-space') oracle.note({ kind: 'refused', id })
      return false
    }
  }
}

/** Longer than what failed is tried again three times. */
const GO_ON_MS = 3_500
/** In so long another file each second would come to more than BEGUN_MAX. */
const BEAR_MS = 12_000
/** So many files may be begun and not be removed: a spare, and what one step of regrouping makes of a few segments. */
const BEGUN_MAX = 9
