/**
 * Keeps the leases of an application in step with the shards of its streams: makes those that are missing, takes away
 * those that are done with, and looks for holes in the key space. One worker of the fleet does it, the first by name, and the
 * others now and then, in case that one cannot, or where a stream stays without leases, as that one may not name it; two that
 * both do it do no harm.
 */
import { KinesisServiceError } from '@millrace/client'
import { errorTraits } from '@millrace/protocol'
import { backoffMs, type Clock, deferred, type Logger, type Random, sleep } from '@millrace/std'
import { isShardEnd, SHARD_END } from '../extended-sequence-number.ts'
import { isLatestWithoutTime, latestAsOf } from '../leases/latest.ts'
import { parseLeaseKey } from '../leases/lease-key.ts'
import type { Suitability } from '../leases/coordinator-options.ts'
import type { LeaseTable } from '../leases/lease-table.ts'
import { LEASES_PER_CALL_MAX, type LeaseStore, LeaseStoreError } from '../leases/lease-store.ts'
import type { Lease } from '../leases/lease.ts'
import { failureType, passes } from '../retrieval/read-failure.ts'
import { type StreamService, timeOf } from '../service.ts'
import { nameOfStream, type StreamNames } from '../stream-names.ts'
import {
  disposableLeases,
  type InitialPosition,
  type KeyRange,
  keySpaceHoles,
  missingLeases,
  type StreamOfLeases,
} from './lineage.ts'
import { listShards } from './list-shards.ts'
import { type LookFailure, notFound, refused } from './shard-sync-error.ts'
import { ABSENT_LOOK_MS, ABSENT_LOOKS, type FoundStream, StreamPresence } from './stream-presence.ts'

export interface ShardSyncOptions {
  readonly worker: string
  readonly service: StreamService
  readonly store: LeaseStore
  readonly table: LeaseTable
  /** The streams' names and ARNs, or what is asked for them at each round. */
  readonly streams: readonly string[] | (() => readonly string[] | Promise<readonly string[]>)
  readonly names: StreamNames
  readonly initial: InitialPosition
  /** Between two rounds, ms. */
  readonly intervalMs: number
  /** Has the whole table read again before the next round: what children have checkpointed is no news. */
  readonly refresh: () => void
  /** `suits` may say something else now. */
  readonly onChange: () => void
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The service of this worker does not have the stream of some leases: they are left to others. */
  readonly onStreamAbsent?: ((stream: string) => void) | undefined
  /** And nobody has it: its leases are brought to their ends. */
  readonly onStreamGone?: ((stream: string) => void) | undefined
  /** After each look at the shards; of a failed one for each stream that it failed with. It is tried again. */
  readonly onLook?: ((durationMs: number, failure?: LookFailure) => void) | undefined
  /** Found in `HOLE_ROUNDS` rounds one after another: nobody would process these keys. */
  readonly onHoles?: ((stream: string, holes: readonly KeyRange[]) => void) | undefined
}

/** A shard that is just being split has a hole for a moment. The KCL's number. */
const HOLE_ROUNDS = 3
/** Until a stream has leases, rounds follow quickly: nothing is processed without. */
const FIRST_INTERVAL_MS = 500
/** Every so many turns each worker does what the first one is there for. */
const STANDBY_TURNS = 5
/** While a stream is not found turns follow quickly; not for ever where only this worker does not find it. */
const QUICK_LOOKS = 10
const RETRY = { baseMs: 200, maxMs: 10_000 }

interface Turn {
  /** When the next is due, ms. */
  readonly dueMs: number
  readonly failures: readonly LookFailure[]
}

export class ShardSync {
  readonly #options: ShardSyncOptions
  readonly #holeRounds = new Map<string, number>()
  readonly #presence: StreamPresence
  readonly #toldAbsent = new Set<string>()
  /** Streams that were there and had no leases at the last turn. */
  readonly #bare = new Set<string>()
  readonly #joined = deferred<void>()
  /** As they were told last, and as leases call them; absent: nobody has been asked yet. */
  #streams: ReadonlySet<string> | undefined
  /** The shards of a stream could be listed: what fails from then on may pass, whatever it is. */
  #hasBegun = false

  constructor(options: ShardSyncOptions) {
    this.#options = options
    const { streams, service, names, clock, onChange } = options
    if (typeof streams !== 'function') this.#streams = names.told(streams)
    this.#presence = new StreamPresence({ service, clock, onChange, inputOf: (stream) => names.inputOf(stream) })
  }

  /** The stream is one of the worker's: leases of others stay as they are, for whoever has them in its list. */
  isListed(stream: string): boolean {
    return this.#streams?.has(stream) === true
  }

