/**
 * Which shards this worker processes: keeps the worker's session by beats, takes what falls to it, asks for what others
 * have too much of, hands over what is asked for, and ends what was lost. What is done with a lease is the caller's
 * (`consume`).
 *
 * Beats wait for nothing but the store's answer to them: leases are taken beside them, and every call has a bound.
 *
 * No leader, no clock but durations: a worker holds nothing longer than `ttlMs` after the last beat that was surely
 * heard, counted from when it was sent, and nobody takes a lease before its owner's session has ended in the store.
 */
import { setMaxListeners } from 'node:events'
import { backoffMs, deferred, sleep, STOOD_STILL_MS, type Timer, withAnySignal } from '@millrace/std'
import { boundedLeaseStore } from './bounded-lease-store.ts'
import { CallSize } from './call-size.ts'
import { Claims } from './claims.ts'
import type { CoordinatorOptions } from './coordinator-options.ts'
import { Holding } from './holding.ts'
import { LeaseTable } from './lease-table.ts'
import { type Beat, type LeaseStore, LeaseStoreError, type LeaseUpdate } from './lease-store.ts'
import type { Lease } from './lease.ts'

interface Running {
  readonly holding: Holding
  readonly done: Promise<void>
  handover?: Timer | undefined
}

/** Clocks that run apart by a thousandth, and the time to act on it. */
const TTL_MARGIN_MS = 100
/** Many workers that come and go wake each other no oftener. */
const NEWS_GAP_MS = 20
const RETRY = { baseMs: 100, maxMs: 2_000 }
/** A worker that has reached its store waits for it however long; one that has not most likely has a wrong endpoint. */
const BEGIN_MS = 60_000

export class LeaseCoordinator {
  readonly table = new LeaseTable()
  /** The worker's, with a bound for each call. */
  readonly store: LeaseStore
  readonly #options: CoordinatorOptions
  readonly #claims: Claims
  readonly #running = new Map<string, Running>()
  readonly #callSize = new CallSize()
  readonly #abandon = new AbortController()
  readonly #end = new AbortController()
  /** Cuts a wait for news short. */
  #nudge = new AbortController()
  #isStopping = false
  /** The next beat is to tell everything. */
  #isRefreshDue = true
  #changing: Promise<void> | undefined
  /** What does not pass, of what is done beside the beats. */
  #refusal: { readonly error: unknown } | undefined
  #liveUntilMs = -Infinity
  #deadline: Timer | undefined
  /** After a standstill, until the store has said what became of the session. */
  #isAsking = false
  /** A beat failed in its time, since one was answered: this process had turns, and knows that it was not heard. */
  #hasFailedSince = false

