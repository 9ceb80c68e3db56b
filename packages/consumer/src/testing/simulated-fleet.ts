/**
 * A whole application on one virtual clock, from one seed: workers that come, crash, hang and stop, a stream that is written,
 * split and merged, a lease store and a service that are slow, fail and lose answers, clocks that differ, and somebody who moves, pauses
 * and resumes leases. The seed draws how the fleet is set up, too: face, balance, capacities, bounds.
 */
import { type Random, randomBelow, sleep } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { pauseLeases, resumeLeases, seekLeases } from '../administration/move-leases.ts'
import { resetApplication } from '../administration/reset-application.ts'
import { extendedSequenceNumber, isShardEnd } from '../extended-sequence-number.ts'
import type { RecordHandler } from '../faces/each-face.ts'
import { LeaseLostError } from '../leases/held-lease.ts'
import type { LeaseAdministration } from '../leases/lease-administration.ts'
import { MemoryLeases } from '../leases/memory-lease-store.ts'
import type { LeaseStore } from '../leases/lease-store.ts'
import type { RecordProcessor } from '../record-processor.ts'
import { polling } from '../retrieval/retrieval.ts'
import { Worker } from '../worker.ts'
import { FleetHistory } from './fleet-history.ts'
import { memoryAdministration } from './memory-administration.ts'
import { passTime } from './pass-time.ts'
import { SimulatedStream } from './simulated-stream.ts'
import { skewedClock } from './skewed-clock.ts'
import { type StoreTroubles, troubledStore } from './troubled-store.ts'

export interface FleetPlan {
  readonly workers: number
  readonly shards: number
  /** Steps of half a second on average, each with something that happens. */
  readonly steps: number
}

interface FleetWorker {
  readonly name: string
  readonly leasesMax: number
  readonly worker: Worker
  readonly troubles: StoreTroubles
  readonly ended: Promise<void>
  isAlive: boolean
}

type Face = 'run' | 'each' | 'batches'

const FAILOVER_MS = 4_000
const KEYS = 200
/** Of so many fleets one begins at the latest. */
const LATEST_EVERY = 4

export class SimulatedFleet {
  readonly seed: number
  readonly plan: FleetPlan
  readonly clock = new VirtualClock()
  readonly history = new FleetHistory()
  readonly events: Record<string, number> = {}
  readonly #random: Random
  readonly #leases = new MemoryLeases(this.clock)
  readonly #stream: SimulatedStream
  readonly #known = new Set<string>()
  readonly #serviceTroubles = { throttled: 0, broken: 0 }
  readonly #workers: FleetWorker[] = []
  readonly #administration: LeaseAdministration
  readonly #face: Face
  readonly #balance: 'count' | 'load'
  /** Workers have unequal shares, and some of them no more than a few leases. */
  readonly #isUnequal: boolean
  #names = 0
  #isTroubled = true

