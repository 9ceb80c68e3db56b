/**
 * What this worker should change of the leases, and which it should begin, by its picture of them. Bookkeeping, no I/O.
 *
 * Invariants: a term is begun here once: a call of the consumer before may be under way still, and would write beside the
 * next one, so who begins again takes a new term first, which fences it. And no more than `leasesMax` are processed.
 */
import { assign } from './assignment.ts'
import { compareSequenceNumbers } from '../extended-sequence-number.ts'
import type { Suitability } from './coordinator-options.ts'
import type { LeaseTable } from './lease-table.ts'
import type { LeaseUpdate } from './lease-store.ts'
import type { Lease } from './lease.ts'
import { begunAgain, givenTo, takenBy } from './terms.ts'

export interface ClaimsOptions {
  readonly worker: string
  readonly balance: 'count' | 'load'
  readonly leasesMax: number
  /** A lease that nobody has taken after so long falls to twice as many workers, ms. */
  readonly ttlMs: number
  /** Whether this worker can process a lease; when it changes, `again` is called. Default: all can be. */
  readonly suits?: ((lease: Lease) => Suitability) | undefined
}

/** Keys of leases that are processed here now. */
export type Running = Pick<ReadonlySet<string>, 'has' | 'size'>

/**
 * What a worker declined it leaves to others for so long, and twice as long each time: where it is the worker that is at fault, each of its tries
 * takes the shard from one that processes it.
 */
const DECLINED_MS = 60_000
const DECLINED_MS_MAX = 30 * 60_000

export class Claims {
  readonly #options: ClaimsOptions
  readonly #table: LeaseTable
  /** The last term that was begun here of each lease. */
  readonly #begun = new Map<string, number>()
  /** Leases that this worker leaves to others, as they were, and until when. */
  readonly #declined = new Map<string, { readonly lease: Lease; readonly untilMs: number }>()
  /** In a row. */
  readonly #timesDeclined = new Map<string, number>()
  /** Since when nobody has them, who might. */
  #freeSinceMs: ReadonlyMap<string, number> = new Map()
  /** Since when others would be given leases that they do not ask for. */
  #owedSinceMs: ReadonlyMap<string, number> = new Map()
  /** Of the table, when it was looked through last; -1: it is to be looked through in any case. */
  #revision = -1
  /** When time alone may give a lease to somebody else. */
  #dueMs = Infinity

  constructor(table: LeaseTable, options: ClaimsOptions) {
    this.#table = table
    this.#options = options
  }