  constructor(options: CoordinatorOptions) {
    this.#options = options
    this.store = boundedLeaseStore(options.store, options.clock, options.ttlMs)
    this.#claims = new Claims(this.table, options)
    // Calls for many leases at once listen to it, each until it is answered: no leak that Node should warn of.
    setMaxListeners(0, this.#abandon.signal)
  }

  /** Keys of leases that are processed here now. */
  get held(): readonly string[] {
    return [...this.#running.keys()]
  }

  /**
   * Until `stop` or `abandon`. Rejects with a `LeaseStoreError` that does not pass, or when the store has not answered once for a
   * minute, and with what `fail` was given.
   */
  async run(): Promise<void> {
    const { clock, random, logger } = this.#options
    const { signal } = this.#end
    const begunAtMs = clock.monotonic()
    for (let failures = 0; !signal.aborted;) {
      const sentAtMs = clock.monotonic()
      const { revision } = this.table
      this.#nudge = new AbortController()
      try {
        if (this.#refusal !== undefined) throw this.#refusal.error
        await withAnySignal([signal, this.#nudge.signal], (either) => this.#beat(either))
        failures = 0
      } catch (error) {
        if (signal.aborted || this.#nudge.signal.aborted) continue
        if (!isPassing(error)) {
          await this.#leaveAtOnce(`the worker ends: ${error instanceof Error ? error.message : String(error)}`)
          throw error
        }
        if (this.#liveUntilMs === -Infinity && failures > 0 && sentAtMs - begunAtMs >= BEGIN_MS) {
          await this.#leaveAtOnce('the worker ends: the lease store has never answered')
          throw neverAnswered(error)
        }
        if (clock.monotonic() - sentAtMs < callMsMax(this.#options) + STOOD_STILL_MS) this.#hasFailedSince = true
        logger.warn('the lease store did not answer a beat', { error: error.message, failures: ++failures })
        await sleep(clock, backoffMs(failures - 1, RETRY, random), signal).catch(() => undefined)
        continue
      }
      // Where something moves more is to come; else a store that waits has waited, and another is asked in this rhythm.
      const isNews = this.table.revision !== revision
      const restMs = sentAtMs + (isNews ? NEWS_GAP_MS : this.#options.beatMs) - clock.monotonic()
      if (restMs > 0) await sleep(clock, restMs, signal).catch(() => undefined)
    }
  }

  /** Ends all consumers in their own time, `drainMs` at most, gives their leases up, and leaves the session. */
  async stop(drainMs: number): Promise<void> {
    const { clock, ttlMs } = this.#options
    if (this.#abandon.signal.aborted) return
    if (this.#end.signal.aborted) {
      // By an error: nothing can be given up any more, nor is it tried for ever.
      await this.#drained(drainMs)
      return this.#abandon.abort(new Error('The worker was stopped.'))
    }
    this.#isStopping = true
    for (const { holding } of this.#running.values()) holding.askToRelease('stop', drainMs)
    // The others hear at once that this worker takes no more.
    this.#nudge.abort()
    await this.#drained(drainMs)
    // A store that is away does not hold the end up: the session ends by itself.
    const over = new AbortController()
    await Promise.race([
      this.#giveUpAll(`${drainMs} ms were over`),
      sleep(clock, ttlMs, over.signal).catch(() => undefined),
    ])
    over.abort()
    this.#end.abort(new Error('The worker was stopped.'))
    this.#deadline?.cancel()
    await this.#leave()
    // What was not given up by now is not tried for ever.
    this.#abandon.abort(new Error('The worker was stopped.'))
  }

  /** Until nothing is processed here, `limitMs` at most. */
  async #drained(limitMs: number): Promise<void> {
    const isOver = deferred<void>()
    const timer = this.#options.clock.setTimer(limitMs, isOver.resolve)
    await Promise.race([Promise.all([...this.#running.values()].map(({ done }) => done)), isOver.promise])
    timer.cancel()
  }

  /** Everything is read again with the next beat: checkpoints of others are no news. */
  refresh(): void {
    this.#isRefreshDue = true
  }

  /** What this worker can process is not what it was. */
  reconsider(): void {
    this.#claims.again()
    if (this.#isStopping) return
    this.#startOwn()
    this.#claim()
  }

  /** As after a crash: nothing is stored, nothing waited for. */
  abandon(): void {
    this.#isStopping = true
    this.#deadline?.cancel()
    this.#end.abort(new Error('The worker was abandoned.'))
    this.#abandon.abort(new Error('The worker was abandoned.'))
    this.#loseAll('the worker was abandoned')
  }

  /** Ends `run` with this error: something that the worker cannot do without does not pass. */
  fail(error: unknown): void {
    this.#refusal = { error }
    this.#nudge.abort()
  }

  /** Nothing begins any more, also of what a change that is under way gives, and others may have the leases at once. */
  async #leaveAtOnce(why: string): Promise<void> {
    this.#isStopping = true
    this.#deadline?.cancel()
    this.#loseAll(why)
    this.#end.abort(new Error(why))
    await this.#changing
    await this.#leave()
  }

  /** A session that is not left ends by itself. */
  async #leave(): Promise<void> {
    const { onLeaveFailure } = this.#options
    await this.store.leave(this.#abandon.signal).catch((error: unknown) => onLeaveFailure?.(error))
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { clock, onBeat } = this.#options
    const sentAtMs = clock.monotonic()
    const isRefresh = this.#isRefreshDue
    this.#isRefreshDue = false
    this.table.asking()
    try {
      this.table.apply(await this.store.beat(this.#nextBeat(isRefresh), signal))
    } catch (error) {
      if (isRefresh) this.#isRefreshDue = true
      throw error
    }
    if (this.#end.signal.aborted) return
    this.#heardAt(sentAtMs)
    this.#observe()
    this.#startOwn()
    this.#claim()
    onBeat?.(this.table)
  }

  #nextBeat(isRefresh: boolean): Beat {
    const { worker, ttlMs, beatMs, capacity } = this.#options
    const cursor = isRefresh ? undefined : this.table.cursor
    return {
      worker,
      ttlMs,
      waitMs: cursor === undefined ? 0 : beatMs,
      cursor,
      held: [...this.#running.values()].map(({ holding }) => holding.lease),
      capacity: this.#isStopping ? 0 : capacity,
    }
  }

  /** Nobody may hold longer than the store says the session lives. */
  #heardAt(sentAtMs: number): void {
    const { clock, ttlMs } = this.#options
    this.#liveUntilMs = sentAtMs + ttlMs - TTL_MARGIN_MS
    const leftMs = this.#liveUntilMs - clock.monotonic()
    this.#hasFailedSince = false
    // Calls end sooner than sessions: where an answer comes later, it was there and nobody had a turn to read it.
    if (leftMs <= 0) return this.#askAfterStandstill()
    this.#isAsking = false
    this.#setDeadline(leftMs)
  }

  #setDeadline(leftMs: number): void {
    const { clock, ttlMs } = this.#options
    const dueMs = clock.monotonic() + leftMs
    this.#deadline?.cancel()
    this.#deadline = clock.setTimer(leftMs, () => {
      const isLate = clock.monotonic() - dueMs >= STOOD_STILL_MS
      if (!isLate || this.#hasFailedSince) return this.#loseAll('the session may have ended')
      // The answer to what was asked may be there: the beat under way has a bound of its own, and a turn behind it.
      if (this.#isAsking) return this.#setDeadline(ttlMs / 3)
      this.#askAfterStandstill()
    })
  }

  /**
   * The session has ended, most likely, while this process stood still, and what a consumer did meanwhile is done. Whether
   * anybody took its leases is the store's to say, which refuses what is stored in a term that is over: letting go unasked
   * would do all of it again, and where a processor works longer than a session lives each time, for ever.
   */
  #askAfterStandstill(): void {
    if (this.#isAsking) return
    const { clock, ttlMs, logger } = this.#options
    this.#isAsking = true
    logger.warn('this process had no turn for longer than its session lives: it keeps what nobody else has taken', {
      heardMsAgo: Math.round(clock.monotonic() - this.#liveUntilMs + ttlMs),
      failoverMs: ttlMs,
      next: 'let the processor work in pieces or in a thread of its own, or make failoverMs longer',
    })
    this.#setDeadline(ttlMs / 3)
    this.#isRefreshDue = true
    this.#nudge.abort()
  }

  #loseAll(why: string): void {
    for (const { holding } of this.#running.values()) holding.lose(why)
  }

  /** What others did to the leases that are held here. */
  #observe(): void {
    const { clock, handoverMs, worker } = this.#options
    for (const running of this.#running.values()) {
      const { holding } = running
      if (!holding.observe(this.table.get(holding.lease.key))) continue
      holding.measure()
      if (this.#claims.isDeclined(holding.lease)) holding.askToRelease('handoff')
      if (holding.lease.paused) holding.askToRelease('pause')
      const heir = this.table.heirOf(holding.lease)
      if (heir === undefined || heir === worker || running.handover !== undefined) continue
      holding.askToRelease('handoff')
      running.handover = clock.setTimer(handoverMs, () => {
        void this.#surrender(holding, `${heir} waited ${handoverMs} ms for it`)
      })
    }
  }

  async #giveUpAll(why: string): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ holding }) => this.#surrender(holding, why)))
    await this.#changing
    this.#claim()
    await this.#changing
  }

  /** Without waiting for the consumer: what it does from now on is lost. */
  async #surrender(holding: Holding, why: string): Promise<void> {
    holding.lose(why)
    try {
      await holding.giveUp()
    } catch (error) {
      this.#options.logger.warn('a lease could not be handed over', { lease: holding.lease.key, error: String(error) })
    }
  }

  /** One round at a time, beside the beats: a store that is slow to change leases does not cost the session. */
  #claim(): void {
    if (this.#changing !== undefined) return
    const updates = this.#isStopping
      ? this.#claims.leftovers(this.#running)
      : this.#claims.updates(this.#running, this.#options.clock.monotonic())
    if (updates.length > 0) this.#changing = this.#update(updates)
  }

  async #update(updates: readonly LeaseUpdate[]): Promise<void> {
    try {
      await this.#callSize.inCalls(updates, (some) => this.#updateSome(some))
    } catch (error) {
      // Whether it was done or not: the next news tell, and what is missing then is tried again.
      this.#claims.again()
      if (isPassing(error)) this.#options.logger.warn('leases could not be taken', { error: error.message })
      else if (!this.#end.signal.aborted) this.fail(error)
    }
    this.#changing = undefined
    this.#startOwn()
  }

  async #updateSome(updates: readonly LeaseUpdate[]): Promise<void> {
    const results = await this.store.update(updates, this.#end.signal)
    for (const [i, result] of results.entries()) {
      if (result.outcome === 'gone') this.table.drop((updates[i] as LeaseUpdate).key)
      else this.table.put(result.lease)
    }
  }

  /** Nothing is begun that nobody would end: the session may be over by now. */
  #startOwn(): void {
    if (this.#isStopping || this.#options.clock.monotonic() >= this.#liveUntilMs) return
    for (const lease of this.#claims.toBegin(this.#running)) this.#start(lease)
  }

  #start(lease: Lease): void {
    const { worker, balance, clock, random } = this.#options
    const { store, table } = this
    this.#claims.begin(lease)
    const holding = new Holding(lease, { worker, balance, store, table, clock, random, signal: this.#abandon.signal })
    const running: Running = { holding, done: this.#consume(lease.key, holding) }
    this.#running.set(lease.key, running)
    if (table.heirOf(lease) !== undefined) this.#observe()
  }

  async #consume(key: string, holding: Holding): Promise<void> {
    const { consume, clock, logger } = this.#options
    try {
      const result = await consume(holding)
      if (result === 'declined') this.#claims.decline(holding.lease, clock.monotonic())
      if (result === 'released') this.#claims.processed(holding.lease)
      if (result === 'failed') await holding.pause()
      const isGiven = result === 'declined' || (result === 'released' && holding.release.reason !== 'pause')
      if (isGiven) await holding.giveUp()
    } catch (error) {
      // What was not stored is found in the table by whoever reads it next.
      logger.error('a shard ended with an error', {
        lease: key,
        error: error instanceof Error ? error.message : String(error),
      })
      holding.lose('its consumer failed')
    } finally {
      this.#running.get(key)?.handover?.cancel()
      this.#running.delete(key)
      // It may be ours still, or again.
      this.#claims.again()
    }
  }
}

/** A beat that is not answered has failed by then. */
function callMsMax({ ttlMs, beatMs }: CoordinatorOptions): number {
  return ttlMs / 3 + beatMs
}

function isPassing(error: unknown): error is LeaseStoreError {
  return error instanceof LeaseStoreError && error.retryable
}

function neverAnswered(cause: LeaseStoreError): LeaseStoreError {
  const said = cause.cause instanceof Error ? `${cause.message} (${cause.cause.message})` : cause.message
  return new LeaseStoreError(
    'unavailable',
    `The lease store has not answered since the worker began, ${BEGIN_MS / 1000} s ago: ${said}. Is its endpoint right, and reached from here?`,
    { cause },
  )
}
