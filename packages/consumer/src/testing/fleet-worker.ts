/** A worker of a simulated fleet: its own clock, its troubles, and a processor on the fleet's face that tells the history what it does. */
import { type Clock, deferred, type Random, sleep } from '@millrace/std'
import { seededRandom, type VirtualClock } from '@millrace/std/testing'
import type { RecordHandler } from '../faces/each-face.ts'
import { LeaseLostError } from '../leases/held-lease.ts'
import type { LeaseStore } from '../leases/lease-store.ts'
import type { RecordProcessor } from '../record-processor.ts'
import { fanOut, polling } from '../retrieval/retrieval.ts'
import type { StreamService } from '../service.ts'
import { Worker } from '../worker.ts'
import type { WorkerEvent } from '../worker-event.ts'
import type { FleetHistory, ShardName } from './fleet-history.ts'
import type { FleetSetup } from './fleet-setup.ts'
import { HaltingProcess } from './halting-process.ts'
import { skewedClock } from './skewed-clock.ts'
import { type StoreTroubles, troubledStore } from './troubled-store.ts'

export const FAILOVER_MS = 4_000

/** What the workers of a fleet have in common. */
export interface FleetOfWorker {
  readonly setup: FleetSetup
  readonly clock: VirtualClock
  readonly history: FleetHistory
  readonly service: (random: Random) => StreamService
  /** Processors fail now and then. */
  readonly isTroubled: () => boolean
  readonly onEvent: (event: WorkerEvent) => void
}

export interface FleetWorkerOptions {
  readonly name: string
  readonly seed: number
  readonly leases: LeaseStore
  /** What it is told first. */
  readonly streams: readonly string[]
  /** Never one with a bound of leases. */
  readonly isUnbounded?: boolean
}

export class FleetWorker {
  readonly name: string
  readonly leasesMax: number
  readonly troubles: StoreTroubles = { failing: 0, late: 0, lateMs: 3 * FAILOVER_MS, slowMs: 0, isCut: false }
  readonly worker: Worker
  isAlive = true
  readonly #process: HaltingProcess
  /** It has turns again. */
  #turns = deferred<void>()
  #isHalted = false
  /** What the application names when it is asked next, where it is one that rolls lists out. */
  streams: readonly string[]
  readonly #fleet: FleetOfWorker
  readonly #random: Random
  readonly #clock: Clock

  constructor(fleet: FleetOfWorker, { name, seed, leases, streams, isUnbounded = false }: FleetWorkerOptions) {
    const { isUnequal, isRolling, retrieval, initialPosition, balance } = fleet.setup
    const random = seededRandom(seed)
    this.name = name
    this.streams = streams
    this.#fleet = fleet
    this.#random = random
    // Two clocks that a thousandth lies between, and as much as half an hour.
    const skewed = skewedClock(fleet.clock, (random.float() - 0.5) * 1_800_000, 1 + (random.float() - 0.5) / 1_000)
    this.#process = new HaltingProcess(skewed)
    const { clock } = this.#process
    this.#clock = clock
    this.leasesMax = isUnequal && !isUnbounded && random.float() < 0.4 ? 1 + Math.floor(random.float() * 4) : Infinity
    this.worker = new Worker({
      client: this.#process.seenService(fleet.service(random)),
      application: 'billing',
      stream: isRolling ? () => this.streams : streams,
      initialPosition,
      leases: this.#process.seen(troubledStore(leases, this.troubles, skewed, random)),
      retrieval: retrieval === 'polling' ? polling({ pollIntervalMs: 400, recordsMax: 50 }) : fanOut(),
      workerId: name,
      balance,
      capacity: isUnequal ? 0.5 + 2 * random.float() : 1,
      leasesMax: this.leasesMax,
      failoverMs: FAILOVER_MS,
      handoverMs: 5_000,
      finishMs: 3_000,
      shardSyncMs: 10_000,
      failure: { retry: { baseMs: 50, maxMs: 500 } },
      onEvent: fleet.onEvent,
      clock,
      random,
    })
    this.#run().catch((error: unknown) => fleet.history.violations.push(`${name} ended: ${String(error)}`))
  }

  /** As a process does that a signal stops, or that is busy: nothing of it happens for so long, or until `goOn`. Twice is as once. */
  standStill(ms: number): void {
    if (this.#isHalted) return
    this.#isHalted = true
    this.#turns = deferred()
    const over = Promise.race([sleep(this.#fleet.clock, ms), this.#turns.promise])
    void this.#process.halt(() => over).then(() => (this.#isHalted = false))
  }

  goOn(): void {
    this.#turns.resolve()
  }

  #run(): Promise<void> {
    const { history, setup } = this.#fleet
    if (setup.face === 'run') return this.worker.run((shard) => this.#processor(shard))
    if (setup.face === 'batches') return this.#loop()
    const handle: RecordHandler = async ({ sequenceNumber }, shard) => {
      history.delivered(this.name, shard, [sequenceNumber])
      await this.#takeTime(0.1, 100)
      this.#fail(0.02)
      history.finished(shard, [sequenceNumber])
    }
    return this.worker.each(handle, { concurrency: 4, checkpoint: { everyMs: 500 } })
  }

  async #loop(): Promise<void> {
    const { history } = this.#fleet
    for await (const batch of this.worker.batches()) {
      const numbers = batch.records.map(({ sequenceNumber }) => sequenceNumber)
      if (numbers.length > 0) history.delivered(this.name, batch, numbers)
      await this.#takeTime(0.3, 50)
      history.finished(batch, numbers)
      // Whose lease is lost is given to the next owner again; who crashed is told nothing.
      await batch.checkpoint().catch((error: unknown) => {
        if (this.isAlive && !(error instanceof LeaseLostError)) throw error
      })
    }
  }

  #processor(shard: ShardName): RecordProcessor {
    let holding: ReturnType<FleetHistory['holding']> | undefined
    return {
      initialize: ({ checkpoint }) => {
        holding = this.#fleet.history.holding(this.name, shard, checkpoint)
      },
      processRecords: async ({ records, checkpointer }) => {
        const numbers = records.map(({ sequenceNumber }) => sequenceNumber)
        holding?.delivered(numbers)
        await this.#takeTime(0.3, 300)
        this.#fail(0.05)
        holding?.finished(numbers)
        if (this.#random.float() < 0.5) await checkpointer.checkpoint()
      },
      shutdownRequested: ({ checkpointer }) => checkpointer.checkpoint(),
    }
  }

  async #takeTime(share: number, msMax: number): Promise<void> {
    if (this.#random.float() < share) await sleep(this.#clock, this.#random.float() * msMax)
  }

  #fail(share: number): void {
    if (this.#fleet.isTroubled() && this.#random.float() < share) throw new Error('simulated')
  }
}