  /** What should be changed now; nothing as long as neither the table nor the time gives a reason. */
  updates(running: Running, nowMs: number): readonly LeaseUpdate[] {
    this.#forget(nowMs)
    const { worker, ttlMs, balance } = this.#options
    const revision = this.#table.revision + (balance === 'load' ? this.#table.loadRevision : 0)
    if (revision === this.#revision && nowMs < this.#dueMs) return []
    this.#revision = revision
    // What is paused is no work: it draws nothing to others, and falls to somebody when it is resumed.
    const ready = [...this.#table.leases()].filter((lease) => !lease.paused && this.#table.isReady(lease))
    // Nor is what this worker does not take while nobody has it: another one may.
    const leases = ready.filter((lease) => this.#table.isLive(lease.owner) || !this.#isBarred(lease))
    this.#noteFree(leases, nowMs)
    const { take, ask, owed } = assign(leases, this.#table.workers, {
      ...this.#options,
      isDeclined: (lease) => this.#isBarred(lease),
      passes: ({ key }) => Math.floor((nowMs - (this.#freeSinceMs.get(key) ?? nowMs)) / ttlMs),
      isSilent: (name) => (this.#owedSinceMs.get(name) ?? nowMs) + ttlMs <= nowMs,
    })
    this.#noteOwed(owed, nowMs)
    const mine = leases.filter(({ key, owner }) => owner === worker && !running.has(key))
    const kept = this.#kept(mine, running)
    const isWaiting = take.length < this.#freeSinceMs.size || this.#declined.size > 0
    const silentMs = [...this.#owedSinceMs.values()].map((sinceMs) => sinceMs + ttlMs).filter((ms) => ms > nowMs)
    this.#dueMs = Math.min(isWaiting ? nowMs + ttlMs / 4 : Infinity, ...silentMs)
    return [
      ...take.map((lease) => takenBy(worker, lease)),
      ...ask.map(({ key, epoch }) => ({ key, epoch, change: { heir: worker } })),
      ...kept.filter((lease) => this.#isBegun(lease)).map(begunAgain),
      ...mine
        .filter((lease) => !kept.includes(lease) && this.#suits(lease) !== 'unknown')
        .map((lease) => this.#givenUp(lease)),
    ]
  }

  /** What a worker that stops has and does not process, to give up; paused leases, too. */
  leftovers(running: Running): readonly LeaseUpdate[] {
    return [...this.#table.leases()]
      .filter(({ key, owner }) => owner === this.#options.worker && !running.has(key))
      .map((lease) => this.#givenUp(lease))
  }

  /** What is ours and not processed yet: just taken, handed over, or taken by a call whose answer was lost. */
  toBegin(running: Running): readonly Lease[] {
    const mine = [...this.#table.leases()].filter(
      (lease) =>
        lease.owner === this.#options.worker && !lease.paused && !running.has(lease.key) && this.#table.isReady(lease),
    )
    return this.#kept(mine, running).filter((lease) => !this.#isBegun(lease))
  }

  begin({ key, epoch }: Lease): void {
    this.#begun.set(key, epoch)
  }

  /** This worker cannot process it: until then it neither takes it nor asks for it. */
  decline(lease: Lease, nowMs: number): void {
    const times = this.#timesDeclined.get(lease.key) ?? 0
    this.#timesDeclined.set(lease.key, times + 1)
    const untilMs = nowMs + Math.min(DECLINED_MS * 2 ** times, DECLINED_MS_MAX)
    this.#declined.set(lease.key, { lease, untilMs })
    this.again()
  }

  /** It was processed here: what it was declined for is over. */
  processed({ key }: Lease): void {
    this.#timesDeclined.delete(key)
  }

  isDeclined(lease: Lease): boolean {
    return this.#isLeft(lease) || this.#suits(lease) === 'no'
  }

  /** Not where it is at another place than it was declined at and nobody else has it: somebody has sought it there. */
  #isLeft(lease: Lease): boolean {
    const declined = this.#declined.get(lease.key)?.lease
    if (declined === undefined) return false
    const isAtAnotherPlace =
      compareSequenceNumbers(lease.checkpoint, declined.checkpoint) !== 0 || lease.startTimeMs !== declined.startTimeMs
    const isNobodyElses = lease.owner === undefined || lease.owner === this.#options.worker
    return !(isAtAnotherPlace && isNobodyElses)
  }

  /** The next `updates` looks through the table even if it is the same. */
  again(): void {
    this.#revision = -1
  }

  /** Of those that are ours and not processed, what may be: one time after another the same ones. */
  #kept(mine: readonly Lease[], { size }: Running): readonly Lease[] {
    const room = Math.max(0, this.#options.leasesMax - size)
    return mine.filter((lease) => !this.#isBarred(lease)).slice(0, room)
  }

  /** Neither begun, nor taken, nor asked for. */
  #isBarred(lease: Lease): boolean {
    return this.isDeclined(lease) || this.#suits(lease) === 'unknown'
  }

  #suits(lease: Lease): Suitability {
    return this.#options.suits?.(lease) ?? 'yes'
  }

  #givenUp(lease: Lease): LeaseUpdate {
    return givenTo(this.#table.heirOf(lease), lease)
  }

  #noteFree(leases: readonly Lease[], nowMs: number): void {
    const free = leases.filter(({ owner }) => !this.#table.isLive(owner))
    this.#freeSinceMs = new Map(free.map(({ key }) => [key, this.#freeSinceMs.get(key) ?? nowMs]))
  }

  /** A KCL takes by rules of its own. */
  #noteOwed(owed: readonly string[], nowMs: number): void {
    const kcl = new Set(this.#table.workers.filter(({ isKcl = false }) => isKcl).map(({ worker }) => worker))
    const ours = owed.filter((worker) => !kcl.has(worker))
    this.#owedSinceMs = new Map(ours.map((worker) => [worker, this.#owedSinceMs.get(worker) ?? nowMs]))
  }

  #forget(nowMs: number): void {
    for (const known of [this.#begun, this.#timesDeclined])
      for (const key of known.keys()) if (this.#table.get(key) === undefined) known.delete(key)
    for (const [key, { untilMs }] of this.#declined) if (untilMs <= nowMs) this.#declined.delete(key)
  }

  #isBegun({ key, epoch }: Lease): boolean {
    return this.#begun.get(key) === epoch
  }
}
