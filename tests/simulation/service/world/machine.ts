/**
 * What the servers of a world run on: a clock, and a disk that loses power or an engine that two servers share. Starts
 * them, ends them in every way there is, and lets virtual time pass while something is awaited.
 */
import { setImmediate } from 'node:timers/promises'
import { CRASH_MODES, type CrashMode, SimulatedDisk } from '@millrace/log/testing'
import { assert, type Random, randomBelow } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import type { Coverage } from './coverage.ts'
import { FaultPlan } from './faulty-disk.ts'
import type { Network } from './network.ts'
import type { Plan } from './plan.ts'
import { ServerLife } from './server-life.ts'
import {
  type Crash,
  crashingEngine,
  createMemoryEngine,
  deafEngine,
  type Engine,
  type MemoryEngine,
  openEmbeddedEngine,
} from './server-parts.ts'
import { TrustedTime } from './trusted-time.ts'

const START_MS = 1_700_000_000_000
/** Turns of the event loop without an answer: a hang. */
const TURNS_MAX = 20_000
/** Operations of the disk within which a life ends that is to end by itself, and a recovery. */
const LIFE_OPERATIONS_MAX = 900
const RECOVERY_OPERATIONS_MAX = 40
const RECOVERY_CRASHES_MAX = 3
const HOUR_MS = 3_600_000

export interface MachineOptions {
  readonly random: Random
  readonly plan: Plan
  readonly network: Network
  readonly coverage: Coverage
  readonly onLife: (reason: string) => void
}

export class Machine {
  clock = new VirtualClock(START_MS)
  readonly time: TrustedTime
  /** The first one hears of every change. */
  servers: readonly ServerLife[] = []
  faults: FaultPlan | undefined
  readonly #options: MachineOptions
  readonly #memory: MemoryEngine | undefined
  #disk: SimulatedDisk
  #engine: Engine | undefined
  #crashes: Crash[] = []
  /** What the life that has just ended left behind. */
  #left: SimulatedDisk | undefined
  #driftedMs = 0

  constructor(options: MachineOptions) {
    this.#options = options
    this.time = new TrustedTime(this.clock)
    this.#disk = new SimulatedDisk({ random: options.random })
    if (options.plan.engine === 'shared') this.#memory = createMemoryEngine({ clock: this.clock })
  }

  get hasCrashed(): boolean {
    return this.#left !== undefined
  }

  /** Faults were met, or a server is about to be replaced: it may answer that it failed. */
  get isAiling(): boolean {
    return this.faults?.hasFailed === true || this.#options.plan.engine === 'shared'
  }

  /** Starts what there is to start; a recovery may crash too. With `sound`, nothing goes wrong in this life. */
  async begin(sound = false): Promise<void> {
    if (this.#memory !== undefined) return this.#beginShared(this.#memory)
    const { coverage, onLife } = this.#options
    for (let attempt = 0; ; attempt++) {
      this.#disk = this.#left ?? this.#disk
      this.#left = undefined
      if (this.servers.length > 0 || attempt > 0) this.#moveClock()
      this.time.restart(this.clock, { isAiling: this.faults?.hasFailed === true })
      const calm = sound || attempt >= RECOVERY_CRASHES_MAX
      this.#arm(calm)
      const server = await this.#settledOrCrashed(this.#open(this.#disk, calm))
      if (server !== undefined && server !== 'failed') {
        this.servers = [server]
        return
      }
      if (server === 'failed') {
        coverage.add('starts refused by a faulty disk')
        this.#end('kill')
      } else {
        coverage.add('crashes')
        coverage.add('crashes in recovery')
      }
      onLife('crash in recovery')
    }
  }

  /** Lets time pass until `act` is done. A crash on the way ends the servers, not the wait: clients hear of it. */
  async settle(act: Promise<unknown>): Promise<void> {
    const outcome = await this.#pumped(act, () => false)
    if (outcome === 'hang') throw new Error(`hang: no answer after ${TURNS_MAX} turns`)
  }

  /** Time passes while nobody asks for anything. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms)
    const { driftMs } = this.#options.plan
    this.#driftedMs += (driftMs * ms) / 1000
    const whole = Math.trunc(this.#driftedMs)
    if (whole !== 0 && Math.abs(whole) < HOUR_MS / 2) {
      this.#driftedMs -= whole
      this.clock.stepWall(whole)
      if (Math.abs(whole) > 30_000) this.time.stepped(whole)
      else this.time.drifted(whole)
    }
    await setImmediate()
  }

  stepWall(ms: number): void {
    this.clock.stepWall(ms)
    this.time.stepped(ms)
  }

  /** Ends all, at once or in order, and starts again. */
  async restart(how: 'close' | CrashMode, sound = false): Promise<void> {
    this.#options.coverage.add(how === 'close' ? 'restarts in order' : 'crashes')
    if (this.#memory !== undefined) {
      for (const server of this.servers) await this.#replaceShared(server, how === 'close')
      await this.begin()
      return
    }
    if (how === 'close' && !this.hasCrashed && this.#engine !== undefined) {
      const [server] = this.servers
      const engine = this.#engine
      await this.#pumped(
        (async () => {
          await server?.close()
          await engine.close()
        })(),
        () => this.hasCrashed,
      )
    }
    if (!this.hasCrashed) this.#end(how === 'close' ? 'all-kept' : how)
    this.#options.onLife(how)
    await this.begin(sound)
  }

  /** After a crash at an operation of the disk: the next life. */
  async revive(): Promise<void> {
    this.#options.coverage.add('crashes')
    this.#options.onLife('crash')
    await this.begin()
  }

