/**
 * The application of a lease table in DynamoDB, ours or a KCL's, for whoever looks after it. The table is not made and
 * nothing is written but what is asked for. Who lives is seen by looking until it has moved, or has not for its time.
 */
import { DescribeTableCommand, type DynamoDBClient, type TableDescription } from '@aws-sdk/client-dynamodb'
import { type Clock, sleep, systemClock } from '@millrace/std'
import type { StreamService } from '../../service.ts'
import type { ApplicationSummary, ApplicationView, LeaseAdministration } from '../lease-administration.ts'
import { inUse, LeaseStoreError, type LeaseUpdate, type LeaseUpdateResult, type LiveWorker } from '../lease-store.ts'
import type { Lease, LeaseChange, NewLease } from '../lease.ts'
import { call, scan } from './dynamo-calls.ts'
import { itemKeyOf, longKeys, shortKeysOf } from './item-keys.ts'
import { KclLeases } from './kcl-leases.ts'
import { isLeaseItem } from './lease-item.ts'
import { LeaseTableItems } from './lease-table-items.ts'
import { manyAtOnce } from './many-at-once.ts'
import { Sessions } from './sessions.ts'

export interface DynamoApplicationsOptions {
  /** It is not destroyed with this. */
  readonly client: DynamoDBClient
  /** Names the application, too. */
  readonly table: string
  /** By its name or ARN: whose shards a table is about whose keys are shard ids, as a KCL of one stream has them. Default: that is an error. */
  readonly stream?: string | undefined
  /** A `KinesisClient`: asked when that stream was made. */
  readonly service: StreamService
  /** The KCL's `failoverTimeMillis`. Default: 10,000. */
  readonly kclFailoverMs?: number | undefined
  /** Default: `<table>-MillraceWorkers`. */
  readonly workersTable?: string | undefined
  readonly clock?: Clock | undefined
}

const LOOK_EVERY_MS = 250
/** A worker whose session is longer counts as living when it was there. */
const LOOK_MS_MAX = 15_000
/** Of one change, when the lease is written within its term by others meanwhile. */
const TRIES_MAX = 10

export class DynamoApplications implements LeaseAdministration {
  readonly #options: DynamoApplicationsOptions
  readonly #clock: Clock
  readonly #workersTable: string
  #opening: Promise<LeaseTableItems> | undefined

  constructor(options: DynamoApplicationsOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#workersTable = options.workersTable ?? `${options.table}-MillraceWorkers`
  }

  /** The one of the table; none where it is not there. */
  async list(signal: AbortSignal): Promise<readonly ApplicationSummary[]> {
    const { table } = this.#options
    const described = await this.#describeTable(signal)
    if (described === undefined) return []
    const { leases, workers } = await this.describe(table, signal)
    const createdAtMs = described.CreationDateTime?.getTime()
    return [{ name: table, createdAtMs, leases: leases.length, workers: workers.length }]
  }

  async leases(application: string, signal: AbortSignal): Promise<readonly Lease[]> {
    const items = await this.#open(application, signal)
    const leases = (await items.all(signal)).map(({ lease }) => lease)
    return leases.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  }

  async describe(application: string, signal: AbortSignal): Promise<ApplicationView> {
    const items = await this.#open(application, signal)
    const workers = await this.#workers(items, signal)
    return { leases: await this.leases(application, signal), workers }
  }

  async create(application: string, leases: readonly NewLease[], signal: AbortSignal): Promise<void> {
    if (leases.length === 0) return
    const items = await this.#open(application, signal)
    await items.create(leases, signal)
    await this.#announce(signal)
  }

  async update(
    application: string,
    updates: readonly LeaseUpdate[],
    signal: AbortSignal,
  ): Promise<readonly LeaseUpdateResult[]> {
    const items = await this.#open(application, signal)
    try {
      return await manyAtOnce(updates, (update) => this.#update(items, update, signal))
    } finally {
      await this.#announce(signal)
    }
  }

  async delete(application: string, { force }: { readonly force: boolean }, signal: AbortSignal): Promise<void> {
    const items = await this.#open(application, signal)
    const workers = force ? [] : await this.#workers(items, signal)
    if (workers.length > 0) throw inUse(application, workers)
    try {
      // Again, for what others write meanwhile, of leases that were read and of new ones.
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const stored = await items.all(signal)
        if (stored.length === 0) return
        await manyAtOnce(stored, (one) => items.remove(one, signal))
      }
    } finally {
      await this.#announce(signal)
    }
    throw new LeaseStoreError('unavailable', `Leases of ${application} were written by others ${TRIES_MAX} times meanwhile.`) // prettier-ignore
  }