  constructor(seed: number, plan?: FleetPlan) {
    this.seed = seed
    this.#random = seededRandom(seed)
    this.plan = plan ?? {
      workers: 2 + randomBelow(this.#random, 4),
      shards: 1 + randomBelow(this.#random, 8),
      steps: 12 + randomBelow(this.#random, 24),
    }
    this.#stream = new SimulatedStream('orders', this.plan.shards, this.clock)
    this.#face = this.#any<Face>(['run', 'run', 'each', 'batches']) ?? 'run'
    this.#balance = this.#random.float() < 0.3 ? 'load' : 'count'
    this.#isUnequal = this.#random.float() < 0.3
    this.#administration = memoryAdministration(this.#watchedOperator(this.#leases.open()))
    this.#count(`face-${this.#face}`)
    if (this.#isUnequal) this.#count('unequal')
    if (this.#balance === 'load') this.#count('by-load')
    this.#noteShards()
  }

  get #beginsAtLatest(): boolean {
    return this.seed % LATEST_EVERY === 1
  }

  get stream(): SimulatedStream {
    return this.#stream
  }

  get workers(): readonly FleetWorker[] {
    return this.#workers.filter(({ isAlive }) => isAlive)
  }

  /** Troubles, then peace: rejects with what was violated. */
  async run(): Promise<void> {
    for (let i = 0; i < this.plan.workers; i++) this.#start()
    for (let step = 0; step < this.plan.steps; step++) {
      this.#step()
      await this.pass(this.#random.float() * 1_000)
    }
    await this.#makePeace()
    this.#check('')
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms)
  }

  #step(): void {
    this.#write(randomBelow(this.#random, 40))
    const roll = this.#random.float()
    const worker = this.#any(this.workers)
    if (roll < 0.08) this.#reshard()
    else if (roll < 0.13) this.#start()
    else if (roll < 0.18) this.#crash(worker)
    else if (roll < 0.23) this.#stop(worker)
    else if (roll < 0.31) this.#cut(worker)
    else if (roll < 0.41) this.#shake()
    else if (roll < 0.46) void this.#move()
    else if (roll < 0.49) void this.#pause()
  }

  /** Somebody has the application, or one shard, begin again behind what is done with. */
  async #move(): Promise<void> {
    const { clock } = this
    const of = { administration: this.#administration, application: 'billing', clock }
    const leases = await this.#administration.leases('billing', new AbortController().signal)
    const lease = this.#any(leases.filter(({ checkpoint }) => !isShardEnd(checkpoint)))
    const after = lease && this.history.anyDone(lease.shardId, this.#random)
    if (after === undefined || this.#random.float() < 0.2) {
      // From where a fleet that begins at the latest owes records a time leads into the middle.
      if (this.#beginsAtLatest) return
      this.#count('reset')
      await resetApplication({
        ...of,
        to: 'oldest',
        service: this.#stream.service({ throttled: 0, broken: 0 }, this.#random),
      })
    } else if (lease !== undefined) {
      this.#count('seek')
      await seekLeases({ ...of, leases: [lease], to: { after: extendedSequenceNumber(after) } })
    }
  }

  async #pause(): Promise<void> {
    this.#count('pause')
    const of = { administration: this.#administration, application: 'billing' }
    const leases = await this.#administration.leases('billing', new AbortController().signal)
    await pauseLeases({ ...of, leases: leases.filter(() => this.#random.float() < 0.3) })
    this.clock.setTimer(this.#random.float() * 10_000, () => void resumeLeases(of))
  }

  #write(records: number): void {
    for (let i = 0; i < records; i++) {
      const { shardId, record } = this.#stream.put(`key-${randomBelow(this.#random, KEYS)}`, new Uint8Array(1))
      this.history.put(shardId, record)
    }
  }

  #reshard(): void {
    const shard = this.#any(this.#stream.open)
    if (shard === undefined) return
    if (this.#random.float() < 0.5) this.#count('split', () => this.#stream.split(shard))
    else if (this.#stream.mergeWithNext(shard)) this.#count('merge')
    this.#noteShards()
  }

  #start(isBounded = true): void {
    const name = `worker-${this.#names++}`
    const troubles: StoreTroubles = { failing: 0, late: 0, lateMs: 3 * FAILOVER_MS, slowMs: 0, isCut: false }
    const random = seededRandom(this.seed * 1_000 + this.#names)
    // Two clocks that a thousandth lies between.
    const clock = skewedClock(this.clock, (random.float() - 0.5) * 60_000, 1 + (random.float() - 0.5) / 1_000)
    const leases = this.#watched(name, this.#leases.open())
    const leasesMax = this.#isUnequal && isBounded && random.float() < 0.4 ? 1 + randomBelow(random, 4) : Infinity
    const worker = new Worker({
      client: this.#stream.service(this.#serviceTroubles, random),
      application: 'billing',
      stream: 'orders',
      initialPosition: this.#beginsAtLatest ? 'latest' : 'oldest',
      leases: troubledStore(leases, troubles, clock, random),
      retrieval: polling({ pollIntervalMs: 400, recordsMax: 50 }),
      workerId: name,
      balance: this.#balance,
      capacity: this.#isUnequal ? 0.5 + 2 * random.float() : 1,
      leasesMax,
      failoverMs: FAILOVER_MS,
      handoverMs: 5_000,
      finishMs: 3_000,
      shardSyncMs: 10_000,
      failure: { retry: { baseMs: 50, maxMs: 500 } },
      onEvent: ({ kind }) => void (this.events[kind] = (this.events[kind] ?? 0) + 1),
      clock,
      random,
    })
    const ended = this.#run(worker, name, random)
    ended.catch((error: unknown) => this.history.violations.push(`${name} ended: ${String(error)}`))
    this.#workers.push({ name, leasesMax, worker, troubles, ended, isAlive: true })
    this.#count('start')
  }

  #run(worker: Worker, name: string, random: Random): Promise<void> {
    if (this.#face === 'run') return worker.run(({ shardId }) => this.#processor(name, shardId, random))
    if (this.#face === 'batches') return this.#loop(worker, name, random)
    const handle: RecordHandler = async ({ sequenceNumber }, { shardId }) => {
      this.history.delivered(name, shardId, [sequenceNumber])
      if (random.float() < 0.1) await sleep(this.clock, random.float() * 100)
      if (this.#isTroubled && random.float() < 0.02) throw new Error('simulated')
      this.history.finished(shardId, [sequenceNumber])
    }
    return worker.each(handle, { concurrency: 4, checkpoint: { everyMs: 500 } })
  }

  async #loop(worker: Worker, name: string, random: Random): Promise<void> {
    for await (const batch of worker.batches()) {
      const numbers = batch.records.map(({ sequenceNumber }) => sequenceNumber)
      if (numbers.length > 0) this.history.delivered(name, batch.shardId, numbers)
      if (random.float() < 0.3) await sleep(this.clock, random.float() * 50)
      this.history.finished(batch.shardId, numbers)
      // Whose lease is lost is given to the next owner again; who crashed is told nothing.
      await batch.checkpoint().catch((error: unknown) => {
        const isAlive = this.workers.some((one) => one.name === name)
        if (isAlive && !(error instanceof LeaseLostError)) throw error
      })
    }
  }

  #processor(worker: string, shardId: string, random: Random): RecordProcessor {
    const { history, clock } = this
    let holding: ReturnType<FleetHistory['holding']> | undefined
    return {
      initialize: ({ checkpoint }) => {
        holding = history.holding(worker, shardId, checkpoint)
      },
      processRecords: async ({ records, checkpointer }) => {
        const numbers = records.map(({ sequenceNumber }) => sequenceNumber)
        holding?.delivered(numbers)
        if (random.float() < 0.3) await sleep(clock, random.float() * 300)
        if (this.#isTroubled && random.float() < 0.05) throw new Error('simulated')
        holding?.finished(numbers)
        if (random.float() < 0.5) await checkpointer.checkpoint()
      },
      shutdownRequested: ({ checkpointer }) => checkpointer.checkpoint(),
    }
  }

  #watchedOperator(store: LeaseStore): LeaseStore {
    return {
      ...store,
      create: async (leases, signal) => {
        await store.create(leases, signal)
        for (const { shardId, checkpoint } of leases) this.history.begunAgain(shardId, checkpoint)
      },
      update: async (updates, signal) => {
        const results = await store.update(updates, signal)
        for (const [i, update] of updates.entries()) this.history.moved(update, results[i] ?? { outcome: 'gone' })
        return results
      },
    }
  }

  #watched(name: string, store: LeaseStore): LeaseStore {
    return {
      ...store,
      create: async (leases, signal) => {
        await store.create(leases, signal)
        if (this.#beginsAtLatest) this.history.begunAtLatest(leases.map(({ shardId }) => shardId))
      },
      update: async (updates, signal) => {
        const results = await store.update(updates, signal)
        for (const [i, result] of results.entries()) {
          const update = updates[i]
          if (update !== undefined) this.history.updated(name, update, result)
        }
        return results
      },
    }
  }

  #crash(worker: FleetWorker | undefined): void {
    if (worker === undefined || this.workers.length === 1) return
    this.#count('crash', () => worker.worker.abandon())
    worker.isAlive = false
  }

  #stop(worker: FleetWorker | undefined): void {
    if (worker === undefined || this.workers.length === 1) return
    this.#count('stop', () => void worker.worker.stop({ drainMs: 3_000 }))
    worker.isAlive = false
  }

  /** A worker is out of reach for a while, or stands still: to the others it is the same. */
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

  async #makePeace(): Promise<void> {
    this.#isTroubled = false
    for (const { troubles } of this.#workers) Object.assign(troubles, { failing: 0, late: 0, slowMs: 0, isCut: false })
    Object.assign(this.#serviceTroubles, { throttled: 0, broken: 0 })
    await resumeLeases({ administration: this.#administration, application: 'billing' })
    // What a full worker leaves falls to twice as many with each failover; somebody has room.
    if (this.#isUnequal) this.#start(false)
    const turns = this.#isUnequal ? 2 + Math.ceil(Math.log2(this.workers.length)) : 2
    // A cut that is still to end would end here.
    await this.pass(turns * FAILOVER_MS)
    this.#check(`${turns * FAILOVER_MS} ms after the last trouble: `)
    const without = await this.#withoutOwner()
    // A child may have become ready just now.
    if (without.length > 0) await this.pass(turns * FAILOVER_MS)
    const still = new Set(without.length > 0 ? await this.#withoutOwner() : [])
    for (const lease of without) if (still.has(lease)) this.history.violations.push(`F7 ${lease}`)
    this.#checkHeld()
    for (let round = 0; this.history.missing() > 0 && round < 60; round++) await this.pass(1_000)
    if (this.history.missing() > 0)
      this.history.violations.push(`F1 ${this.history.missing()} records were never processed`)
    await this.#stopAll()
  }

  #checkHeld(): void {
    const held = this.workers.flatMap(({ worker }) => worker.held)
    if (new Set(held).size < held.length) this.history.violations.push('F7 a lease is held twice')
    for (const { name, worker, leasesMax } of this.workers)
      if (worker.held.length > leasesMax)
        this.history.violations.push(`L10 ${name} has ${worker.held.length} leases, of at most ${leasesMax}`)
  }

  /** Of leases that can be processed: which ones have no living owner, and who is named. */
  async #withoutOwner(): Promise<readonly string[]> {
    const alive = new Set(this.workers.map(({ name }) => name))
    const { leases } = await this.#leases.open().beat({ worker: '-', ttlMs: 0, waitMs: 0, held: [], capacity: 0 }, new AbortController().signal) // prettier-ignore
    const ended = new Set(
      leases.filter(({ checkpoint }) => checkpoint.sequenceNumber === 'SHARD_END').map(({ shardId }) => shardId),
    )
    return leases
      .filter(
        ({ shardId, parents }) =>
          !ended.has(shardId) && parents.every((id) => ended.has(id) || !leases.some((lease) => lease.shardId === id)),
      ) // prettier-ignore
      .flatMap(({ key, owner }) =>
        owner === undefined || !alive.has(owner) ? [`${key} is ${owner ?? 'nobody'}’s`] : [],
      )
  }

  async #stopAll(): Promise<void> {
    const stopped = Promise.all(this.#workers.map(({ worker, isAlive }) => (isAlive ? worker.stop() : undefined)))
    const over = new AbortController()
    void stopped.then(() => over.abort())
    for (let i = 0; i < 40 && !over.signal.aborted; i++) await this.pass(1_000)
    if (!over.signal.aborted) this.history.violations.push('F8 a worker did not stop')
  }

  #check(when: string): void {
    const { violations } = this.history
    if (violations.length > 0) throw new Error(`${when}${violations.join('\n')}`)
  }

  #noteShards(): void {
    for (const { id, parents } of this.#stream.shards) {
      if (this.#known.has(id)) continue
      this.#known.add(id)
      this.history.shard(id, parents)
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
