/**
 * The kit of a server under test: a clock to advance, faults to add, and a way to have everything anew. It stands
 * between the front door and the service, and only if it was asked for; it keeps nothing, and works on nothing that is
 * kept (docs/decisions/086-test-kit.md).
 */
import type { Clock } from '@millrace/std'

import type { HostPolicy } from '../http/host-policy.ts'
import type { Dispatch } from '../http/wire.ts'
import type { Service } from '../service.ts'
import { createControlPages } from './control-pages.ts'
import { durationMs } from './duration-ms.ts'
import type { Fault } from './fault.ts'
import { FaultList, type Faults } from './fault-list.ts'
import { FaultyService } from './faulty-service.ts'
import { KitClock } from './kit-clock.ts'
import { RequestGate } from './request-gate.ts'
import { TestKitError } from './test-kit-error.ts'

export interface TestKitOptions {
  /** Of the faults' dice: a whole number. Default 1, so that every run is the same. */
  readonly seed?: number
  /** The same by HTTP below `/_millrace/`. Only under `--auth none`. Default false. */
  readonly http?: boolean
  /** In force from the start, and again after a reset. Default: none. */
  readonly faults?: readonly Fault[]
}

export interface TestClock {
  /** What the service takes for the time, ms since the epoch. It runs, and is ahead by what it was advanced. */
  now(): number
  /**
   * Moves time forward by ms, or `24h`, `90s`, `1h30m`; at most 400 days at once. What falls due happens on the way,
   * and is done when this resolves; requests wait meanwhile, for five seconds at a time. Throws TestKitError.
   */
  advance(by: number | string): Promise<void>
}

export interface TestKit {
  readonly seed: number
  readonly clock: TestClock
  readonly faults: Faults
  /**
   * As after the start: streams, consumers and records are gone, subscriptions have ended, iterators are invalid, faults
   * are those of the start with their dice anew, the clock shows the machine's time.
   */
  reset(): Promise<void>
}

/** What a reset makes anew. */
export interface World {
  readonly service: () => Service
  close(): Promise<void>
  open(): Promise<void>
}

const HOUR_MS = 3_600_000
/** A year is the longest retention; and what follows from it. */
const ADVANCE_MS_MAX = 400 * 24 * HOUR_MS
/** What has fallen due begins at once, and goes on by turns of the event loop: nothing here waits for a disk. */
const TURNS_EACH_STEP = 8
/** At the end, who hears of it (a subscription, its reader) has turns of its own. */
const TURNS_AT_END = 64
/** What is not done by then waits for time itself, and goes on with the next step. */
const TURNS_MAX = 10_000
/** Of the machine's time. Who waits longer than the 20 s of the front door is refused: so all are let in between two parts. */
const ADVANCE_PART_MS = 5_000

export class ServerTestKit implements TestKit {
  readonly seed: number
  readonly clock: TestClock
  readonly faults: FaultList
  /** What the service lives by. */
  readonly time: KitClock
  readonly #options: TestKitOptions
  readonly #machine: Clock
  readonly #gate: RequestGate
  #world: World | undefined
  /** One advance or reset after the other. */
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  /** Throws TestKitError. `clock`: the machine's. */
  constructor(options: TestKitOptions, clock: Clock) {
    const { seed = 1 } = options
    if (!Number.isSafeInteger(seed)) throw new TestKitError(`seed: expected a whole number, found ${String(seed)}`)
    this.seed = seed
    this.#options = options
    this.#machine = clock
    this.#gate = new RequestGate(clock)
    this.time = new KitClock(clock)
    this.faults = new FaultList(seed)
    this.#addFaults()
    this.clock = {
      now: () => this.time.now(),
      advance: async (by) => {
        const ms = durationMs(by, 0, ADVANCE_MS_MAX, 'advance')
        await this.#alone(() => this.#advance(ms))
      },
    }
  }

  /** The service as the front door is to know it: with the faults in front of it. */
  serve(world: World): FaultyService {
    this.#world = world
    return new FaultyService({
      service: world.service,
      faults: this.faults,
      gate: this.#gate,
      clock: this.time,
    })
  }

  /** The front door with the kit in front of it. */
  front(dispatch: Dispatch, service: FaultyService, hosts: HostPolicy): Dispatch {
    const inner = service.around(dispatch)
    const pass: Dispatch = (request) => this.#gate.pass(() => inner(request))
    if (this.#options.http !== true) return pass
    const control = createControlPages({ kit: this, hosts, clock: this.#machine })
    return (request) => control(request) ?? pass(request)
  }

  reset(): Promise<void> {
    return this.#alone(() => {
      this.#gate.abandon()
      return this.#gate.whileClosed(async () => {
        await this.#world?.close()
        this.time.resetWall()
        this.faults.reset()
        this.#addFaults()
        await this.#world?.open()
      })
    })
  }

  /** Waits for what it is in, and does nothing more. */
  async close(): Promise<void> {
    this.#closed = true
    this.#gate.abandon()
    await this.#turn.catch(() => undefined)
  }

  #alone(task: () => Promise<void>): Promise<void> {
    const turn = this.#turn
      .catch(() => undefined)
      .then(() => {
        this.#assertOpen()
        return task()
      })
    this.#turn = turn
    return turn
  }

  #assertOpen(): void {
    if (this.#closed) throw new TestKitError('the server is closed: start another')
  }

  async #advance(ms: number): Promise<void> {
    let goneMs = 0
    do {
      this.#assertOpen()
      goneMs = await this.#gate.whileClosed(() => this.#advanceOn(goneMs, ms))
    } while (goneMs < ms)
  }

  /**
   * Until `ms` have gone by, or a part's time is over; returns how much has gone by.
   *
   * At first by the second, then in steps of a sixteenth of what has gone by, at most by the hour: traffic of a moment ago is
   * seen as what it was, what takes many rounds gets them, and a year takes seconds.
   */
  async #advanceOn(sinceMs: number, ms: number): Promise<number> {
    const untilMs = this.#machine.monotonic() + ADVANCE_PART_MS
    let goneMs = sinceMs
    while (goneMs < ms && this.#machine.monotonic() < untilMs) {
      const stepMs = Math.min(ms - goneMs, Math.max(1_000, goneMs / 16), HOUR_MS)
      this.time.step(stepMs)
      goneMs += stepMs
      await this.#settle(TURNS_EACH_STEP)
    }
    await this.#settle(TURNS_AT_END)
    return goneMs
  }

  async #settle(turnsMin: number): Promise<void> {
    for (let turn = 0; turn < turnsMin || (this.#isBusy && turn < TURNS_MAX); turn++)
      await new Promise((resolve) => setImmediate(resolve))
  }

  get #isBusy(): boolean {
    return this.#gate.isBusy || this.#world?.service().isBusy === true
  }

  #addFaults(): void {
    for (const fault of this.#options.faults ?? []) this.faults.add(fault)
  }
}