  async #update(
    items: LeaseTableItems,
    { key, epoch, change }: LeaseUpdate,
    signal: AbortSignal,
  ): Promise<LeaseUpdateResult> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const stored = await items.read(key, signal)
      if (stored === undefined) return { outcome: 'gone' }
      if (stored.lease.epoch !== epoch) return { outcome: 'conflict', lease: stored.lease }
      const done = await items.update(stored, withoutOwner(change), signal)
      if (done !== undefined) return { outcome: 'updated', lease: done.lease }
    }
    throw new LeaseStoreError('unavailable', `The lease ${key} was written by others ${TRIES_MAX} times meanwhile.`)
  }

  /** Once; what failed is tried with the next call. */
  #open(application: string, signal: AbortSignal): Promise<LeaseTableItems> {
    this.#opening ??= this.#openTable(application, signal).catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #openTable(application: string, signal: AbortSignal): Promise<LeaseTableItems> {
    const { client, table, stream, service } = this.#options
    if (application !== table)
      throw new LeaseStoreError('not-found', `Expected ${table}, the application of its table, found ${application}.`)
    if ((await this.#describeTable(signal)) === undefined)
      throw new LeaseStoreError('not-found', `Expected a lease table ${table}, found none.`)
    // All keys of a table are of one kind; an empty one has none yet.
    const items = await scan(client, { TableName: table }, signal)
    const key = items.filter(isLeaseItem).map(itemKeyOf)[0]
    const isShort = key === undefined ? stream !== undefined : !key.includes(':')
    // Whose account the caller's is nobody says: streams are called with theirs, and asked for by their ARNs.
    if (!isShort) return new LeaseTableItems(client, table, longKeys(undefined))
    if (stream === undefined)
      throw new LeaseStoreError(
        'invalid',
        `The keys of ${table} are shard ids of a stream that it does not name: say which, as stream.`,
      )
    return new LeaseTableItems(client, table, await shortKeysOf(service, stream, signal))
  }

  async #describeTable(signal: AbortSignal): Promise<TableDescription | undefined> {
    const command = new DescribeTableCommand({ TableName: this.#options.table })
    const answer = await unlessMissing(() => call(() => this.#options.client.send(command, { abortSignal: signal }), signal)) // prettier-ignore
    return answer === undefined || answer === 'unmet' ? undefined : answer.Table
  }

  async #workers(items: LeaseTableItems, signal: AbortSignal): Promise<readonly LiveWorker[]> {
    const sessions = new Sessions(this.#options.client, this.#workersTable, this.#clock)
    const kcl = new KclLeases(this.#options.kclFailoverMs ?? 10_000, this.#clock)
    const isOurs = (worker: string): boolean => sessions.isKnown(worker)
    const untilMs = this.#clock.monotonic() + LOOK_MS_MAX
    for (;;) {
      await unlessMissing(() => sessions.look(signal))
      kcl.observe(await items.all(signal), isOurs)
      if ((sessions.isDecided && kcl.isDecided) || this.#clock.monotonic() >= untilMs) break
      await sleep(this.#clock, LOOK_EVERY_MS, signal)
    }
    return [...sessions.live(), ...[...kcl.workers()].map((worker) => ({ worker, capacity: 1 }))]
  }

  /** Where no worker of ours ever was, there is nobody to tell. */
  async #announce(signal: AbortSignal): Promise<void> {
    await unlessMissing(() => new Sessions(this.#options.client, this.#workersTable, this.#clock).announce(signal))
  }
}

/**
 * A new term is nobody's: a KCL whose renewal finds the counter one further, and itself as the owner, takes that for a
 * renewal of its own whose answer was lost, goes on and overwrites what was stored.
 */
function withoutOwner(change: LeaseChange): LeaseChange {
  return 'epoch' in change ? { ...change, owner: undefined, heir: undefined } : change
}

/** `undefined`: the table is not there. */
async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown }
    if (cause instanceof Error && cause.name === 'ResourceNotFoundException') return undefined
    throw error
  }
}
