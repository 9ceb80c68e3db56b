/** What a worker can be told. Every member says what happens when it is left out. */
import { SESSION_TTL_MAX_MS, SESSION_TTL_MIN_MS } from '@millrace/protocol'
import type { Clock, Logger, Random } from '@millrace/std'
import type { LeaseService } from './leases/lease-service.ts'
import type { LeaseStore } from './leases/lease-store.ts'
import { ServiceLeaseStore } from './leases/service-lease-store.ts'
import type { MetricsOptions } from './metrics/metrics-sink.ts'
import type { RecordSchema } from './records/record-schema.ts'
import type { OpenRetrieval } from './retrieval/retrieval.ts'
import type { StreamService } from './service.ts'
import type { InitialPosition } from './shards/lineage.ts'
import {
  resolveShardConsumerOptions,
  type ShardConsumerOptions,
  TIMER_MS_MAX,
} from './shards/shard-consumer-options.ts'
import { checkKind, checkNames } from './option-checks.ts'
import { checkStreamNames } from './stream-names.ts'
import type { WorkerEvent } from './worker-event.ts'

export interface WorkerOptions<Value = Uint8Array> extends ShardConsumerOptions {
  /** A `KinesisClient`. It is not closed with the worker. */
  readonly client: StreamService & Partial<LeaseService>
  /** Names what processes the stream: workers of one application share its leases. */
  readonly application: string
  /**
   * The name of a stream or several, or their ARNs, as for those that other accounts share; or a function, which is asked again with each look at the shards. Leases, events
   * and batches call a stream as it is named, by its ARN `<account>:<name>`: to name it the other way later is refused. The leases of a stream
   * that a function names no more are given up and stay, with their checkpoints: named again, it goes on there.
   */
  readonly stream: string | readonly string[] | (() => readonly string[] | Promise<readonly string[]>)
  /** Where leases are kept. One store for one worker; it is not closed with the worker. Default: the service, which AWS cannot. */
  readonly leases?: LeaseStore | undefined
  /** Where to begin with a stream that the application has no leases of. Default: `oldest`. */
  readonly initialPosition?: InitialPosition | undefined
  /** How shards are read: `polling()`, the default, or `fanOut()`. */
  readonly retrieval?: OpenRetrieval | undefined
  /** Makes typed values of records. Default: `value` is `data`. */
  readonly schema?: RecordSchema<Value> | undefined
  /** Give user records of aggregates also where they belong to another shard. Default: false. */
  readonly keepsOutOfRange?: boolean | undefined
  /** Names this life of this worker; at most 128 characters. Default: host, process and chance. */
  readonly workerId?: string | undefined
  /** `count`: every worker has as many shards. `load`: and as much traffic. Default: `count`. */
  readonly balance?: 'count' | 'load' | undefined
  /** What this worker takes beside others, above 0, at most 1,000. Default: 1. */
  readonly capacity?: number | undefined
  /** The most shards that this worker has. Others take the rest; what nobody takes is told by events. Default: no bound. */
  readonly leasesMax?: number | undefined
  /** A worker that is not heard of for so long is dead, and others take its shards, ms; from 500 to 300,000. Default: 4,000. */
  readonly failoverMs?: number | undefined
  /** Between two calls of an idle worker to the lease store, ms; at most a third of `failoverMs`. Default: 1,000. */
  readonly beatMs?: number | undefined
  /** How long a shard that another worker is to have is kept to finish what is in hand, `finishMs` at most, ms. Default: 30,000. */
  readonly handoverMs?: number | undefined
  /** Between two looks at the streams' shards, by one worker of the fleet, ms. Default: 60,000. */
  readonly shardSyncMs?: number | undefined
  /** Where metrics go, under the KCL's names (docs/guide/consumer-metrics.md). Default: nowhere. */
  readonly metrics?: MetricsOptions | undefined
  /** Told of all that happens. Must not throw. */
  readonly onEvent?: ((event: WorkerEvent) => void) | undefined
  /** Default: silent. */
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

type Resolved =
  | 'balance'
  | 'capacity'
  | 'leasesMax'
  | 'failoverMs'
  | 'beatMs'
  | 'handoverMs'
  | 'shardSyncMs'
  | 'finishMs'
  | 'initialPosition'

export type ResolvedWorkerOptions = { readonly [Name in Resolved]: Exclude<WorkerOptions[Name], undefined> }

/** Complete, by its type. */
const NAMES: { readonly [Name in keyof Required<WorkerOptions>]: true } = {
  client: true,
  application: true,
  stream: true,
  leases: true,
  initialPosition: true,
  retrieval: true,
  schema: true,
  keepsOutOfRange: true,
  workerId: true,
  balance: true,
  capacity: true,
  leasesMax: true,
  failoverMs: true,
  beatMs: true,
  handoverMs: true,
  shardSyncMs: true,
  metrics: true,
  onEvent: true,
  logger: true,
  clock: true,
  random: true,
  prefetch: true,
  batchRecordsMax: true,
  emptyBatches: true,
  failure: true,
  finishMs: true,
  slowMs: true,
  hangMs: true,
}

const CAPACITY_MAX = 1_000
const WORKER_ID_CHARACTERS_MAX = 128

/**
 * Fills in the defaults of what the worker itself goes by. A TypeError for what is missing or of another kind, a RangeError for
 * what is no sensible choice.
 */
export function resolveWorkerOptions<Value>(options: WorkerOptions<Value>): ResolvedWorkerOptions {
  checkNames(options, Object.keys(NAMES), 'a worker')
  checkPresence(options)
  checkKinds(options)
  const { balance = 'count', capacity = 1, leasesMax = Infinity, initialPosition = 'oldest', workerId } = options
  const { failoverMs = 4_000, beatMs = 1_000, handoverMs = 30_000, shardSyncMs = 60_000 } = options
  expect(balance === 'count' || balance === 'load', "balance to be 'count' or 'load'", balance)
  expect(capacity >= 0.001 && capacity <= CAPACITY_MAX, `capacity to be from 0.001 to ${CAPACITY_MAX}`, capacity)
  const isCount = leasesMax === Infinity || Number.isInteger(leasesMax)
  expect(isCount && leasesMax >= 1, 'leasesMax to be a whole number from 1 on', leasesMax)
  const isSession = failoverMs >= SESSION_TTL_MIN_MS && failoverMs <= SESSION_TTL_MAX_MS
  expect(isSession, `failoverMs to be from ${SESSION_TTL_MIN_MS} to ${SESSION_TTL_MAX_MS}`, failoverMs)
  const isRhythm = beatMs > 0 && beatMs * 3 <= failoverMs
  expect(isRhythm, `beatMs to be above 0 and at most a third of failoverMs (${failoverMs})`, beatMs)
  expect(handoverMs >= 0 && handoverMs <= TIMER_MS_MAX, `handoverMs to be from 0 to ${TIMER_MS_MAX}`, handoverMs)
  expect(shardSyncMs >= 1 && shardSyncMs <= TIMER_MS_MAX, `shardSyncMs to be from 1 to ${TIMER_MS_MAX}`, shardSyncMs)
  expect(
    typeof initialPosition === 'object' ? Number.isFinite(initialPosition.timeMs) : ['oldest', 'latest'].includes(initialPosition), // prettier-ignore
    "initialPosition to be 'oldest', 'latest' or { timeMs }, ms since the epoch",
    typeof initialPosition === 'object' ? initialPosition.timeMs : initialPosition,
  )
  const isId = workerId === undefined || (workerId.length > 0 && workerId.length <= WORKER_ID_CHARACTERS_MAX)
  expect(isId, `workerId to have from 1 to ${WORKER_ID_CHARACTERS_MAX} characters`, workerId)
  const { finishMs } = resolveShardConsumerOptions(options)
  return { balance, capacity, leasesMax, failoverMs, beatMs, handoverMs, shardSyncMs, finishMs, initialPosition }
}

/** The store that is named, or the service's own. Errors as below. */
export function leasesOf<Value>({ client, leases, application }: WorkerOptions<Value>): LeaseStore {
  const { send } = client
  if (leases === undefined && send !== undefined)
    return new ServiceLeaseStore({ client: { send: send.bind(client) }, application })
  if (typeof leases !== 'object' || leases === null)
    throw new TypeError(`Expected leases to be an object, found ${String(leases)}.`)
  expect(
    leases.application === undefined || leases.application === application,
    `leases to be those of application ${application}`,
    `those of ${leases.application}`,
  )
  return leases
}

function checkPresence<Value>({ client, application, stream }: WorkerOptions<Value>): void {
  if (typeof client !== 'object' || client === null)
    throw new TypeError(`Expected client to be an object, found ${String(client)}.`)
  if (typeof application !== 'string')
    throw new TypeError(`Expected application to be a text, found ${String(application)}.`)
  expect(application !== '', 'application to be a name', "''")
  if (typeof stream === 'function') return
  const names = Array.isArray(stream) ? stream : [stream]
  if (names.some((name) => typeof name !== 'string'))
    throw new TypeError(
      `Expected stream to be a name, several, or a function that gives them, found ${String(stream)}.`,
    )
  expect(names.length > 0 && !names.includes(''), 'stream to name a stream', names.length === 0 ? '[]' : "''")
  checkStreamNames(names, client.region)
}

/** Of what is not called before there is a shard, or records. */
function checkKinds<Value>({ schema, retrieval, onEvent, logger }: WorkerOptions<Value>): void {
  const parse: unknown = schema?.parse
  const wrapping = 'Wrap a function: { parse: (data, record) => … }, or json({ parse: (value) => … }) for JSON.'
  checkKind(schema === undefined || typeof parse === 'function', 'schema to have a method parse', schema, wrapping)
  const isRetrieval = retrieval === undefined || typeof retrieval === 'function'
  checkKind(isRetrieval, 'retrieval to be polling() or fanOut()', retrieval)
  checkKind(onEvent === undefined || typeof onEvent === 'function', 'onEvent to be a function', onEvent)
  for (const level of ['debug', 'info', 'warn', 'error'] as const)
    checkKind(logger === undefined || typeof logger[level] === 'function', `logger to have a method ${level}`, logger)
}

function expect(isSo: boolean, what: string, found: unknown): void {
  if (!isSo) throw new RangeError(`Expected ${what}, found ${String(found)}.`)
}
