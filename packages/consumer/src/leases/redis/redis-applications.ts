/** Applications whose leases Redis keeps, for whoever looks after them. Makes none, and looks at no settings. */
import { type Clock, type Random, systemClock, systemRandom } from '@millrace/std'
import type { ApplicationSummary, ApplicationView, LeaseAdministration } from '../lease-administration.ts'
import {
  inUse,
  LEASES_PER_CALL_MAX,
  LeaseStoreError,
  type LeaseUpdate,
  type LeaseUpdateResult,
} from '../lease-store.ts'
import type { Lease, NewLease } from '../lease.ts'
import type { RedisClient } from './redis-client.ts'
import { RedisConnection, type RedisReplicas } from './redis-connection.ts'
import { applicationsKey, DEFAULT_PREFIX } from './redis-lease-store.ts'
import { RedisLeases } from './redis-leases.ts'

export interface RedisApplicationsOptions {
  /** Of `redis` or `ioredis`, or a function for any other. It is not closed with this. */
  readonly client: RedisClient
  /** What the names of all keys begin with. Default: `millrace`. */
  readonly prefix?: string | undefined
  /** As of a `RedisLeaseStore`. Default: none. */
  readonly replicas?: RedisReplicas | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

export class RedisApplications implements LeaseAdministration {
  readonly #connection: RedisConnection
  readonly #random: Random
  readonly #prefix: string
  /** They remember the terms of the leases that they told. */
  readonly #asked = new Map<string, RedisLeases>()

  constructor({
    client,
    prefix = DEFAULT_PREFIX,
    replicas,
    clock = systemClock,
    random = systemRandom,
  }: RedisApplicationsOptions) {
    this.#connection = new RedisConnection(client, clock, replicas)
    this.#random = random
    this.#prefix = prefix
  }

  async list(signal: AbortSignal): Promise<readonly ApplicationSummary[]> {
    const key = applicationsKey(this.#prefix)
    const names = await this.#connection.send(['SMEMBERS', key], key, signal)
    const summaries: ApplicationSummary[] = []
    for (const name of [...(names as Iterable<string>)].sort()) {
      const state = await this.#leasesOf(name).look(undefined, undefined, signal)
      if (state !== undefined) summaries.push({ name, leases: state.leases.length, workers: state.workers.length })
    }
    return summaries
  }

  async leases(application: string, signal: AbortSignal): Promise<readonly Lease[]> {
    return (await this.describe(application, signal)).leases
  }

  async describe(application: string, signal: AbortSignal): Promise<ApplicationView> {
    const state = await this.#leasesOf(application).look(undefined, undefined, signal)
    if (state === undefined) throw notFound(application)
    return {
      leases: state.leases.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      workers: state.workers.map(({ worker, capacity }) => ({ worker, capacity })),
    }
  }

  async create(application: string, leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    const found = await this.#known(application, signal)
    for (let at = 0; at < leases.length; at += LEASES_PER_CALL_MAX)
      await found.create(leases.slice(at, at + LEASES_PER_CALL_MAX), signal)
  }

  async update(
    application: string,
    updates: readonly LeaseUpdate[],
    signal: AbortSignal,
  ): Promise<readonly LeaseUpdateResult[]> {
    const found = await this.#known(application, signal)
    const results: LeaseUpdateResult[] = []
    for (let at = 0; at < updates.length; at += LEASES_PER_CALL_MAX)
      results.push(...(await found.update(updates.slice(at, at + LEASES_PER_CALL_MAX), signal)))
    return results
  }

  async delete(application: string, { force }: { readonly force: boolean }, signal: AbortSignal): Promise<void> {
    const deleted = await this.#leasesOf(application).delete(force, signal)
    if (deleted === undefined) throw notFound(application)
    if (!deleted.isDone) throw inUse(application, deleted.workers)
    this.#asked.delete(application)
    const key = applicationsKey(this.#prefix)
    await this.#connection.send(['SREM', key, application], key, signal)
  }

  async #known(application: string, signal: AbortSignal): Promise<RedisLeases> {
    const leases = this.#leasesOf(application)
    if (!(await leases.isMade(signal))) throw notFound(application)
    return leases
  }

  #leasesOf(application: string): RedisLeases {
    const leases = this.#asked.get(application) ?? new RedisLeases(this.#connection, this.#random, this.#prefix, application) // prettier-ignore
    this.#asked.set(application, leases)
    return leases
  }
}

function notFound(application: string): LeaseStoreError {
  return new LeaseStoreError('not-found', `Expected an application ${application}, found none.`)
}