  /** Whether this worker takes the lease: it has to name the stream, and its service to have shown it. */
  suits(lease: Lease): Suitability {
    if (this.#streams === undefined) return 'unknown'
    if (!this.isListed(lease.stream) || this.#presence.isAbsent(lease)) return 'no'
    if (this.#presence.wasThere(lease)) return 'yes'
    return this.#presence.looks(lease.stream) === 0 ? 'unknown' : 'no'
  }

  /** So long the stream keeps records, as it said last, ms. `undefined`: it was not asked yet. */
  retentionMs(stream: string): number | undefined {
    return this.#presence.retentionMs(stream)
  }

  /** The worker has a session: the first turn is due. */
  joined(): void {
    this.#joined.resolve()
  }

  /** Before a lease is begun: the shard of another stream of this name would be read, and its places be stored. */
  async isForeign(lease: Lease, signal: AbortSignal): Promise<boolean> {
    if (this.#presence.isThere(lease)) return false
    // Who is not answered finds out by reading.
    return (await this.#presence.confirm(lease, signal).catch(() => 'there')) === 'absent'
  }

  /**
   * What there is to what the reader of a lease says: that it is gone. The stream, the shard (its records are older than
   * the retention), or neither; each asked for several times. Rejects as the client does, and with the signal's reason.
   */
  async confirmGone(lease: Lease, signal: AbortSignal): Promise<'stream' | 'shard' | 'neither'> {
    if ((await this.#presence.confirm(lease, signal)) === 'absent') return 'stream'
    for (let looks = 1; looks <= ABSENT_LOOKS; looks++) {
      if (looks > 1) await sleep(this.#options.clock, ABSENT_LOOK_MS, signal)
      const { service, names } = this.#options
      const shards = await listShards(service, names.inputOf(lease.stream), signal)
      if (shards.some(({ ShardId }) => ShardId === lease.shardId)) return 'neither'
    }
    return 'shard'
  }

  /**
   * Until the signal is aborted. Rejects with a `ShardSyncError` where the first looks are refused for good, of every stream that is
   * there, or find none of those that are named, `ABSENT_LOOKS` times; for nothing later: rights and streams come and go while a
   * fleet runs.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger, table, worker, onLook } = this.#options
    signal.addEventListener('abort', () => this.#joined.resolve(), { once: true })
    if (!signal.aborted) await this.#joined.promise
    // Where one is refused for good the others are not asked for with each try: AWS counts looks of all workers together.
    let again: ReadonlySet<string> | undefined
    for (let [turn, tries, refusals, isOurs, wholeDueMs] = [1, 0, 0, false, -Infinity]; !signal.aborted;) {
      let waitMs = FIRST_INTERVAL_MS
      if (table.isLive(worker)) {
        const startMs = clock.monotonic()
        if (startMs >= wholeDueMs) again = undefined
        if (again === undefined) {
          isOurs = this.#isFirst() || turn % STANDBY_TURNS === 0
          turn++
          wholeDueMs = Infinity
        }
        const { dueMs, failures } = await this.#turn(isOurs, again, signal)
        if (signal.aborted) return
        const nowMs = clock.monotonic()
        const durationMs = nowMs - startMs
        wholeDueMs = Math.min(wholeDueMs, nowMs + dueMs)
        again = streamsOf(failures)
        for (const { stream, error } of failures) {
          const reason = error instanceof Error ? error.message : String(error)
          logger.warn('the shards could not be listed', { stream, error: reason })
          onLook?.(durationMs, { stream, error })
        }
        if (failures.length === 0) {
          ;[tries, refusals] = [0, 0]
          this.#hasBegun ||= this.#hasFound()
          onLook?.(durationMs)
          waitMs = wholeDueMs - nowMs
        } else {
          refusals = failures.every(({ error }) => isForGood(error)) ? refusals + 1 : 0
          if (!this.#hasBegun && refusals >= ABSENT_LOOKS) throw refused(failures)
          waitMs = !this.#hasBegun && refusals > 0 ? ABSENT_LOOK_MS : backoffMs(tries++, RETRY, random)
        }
        this.#expectStreams()
      }
      await sleep(clock, waitMs, signal).catch(() => undefined)
    }
  }

  /** Each stream by itself: one that is refused does not hold up those behind it. `again`: those alone that failed the last time. */
  async #turn(isOurs: boolean, again: ReadonlySet<string> | undefined, signal: AbortSignal): Promise<Turn> {
    const { table, intervalMs, refresh } = this.#options
    if (isOurs && again === undefined) refresh()
    let dueMs = isOurs || table.size > 0 ? intervalMs : FIRST_INTERVAL_MS
    const failures: LookFailure[] = []
    const streams =
      again ??
      (await this.#askStreams().catch((error: unknown) => {
        failures.push({ stream: undefined, error })
        return []
      }))
    for (const stream of streams) {
      if (signal.aborted) break
      try {
        dueMs = Math.min(dueMs, await this.#look(stream, isOurs, signal))
        this.#hasBegun ||= this.#presence.isFound(stream)
      } catch (error) {
        failures.push({ stream, error })
      }
    }
    return { dueMs, failures }
  }

  async #askStreams(): Promise<ReadonlySet<string>> {
    const { streams, names, onChange } = this.#options
    const before = this.#streams
    const now = names.told(typeof streams === 'function' ? await streams() : streams)
    this.#streams = now
    if (before?.size !== now.size || [...now].some((name) => !before.has(name))) onChange()
    return now
  }

  /** What a function names may come later. */
  #hasFound(): boolean {
    const { streams } = this.#options
    return typeof streams === 'function' || [...(this.#streams ?? [])].some((name) => this.#presence.isFound(name))
  }

  /** Of streams that are named once and for all none was ever found: a wrong name, region or endpoint. */
  #expectStreams(): void {
    const streams = [...(this.#streams ?? [])]
    if (this.#hasBegun || this.#hasFound()) return
    const { service } = this.#options
    if (streams.every((name) => this.#presence.looks(name) >= ABSENT_LOOKS)) throw notFound(streams, service.endpoint)
  }

  /**
   * Sees whether the stream is there, and looks after its leases, where that is this worker's: always, or because others leave it
   * without any. Says when the next look is due, ms.
   */
  async #look(name: string, isOurs: boolean, signal: AbortSignal): Promise<number> {
    if (!isOurs && this.#isSettled(name)) return this.#options.intervalMs
    const stream = await this.#presence.look(name, signal)
    const absenceMs = this.#noteAbsence(name, stream)
    if (isOurs) await this.#retire(name, signal)
    if (stream === undefined) return absenceMs
    await this.#expectAccount(stream, signal)
    const wasBare = this.#bare.delete(name)
    const leases = this.#leasesOf(stream)
    if (leases.size === 0) this.#bare.add(name)
    const waitMs = leases.size === 0 ? Math.min(FIRST_INTERVAL_MS, absenceMs) : absenceMs
    if (isOurs || (wasBare && leases.size === 0))
      return Math.min(waitMs, await this.#syncStream(stream, leases, signal))
    // Who may not list is to hear of it at its start, not when it comes first.
    const { service, names } = this.#options
    if (!this.#hasBegun) await service.listShards({ ...names.inputOf(name), MaxResults: 1 }, { signal })
    return waitMs
  }

  /**
   * Nothing is read under two names. Rejects with a `LeaseStoreError` where the stream is of another account than the store is told, or has
   * leases by its other name, or may have; as the client does, where it is asked whose those are.
   */
  async #expectAccount({ stream, account, createdAtSecond }: FoundStream, signal: AbortSignal): Promise<void> {
    const told = this.#options.names.account
    const name = nameOfStream(stream)
    const isByName = stream === name
    if (account === undefined || (told !== undefined && !isByName)) return
    if (told !== undefined && account !== told)
      throw new LeaseStoreError(
        'invalid',
        `Expected ${stream} to be of account ${told}, which its lease store is told, found it in ${account}: ` +
          "tell the store the account of the client's credentials, or name the stream by its ARN.",
      )
    const other = isByName ? `${account}:${name}` : name
    const hasLeases = this.#leasesOf({ stream: other, createdAtSecond }).size > 0
    if (!hasLeases && !(isByName && this.isListed(other))) return
    // Another account may have one of the name from the same second. None, or none that may be seen, proves nothing.
    const own = isByName ? undefined : await this.#presence.look(name, signal)
    const isAnother = own?.account !== undefined && own.account !== account && own.createdAtSecond === createdAtSecond
    if (isAnother) return
    throw new LeaseStoreError(
      'invalid',
      `Expected leases of ${stream} alone, found ${other}, too, which ${isByName ? 'is' : 'may be'} the same stream: name it ` +
        (isByName ? 'by its ARN only' : 'by its name, with credentials of its account') +
        ', or in an application of its own, which begins anew.',
    )
  }

  /** Of those that do it: a KCL's workers look after shards by themselves, one that is about to stop does not any more. */
  #isFirst(): boolean {
    const { table, worker } = this.#options
    return table.workers.every(({ worker: name, capacity, isKcl = false }) => capacity === 0 || isKcl || name >= worker)
  }

  /** Says when to look again, ms. */
  async #syncStream(stream: StreamOfLeases, leases: ReadonlyMap<string, Lease>, signal: AbortSignal): Promise<number> {
    const { service, store, names, initial, clock, intervalMs } = this.#options
    const startTimeMs = latestAsOf(timeOf(service, clock))
    const shards = await listShards(service, names.inputOf(stream.stream), signal)
    const missing = missingLeases(stream, shards, leases, initial).map((lease) =>
      isLatestWithoutTime(lease) ? { ...lease, startTimeMs } : lease,
    )
    for (const some of inCalls(missing)) await store.create(some, signal)
    const disposable = disposableLeases(leases, stream, shards)
    for (const some of inCalls(disposable)) await store.remove(some, signal)
    if (missing.length > 0) return FIRST_INTERVAL_MS
    this.#audit(stream.stream, leases)
    return intervalMs
  }

  /** Says when to look again, ms. */
  #noteAbsence(name: string, stream: StreamOfLeases | undefined): number {
    const { intervalMs, onStreamAbsent } = this.#options
    const isDoubtful = stream === undefined || !this.#allThere(this.#leasesNamed(name))
    const looks = this.#presence.looks(name)
    if (!isDoubtful) this.#toldAbsent.delete(name)
    else if (looks >= ABSENT_LOOKS && !this.#toldAbsent.has(name)) {
      this.#toldAbsent.add(name)
      onStreamAbsent?.(name)
    }
    return isDoubtful && looks < QUICK_LOOKS ? Math.min(ABSENT_LOOK_MS, intervalMs) : intervalMs
  }

  /**
   * It was there, and the fleet's leases are of that stream: who looks after the shards looks for all, as AWS gives an account 20 such
   * calls a second. A stream that was made again is told by its leases, one that is gone by who reads it.
   */
  #isSettled(name: string): boolean {
    const leases = this.#leasesNamed(name)
    return this.#presence.isFound(name) && leases.length > 0 && this.#allThere(leases)
  }

  #leasesNamed(name: string): readonly Lease[] {
    return [...this.#options.table.leases()].filter(({ stream }) => stream === name)
  }

  #allThere(leases: readonly Lease[]): boolean {
    return leases.every((lease) => this.#presence.isThere(lease))
  }

  /**
   * Leases of a stream that is not there any more: to their ends, and away. Not while anybody alive holds one: whose own
   * service does not have the stream gives them up, so somebody's has it.
   */
  async #retire(name: string, signal: AbortSignal): Promise<void> {
    const { store, table, onStreamGone } = this.#options
    const deleted = this.#leasesNamed(name).filter((lease) => this.#presence.wasDeleted(lease))
    if (deleted.some(({ owner, paused }) => !paused && table.isLive(owner))) return
    const ended = deleted.filter(({ checkpoint }) => isShardEnd(checkpoint))
    for (const some of inCalls(ended)) await store.remove(some, signal)
    const updates = deleted
      .filter((lease) => !ended.includes(lease))
      .map(({ key, epoch }) => ({
        key,
        epoch,
        change: { checkpoint: SHARD_END, pending: undefined, owner: undefined, heir: undefined, epoch: epoch + 1 },
      }))
    if (updates.length > 0) onStreamGone?.(name)
    for (const some of inCalls(updates)) await store.update(some, signal)
  }

  #leasesOf({ stream, createdAtSecond }: StreamOfLeases): ReadonlyMap<string, Lease> {
    const leases = [...this.#options.table.leases()].filter(({ key }) => {
      const parts = parseLeaseKey(key)
      return parts?.stream === stream && parts.createdAtSecond === createdAtSecond
    })
    return new Map(leases.map((lease) => [lease.key, lease]))
  }

  #audit(stream: string, leases: ReadonlyMap<string, Lease>): void {
    const holes = keySpaceHoles(leases.values())
    const rounds = holes.length === 0 ? 0 : (this.#holeRounds.get(stream) ?? 0) + 1
    this.#holeRounds.set(stream, rounds)
    if (rounds < HOLE_ROUNDS) return
    this.#options.logger.error('no lease has some hash keys of a stream', { stream, holes: holes.length })
    this.#options.onHoles?.(stream, holes)
  }
}

/**
 * A stream that is just being made, or goes between two calls; a list that took too long; an answer that no service gives, but a proxy.
 */
const PASSING: ReadonlySet<unknown> = new Set([
  'ResourceInUseException',
  'ResourceNotFoundException',
  'ExpiredNextTokenException',
  'malformed',
])

/** As a client or a store says of its own errors; what an application's function throws may be anything. */
function isForGood(error: unknown): boolean {
  const isTold = error instanceof Error && 'retryable' in error
  // The page of a proxy has no type of the service's.
  const isForeign = error instanceof KinesisServiceError && errorTraits(error.type) === undefined
  return isTold && !isForeign && !passes(error) && !PASSING.has(failureType(error))
}

/** Those to look at again before the others are due. `undefined`: none alone, or which there are is not known. */
function streamsOf(failures: readonly LookFailure[]): ReadonlySet<string> | undefined {
  const names = failures.map(({ stream }) => stream).filter((stream) => stream !== undefined)
  return names.length === 0 || names.length < failures.length ? undefined : new Set(names)
}

function* inCalls<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += LEASES_PER_CALL_MAX) yield items.slice(at, at + LEASES_PER_CALL_MAX)
}