  /** One of two servers is about to die at one of its next changes; see `replaceDying`. */
  doom(random: Random): void {
    const crash = this.#crashes[randomBelow(random, this.#crashes.length)]
    if (crash === undefined || crash.changesLeft !== undefined) return
    crash.changesLeft = randomBelow(random, 4)
    crash.answerLost = random.float() < 0.5
  }

  async replaceDying(): Promise<void> {
    for (const [i, server] of this.servers.entries()) {
      const left = this.#crashes[i]?.changesLeft
      if (left === undefined || left >= 0) continue
      this.#options.coverage.add('crashes')
      await this.#replaceShared(server, false)
      if (this.#memory !== undefined) await this.#beginShared(this.#memory)
    }
  }

  /** Chooses how the life ends, and what fails in it. */
  #arm(calm: boolean): void {
    const { random, plan, coverage } = this.#options
    this.faults = undefined
    this.#disk.onOperation = undefined
    this.#disk.faults = undefined
    if (calm) return
    const first = this.#disk.operations + 1
    const inRecovery = random.float() < 0.15
    if (inRecovery || random.float() < plan.crashChance) {
      const at = first + randomBelow(random, inRecovery ? RECOVERY_OPERATIONS_MAX : LIFE_OPERATIONS_MAX)
      const mode = CRASH_MODES[randomBelow(random, CRASH_MODES.length)] ?? 'all-lost'
      this.#disk.onOperation = ({ index, kind }) => {
        if (index !== at) return
        coverage.add(`at ${kind}`)
        this.#end(mode)
      }
    }
    if (random.float() < plan.faultChance) {
      const faults = new FaultPlan(random, LIFE_OPERATIONS_MAX / 2)
      this.faults = faults
      this.#disk.faults = (operation) => {
        const fault = faults.faultOf(operation)
        if (fault !== undefined) coverage.add('faults')
        return fault
      }
    }
  }

  #end(mode: CrashMode): void {
    this.#options.coverage.add(`mode ${mode}`)
    this.#left = this.#disk.crash(mode)
    this.#disk.halt()
    this.#engine = undefined
    for (const server of this.servers) this.#options.network.cut(server)
  }

  async #open(disk: SimulatedDisk, calm: boolean): Promise<ServerLife | 'failed'> {
    const { random, plan } = this.#options
    const { clock } = this
    try {
      const options = {
        storage: { disk },
        clock,
        random,
        durability: 'fsync',
        segmentBytes: plan.segmentBytes,
      } as const
      this.#engine = await openEmbeddedEngine(options)
      // What the drive refused to read may have changed the metadata: it is served as it was before, and said to be in doubt.
      if (!calm && this.faults?.hasFailed === true && !this.#engine.health().writable) return 'failed'
      return await ServerLife.begin(this.#engine, clock, random, plan)
    } catch (error) {
      if (calm || this.faults?.hasFailed !== true) throw error
      return 'failed'
    }
  }

  async #beginShared(memory: MemoryEngine): Promise<void> {
    const { random, plan } = this.#options
    this.time.restart(this.clock, { others: this.servers.length > 0 })
    const servers: ServerLife[] = []
    const crashes: Crash[] = []
    for (let i = 0; i < 2; i++) {
      const living = this.servers[i]
      if (living !== undefined && !living.isDead) {
        servers.push(living)
        crashes.push(this.#crashes[i] ?? {})
        continue
      }
      const crash: Crash = {}
      const engine = crashingEngine(i === 0 ? memory : deafEngine(memory), crash)
      crashes.push(crash)
      const opening = ServerLife.begin(engine, this.clock, random, plan)
      await this.settle(opening)
      servers.push(await opening)
    }
    this.servers = servers
    this.#crashes = crashes
  }

  async #replaceShared(server: ServerLife, inOrder: boolean): Promise<void> {
    if (!inOrder) this.#options.network.cut(server)
    await this.settle(server.close())
    this.#options.network.cut(server)
    this.#options.onLife(inOrder ? 'close' : 'death')
  }

  #moveClock(): void {
    const { random, coverage } = this.#options
    let awayMs = randomBelow(random, 20_000)
    const chance = random.float()
    // The clock of the machine may be anywhere after a restart.
    if (chance < 0.05) awayMs -= randomBelow(random, 3 * HOUR_MS)
    else if (chance < 0.1) awayMs += randomBelow(random, 3 * HOUR_MS)
    else if (chance < 0.12) awayMs += randomBelow(random, 40 * HOUR_MS)
    if (chance < 0.12) coverage.add('restarts with another clock')
    this.clock = new VirtualClock(this.clock.now() + awayMs)
    this.#driftedMs = 0
  }

  async #settledOrCrashed<T>(act: Promise<T>): Promise<T | undefined> {
    const outcome = await this.#pumped(act, () => this.hasCrashed)
    if (outcome === 'hang') throw new Error(`hang: the engine does not open within ${TURNS_MAX} turns`)
    // Opened, and dead before anybody could ask it anything.
    return outcome === 'crashed' || this.hasCrashed ? undefined : act
  }

  async #pumped(act: Promise<unknown>, isOver: () => boolean): Promise<'done' | 'crashed' | 'hang'> {
    let isDone = false
    const finish = (): void => void (isDone = true)
    act.then(finish, finish)
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      await setImmediate()
      if (isDone) {
        await act
        return 'done'
      }
      if (isOver()) return 'crashed'
      const due = this.clock.nextDueMs
      assert(due !== undefined || this.hasCrashed, 'hang: no timer is set, and no answer came')
      if (due !== undefined) this.clock.advance(Math.max(0, due - this.clock.monotonic()))
    }
    return 'hang'
  }
}
