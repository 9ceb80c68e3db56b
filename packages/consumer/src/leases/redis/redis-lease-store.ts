/** Leases in Redis, 7 or later, or Valkey. Sessions end by Redis's clock. A beat is one call, and so are changes of any number of leases. */
import { type Clock, type Random, systemClock, systemRandom, untilAborted } from '@millrace/std'
import {
  type Beat,
  type LeaseNews,
  type LeaseStore,
  LeaseStoreError,
  type LeaseUpdate,
  type LeaseUpdateResult,
} from '../lease-store.ts'
import type { Lease, NewLease } from '../lease.ts'
import { NewsBell } from '../news-bell.ts'
import { requireDurable } from './durability.ts'
import { NewsSubscription } from './news-subscription.ts'
import type { RedisClient } from './redis-client.ts'
import { RedisConnection, type RedisReplicas } from './redis-connection.ts'
import { type ApplicationState, RedisLeases } from './redis-leases.ts'

export interface RedisLeaseStoreOptions {
  /** Of `redis` or `ioredis`, or a function for any other. It is not closed with the store, which opens one more connection like it while it listens. */
  readonly client: RedisClient
  /** Its workers share the leases. */
  readonly application: string
  /** What the names of all keys begin with. Default: `millrace`. */
  readonly prefix?: string | undefined
  /**
   * `checked`: a Redis that answers before what it was told is on its disk, or that evicts keys, is refused with a `LeaseStoreError` `invalid` that
   * says which settings to make (`appendonly yes`, `appendfsync always`), and so is one that does not let them be seen. Looked at when
   * the store is opened, after a call that failed, and when Redis has forgotten something; in a `Cluster` of `ioredis` on any one node. `assumed`: not looked at; a checkpoint that was answered may
   * be taken back, and its records processed again, where Redis is not durable. Default: `checked`.
   */
  readonly durability?: 'checked' | 'assumed' | undefined
  /**
   * How many replicas must have a change of leases before it counts as done; what fewer have fails as `unavailable`, and is tried again. A failover
   * to one of these loses nothing; Redis does not promise to choose one. The client must be one connection of this store's own, which waits. Default: none, and a failover may take
   * back the last checkpoints.
   */
  readonly replicas?: RedisReplicas | undefined
  /** False: without a connection of its own; news is heard by the next beat, as with a client that is a function. Default: true. */
  readonly listens?: boolean | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

export class RedisLeaseStore implements LeaseStore {
  readonly application: string
  readonly #connection: RedisConnection
  readonly #leases: RedisLeases
  readonly #applications: string
  readonly #isChecked: boolean
  readonly #bell: NewsBell
  readonly #subscription: NewsSubscription | undefined
  #opening: Promise<void> | undefined
  #worker: string | undefined

  constructor({
    client,
    application,
    prefix = DEFAULT_PREFIX,
    durability = 'checked',
    replicas,
    listens = true,
    clock = systemClock,
    random = systemRandom,
  }: RedisLeaseStoreOptions) {
    this.application = application
    this.#connection = new RedisConnection(client, clock, replicas)
    this.#leases = new RedisLeases(this.#connection, random, prefix, application)
    this.#applications = applicationsKey(prefix)
    this.#isChecked = durability === 'checked'
    this.#bell = new NewsBell(clock)
    if (listens && typeof client !== 'function')
      this.#subscription = new NewsSubscription(client, this.#leases.channel, this.#bell)
  }

  beat(beat: Beat, signal: AbortSignal): Promise<LeaseNews> {
    return this.#opened(async () => {
      const { worker, capacity, ttlMs, waitMs, cursor } = beat
      this.#worker = worker
      if (waitMs > 0) this.#subscription?.listen()
      this.#bell.arm()
      let state = this.#known(await this.#leases.look({ worker, capacity, ttlMs }, cursor, signal))
      if (this.#subscription !== undefined && waitMs > 0 && !state.isAnnounced) {
        // Until the first session of another ends.
        const leftMs = Math.min(...othersOf(state, worker).map((other) => other.leftMs + 1))
        const isHeard = await this.#bell.wait(Math.min(waitMs, leftMs), signal)
        // Nothing is new, and no session has ended: what was read stands.
        if (isHeard || leftMs <= waitMs) state = this.#known(await this.#leases.look(undefined, cursor, signal))
      }
      const { isComplete, leases } = state
      // Redis has lost something, or this worker was away for long: what was looked at may be otherwise.
      if (isComplete && cursor !== undefined) this.#opening = undefined
      const others = othersOf(state, worker).map((other) => ({ worker: other.worker, capacity: other.capacity }))
      return { cursor: state.cursor, isComplete, leases, removed: [], workers: [{ worker, capacity }, ...others] }
    }, signal)
  }

  create(leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    return this.#opened(() => this.#leases.create(leases, signal), signal)
  }

  update(updates: readonly LeaseUpdate[], signal: AbortSignal): Promise<readonly LeaseUpdateResult[]> {
    return this.#opened(() => this.#leases.update(updates, signal), signal)
  }

  remove(leases: readonly Pick<Lease, 'key' | 'epoch'>[], signal: AbortSignal): Promise<void> {
    return this.#opened(() => this.#leases.remove(leases, signal), signal)
  }

  async leave(signal: AbortSignal): Promise<void> {
    if (this.#worker !== undefined) await this.#leases.leave(this.#worker, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription?.close()
  }

  /** Opens first, once for all who wait for it. What a call failed of may be another Redis: it is opened again. */
  async #opened<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    this.#opening ??= this.#open()
    const opening = this.#opening
    try {
      await untilAborted(opening, signal)
      return await work()
    } catch (error) {
      if (error instanceof LeaseStoreError && this.#opening === opening) this.#opening = undefined
      throw error
    }
  }

  async #open(): Promise<void> {
    const { signal } = new AbortController()
    if (this.#isChecked) await requireDurable(this.#connection, this.#leases.key, signal)
    await this.#connection.send(['SADD', this.#applications, this.application], this.#applications, signal)
  }

  #known(state: ApplicationState | undefined): ApplicationState {
    if (state !== undefined) return state
    throw new LeaseStoreError('unavailable', `The application ${this.application} was deleted under its workers.`)
  }
}

export const DEFAULT_PREFIX = 'millrace'

/** The set of all applications. */
export function applicationsKey(prefix: string): string {
  return `${prefix}:applications`
}

function othersOf({ workers }: ApplicationState, worker: string): ApplicationState['workers'] {
  return workers.filter((other) => other.worker !== worker)
}
