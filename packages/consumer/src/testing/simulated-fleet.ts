/**
 * A whole application on one virtual clock, from one seed: workers that come, crash, hang and stop, streams that are written,
 * split and merged, a lease store and a service that are slow, fail and lose answers, clocks that differ, lists of streams that are
 * rolled out, and somebody who moves, pauses and resumes leases. The seed draws how the fleet is set up, too (`fleet-setup.ts`).
 */
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { pauseLeases, resumeLeases, seekLeases } from '../administration/move-leases.ts'
import { resetApplication } from '../administration/reset-application.ts'
import { extendedSequenceNumber, isShardEnd } from '../extended-sequence-number.ts'
import type { LeaseAdministration } from '../leases/lease-administration.ts'
import { MemoryLeases } from '../leases/memory-lease-store.ts'
import type { Lease } from '../leases/lease.ts'
import { heldTooMuch, withoutOwner } from './fleet-checks.ts'
import { FleetHistory } from './fleet-history.ts'
import { drawnPlan, drawnSetup, type FleetPlan, type FleetSetup, traits } from './fleet-setup.ts'
import { FAILOVER_MS, type FleetOfWorker, FleetWorker } from './fleet-worker.ts'
import { memoryAdministration } from './memory-administration.ts'
import { passTime } from './pass-time.ts'
import { serviceOf } from './service-of.ts'
import { SimulatedStream } from './simulated-stream.ts'
import { watchedByOperator, watchedByWorker } from './watched-store.ts'

const KEYS = 200
/** Subscriptions end some times while a fleet runs. */
const SUBSCRIPTION_MS = 15_000
const never = new AbortController().signal

export class SimulatedFleet {
  readonly seed: number
  readonly plan: FleetPlan
  readonly setup: FleetSetup
  readonly clock = new VirtualClock()
  readonly history = new FleetHistory()
  readonly events: Record<string, number> = {}
  readonly #random: Random
  readonly #leases = new MemoryLeases(this.clock)
  readonly #streams: readonly SimulatedStream[]
  readonly #known = new Set<string>()
  readonly #serviceTroubles = { throttled: 0, broken: 0 }
  readonly #workers: FleetWorker[] = []
  readonly #administration: LeaseAdministration
  /** What workers are told that begin now. */
  #list: readonly string[]
  #names = 0
  #isTroubled = true

  constructor(seed: number, plan?: FleetPlan) {
    this.seed = seed
    this.#random = seededRandom(seed)
    this.setup = drawnSetup(seed, this.#random, plan !== undefined)
    this.plan = plan ?? drawnPlan(this.setup, this.#random)
    const { streams } = this.setup
    // What is another stream's is to be seen by its number.
    this.#streams = streams.map((name, i) => new SimulatedStream(name, Math.ceil(this.plan.shards / streams.length), this.clock, { subscriptionMs: SUBSCRIPTION_MS, firstNumber: BigInt(i + 1) * 10n ** 40n })) // prettier-ignore
    this.#list = streams
    this.#administration = memoryAdministration(watchedByOperator(this.#leases.open(), this.history))
    for (const trait of traits(this.setup)) this.#count(trait)
    this.#noteShards()
  }

  /** Troubles, then peace: rejects with what was violated. */
  async run(): Promise<void> {
    if (this.setup.isRolling) this.#drawList()
    for (let i = 0; i < this.plan.workers; i++) this.#start()
    for (let step = 0; step < this.plan.steps; step++) {
      this.#step()
      await this.#pass(this.#random.float() * 1_000)
    }
    await this.#makePeace()
    this.#check('')
  }

  get #alive(): readonly FleetWorker[] {
    return this.#workers.filter(({ isAlive }) => isAlive)
  }

  #pass(ms: number): Promise<void> {
    return passTime(this.clock, ms)
  }

  #step(): void {
    this.#write(randomBelow(this.#random, 40))
    if (this.setup.isRolling) this.#roll()
    const roll = this.#random.float()
    const worker = this.#any(this.#alive)
    if (roll < 0.08) this.#reshard()
    else if (roll < 0.13) this.#start()
    else if (roll < 0.18) this.#crash(worker)
    else if (roll < 0.23) this.#stop(worker)
    else if (roll < 0.31) this.#cut(worker)
    else if (roll < 0.41) this.#shake()
    else if (roll < 0.46) void this.#move()
    else if (roll < 0.49) void this.#pause()
    else if (roll < 0.53) this.#halt(worker)
  }

  #write(records: number): void {
    for (let i = 0; i < records; i++) {
      const stream = this.#any(this.#streams) as SimulatedStream
      const { shardId, record } = stream.put(`key-${randomBelow(this.#random, KEYS)}`, new Uint8Array(1))
      this.history.put({ stream: stream.name, shardId }, record)
    }
  }

  #reshard(): void {
    const stream = this.#any(this.#streams) as SimulatedStream
    const shard = this.#any(stream.open)
    if (shard === undefined) return
    if (this.#random.float() < 0.5) this.#count('split', () => stream.split(shard))
    else if (stream.mergeWithNext(shard)) this.#count('merge')
    this.#noteShards()
  }

  #start({ isForPeace = false } = {}): void {
    const name = `worker-${this.#names++}`
    const fleet: FleetOfWorker = {
      setup: this.setup,
      clock: this.clock,
      history: this.history,
      service: (random) => serviceOf(this.#streams, this.#serviceTroubles, random),
      isTroubled: () => this.#isTroubled,
      onEvent: ({ kind }) => this.#count(kind),
    }
    const leases = watchedByWorker(name, this.#leases.open(), this.history, this.setup.initialPosition)
    const streams = isForPeace ? this.setup.streams : this.#list
    const seed = this.seed * 1_000 + this.#names
    this.#workers.push(new FleetWorker(fleet, { name, seed, leases, streams, isUnbounded: isForPeace }))
    this.#count('start')
  }

  #crash(worker: FleetWorker | undefined): void {
    if (worker === undefined || this.#alive.length === 1) return
    this.#count('crash', () => worker.worker.abandon())
    worker.isAlive = false
  }

  #stop(worker: FleetWorker | undefined): void {
    if (worker === undefined || this.#alive.length === 1) return
    this.#count('stop', () => void worker.worker.stop({ drainMs: 3_000 }))
    worker.isAlive = false
  }

  /** A worker stands still for a while: what it was about to do it does behind that. */
  #halt(worker: FleetWorker | undefined): void {
    this.#count('halt', () => worker?.standStill(this.#random.float() * 3 * FAILOVER_MS))
  }

  /** A worker is out of reach for a while. */
  #cut(worker: FleetWorker | undefined): void {
    if (worker === undefined) return
    this.#count('cut')
    worker.troubles.isCut = true
    this.clock.setTimer(this.#random.float() * 3 * FAILOVER_MS, () => void (worker.troubles.isCut = false))
  }

  #shake(): void {
    this.#count('shake')
    for (const { troubles } of this.#workers) {
      troubles.failing = this.#random.float() < 0.5 ? 0 : this.#random.float() * 0.3
      troubles.late = this.#random.float() < 0.5 ? 0 : this.#random.float() * 0.2
      troubles.slowMs = this.#random.float() < 0.5 ? 0 : this.#random.float() * 500
    }
    this.#serviceTroubles.throttled = this.#random.float() * 0.2
    this.#serviceTroubles.broken = this.#random.float() * 0.1
  }

  /** Another list is rolled out now and then; until all workers have it, one after the other is replaced, or asks for it again. */
  #roll(): void {
    if (this.#random.float() < 0.15) this.#count('list', () => this.#drawList())
    const worker = this.#any(this.#alive.filter(({ streams }) => streams !== this.#list))
    const roll = this.#random.float()
    if (worker === undefined || roll < 0.5) return
    if (roll < 0.75) worker.streams = this.#list
    else {
      this.#start()
      this.#stop(worker)
    }
  }

  /** All streams, or all but one. */
  #drawList(): void {
    const { streams } = this.setup
    const left = this.#random.float() < 0.5 ? undefined : this.#any(streams)
    this.#list = streams.filter((name) => name !== left)
  }

  /** Somebody has the application, or one shard, begin again behind what is done with. */
  async #move(): Promise<void> {
    const { clock } = this
    const of = { administration: this.#administration, application: 'billing', clock }
    const lease = this.#any((await this.#stored()).filter(({ checkpoint }) => !isShardEnd(checkpoint)))
    const after = lease && this.history.anyDone(lease, this.#random)
    if (after === undefined || this.#random.float() < 0.2) {
      // From where a fleet that begins at the latest owes records a time leads into the middle.
      if (this.setup.initialPosition === 'latest') return
      this.#count('reset')
      await resetApplication({ ...of, to: 'oldest', service: serviceOf(this.#streams) })
    } else if (lease !== undefined) {
      this.#count('seek')
      await seekLeases({ ...of, leases: [lease], to: { after: extendedSequenceNumber(after) } })
    }
  }

  async #pause(): Promise<void> {
    this.#count('pause')
    const of = { administration: this.#administration, application: 'billing' }
    const leases = await this.#stored()
    await pauseLeases({ ...of, leases: leases.filter(() => this.#random.float() < 0.3) })
    this.clock.setTimer(this.#random.float() * 10_000, () => void resumeLeases(of))
  }

  async #makePeace(): Promise<void> {
    const { isUnequal, isRolling } = this.setup
    this.#isTroubled = false
    for (const worker of this.#workers) {
      Object.assign(worker.troubles, { failing: 0, late: 0, slowMs: 0, isCut: false })
      worker.goOn()
    }
    Object.assign(this.#serviceTroubles, { throttled: 0, broken: 0 })
    await resumeLeases({ administration: this.#administration, application: 'billing' })
    // What a full worker leaves, or one that does not name the stream, falls to twice as many with each failover; somebody takes it.
    const isSlow = isUnequal || isRolling
    if (isSlow) this.#start({ isForPeace: true })
    const turnsMs = (isSlow ? 2 + Math.ceil(Math.log2(this.#alive.length)) : 2) * FAILOVER_MS
    // A cut that is still to end would end here.
    await this.#pass(turnsMs)
    this.#check(`${turnsMs} ms after the last trouble: `)
    const without = withoutOwner(await this.#stored(), this.#alive)
    // A child may have become ready just now.
    if (without.length > 0) await this.#pass(turnsMs)
    const still = new Set(without.length > 0 ? withoutOwner(await this.#stored(), this.#alive) : [])
    for (const lease of without) if (still.has(lease)) this.history.violations.push(`F7 ${lease}`)
    this.history.violations.push(...heldTooMuch(this.#alive))
    for (let round = 0; this.history.missing() > 0 && round < 60; round++) await this.#pass(1_000)
    if (this.history.missing() > 0)
      this.history.violations.push(`F1 ${this.history.missing()} records were never processed`)
    await this.#stopAll()
  }

  async #stopAll(): Promise<void> {
    const stopped = Promise.all(this.#workers.map(({ worker, isAlive }) => (isAlive ? worker.stop() : undefined)))
    const over = new AbortController()
    void stopped.then(() => over.abort())
    for (let i = 0; i < 40 && !over.signal.aborted; i++) await this.#pass(1_000)
    if (!over.signal.aborted) this.history.violations.push('F8 a worker did not stop')
  }

  #stored(): Promise<readonly Lease[]> {
    return this.#administration.leases('billing', never)
  }

  #check(when: string): void {
    const { violations } = this.history
    if (violations.length > 0) throw new Error(`${when}${violations.join('\n')}`)
  }

  #noteShards(): void {
    for (const stream of this.#streams)
      for (const { id, parents } of stream.shards) {
        const name = { stream: stream.name, shardId: id }
        const key = `${stream.name} ${id}`
        if (this.#known.has(key)) continue
        this.#known.add(key)
        this.history.shard(name, parents)
      }
  }

  #any<T>(from: readonly T[]): T | undefined {
    return from[randomBelow(this.#random, Math.max(1, from.length))]
  }

  #count(event: string, work: () => void = () => undefined): void {
    this.events[event] = (this.events[event] ?? 0) + 1
    work()
  }
}
