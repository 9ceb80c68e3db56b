/**
 * The service: every operation, over whatever engine is handed in. It has no socket and no global state; two of them
 * in front of one engine serve the same streams, and each finishes what the other began.
 */
import {
  KinesisError,
  ON_DEMAND_SHARDS_DEFAULT,
  ON_DEMAND_STREAMS_DEFAULT,
  SHARDS_PER_ACCOUNT_DEFAULT,
  STREAMS_CHANGING_MAX,
} from '@millrace/protocol'
import { type Clock, type Logger, type Random, silentLogger } from '@millrace/std'

import { Applications } from './applications/applications.ts'
import { applicationHandlers } from './applications/operations/registry.ts'
import { Authorizer } from './auth/iam/authorizer.ts'
import type { NamingInput } from './auth/iam/required-access.ts'
import { ClockKeeper } from './background/clock-keeper.ts'
import { KeyRenewal } from './background/key-renewal.ts'
import { Loop } from './background/loop.ts'
import { ON_DEMAND_EVERY_MS, OnDemandScaling } from './background/on-demand-scaling.ts'
import { Retention } from './background/retention.ts'
import { Transitions } from './background/transitions.ts'
import { WakeUps } from './background/wake-ups.ts'
import { Catalog } from './catalog/catalog.ts'
import { shardOwners, type ShardOwners } from './damage-names.ts'
import { DataKeys } from './encryption/data-keys.ts'
import { LocalKeys } from './encryption/local-keys.ts'
import type { MasterKeys } from './encryption/master-keys.ts'
import { type Engine, EngineError } from './engine/engine.ts'
import { CallRates } from './operations/call-rates.ts'
import { ENCRYPTION_CHANGES_PER_DAY, MODE_CHANGES_PER_DAY, SCALINGS_PER_DAY } from './operations/daily-count.ts'
import { EncodedFrames } from './operations/encoded-frames.ts'
import { internalFailure } from './operations/faults.ts'
import type { OperationContext, ServiceParts } from './operations/operation.ts'
import { handlers } from './operations/registry.ts'
import { SharedReads } from './operations/shared-reads.ts'
import { Subscriptions } from './operations/subscriptions.ts'
import { KnownIterators } from './streams/known-iterators.ts'
import { TokenSeal } from './streams/sealed-token.ts'
import { ShardBuckets } from './streams/shard-buckets.ts'
import { type Stream, type StreamKey } from './streams/stream.ts'
import { AWS_SHARD_LIMITS, type ShardLimits, unlimitedThroughput } from './streams/throughput.ts'
import { WriteTraffic } from './streams/write-traffic.ts'
import { ReportPace } from './telemetry/report-pace.ts'
import { type ServiceMetrics, silentServiceMetrics } from './telemetry/service-metrics.ts'

/** How often is looked for what has expired (see Retention for its steps). Readers do not see it either way. */
const RETENTION_EVERY_MS = 60_000
/**
 * The first look: until then the engine does not know how long records are kept, and rewrites nothing, though a disk may
 * be full and wait for just that. Not at once: clients that come back have the first seconds.
 */
const RETENTION_FIRST_MS = 5_000
/** How long a step of the clock may go without being stored. */
const CLOCK_EVERY_MS = 60_000
/** How late an encrypted stream may get a new data key after its master key was changed. */
const KEY_RENEWAL_EVERY_MS = 60_000
/** How late a change may be finished after its status delay, or after the server that began it went away. */
const TRANSITIONS_EVERY_MS = 1_000

export interface ServiceSettings {
  /** Default `aws`. `off`: shards take what the engine takes. Members left out are as on AWS. */
  readonly shardLimits?: 'aws' | 'off' | Partial<ShardLimits>
  /** How often operations may be called. Default `off`. */
  readonly apiLimits?: 'aws' | 'off'
  /** Account quotas, per account and region. */
  readonly quotas?: {
    /** Open shards. Default 20,000. */
    readonly shards?: number
    /** Streams in ON_DEMAND mode. Default 1,000. */
    readonly onDemandStreams?: number
    /** Open shards that its traffic alone can give an on-demand stream. Default 200. */
    readonly onDemandShards?: number
    /** Calls of UpdateShardCount for a stream in 24 hours. Default 10. Infinity: any number; likewise below. */
    readonly scalings?: number
    /** Calls of UpdateStreamMode for a stream in 24 hours. Default 2. */
    readonly modeChanges?: number
    /** Calls of StartStreamEncryption, and likewise of StopStreamEncryption, for a stream in 24 hours. Default 25. */
    readonly encryptionChanges?: number
    /** Registered consumers of a stream. Default 20; 50 of an on-demand one where the account has a minimum throughput. */
    readonly consumers?: number
  }
  /** How long CREATING, UPDATING and DELETING are shown, ms. Default 0: done and durable when the call answers. */
  readonly statusDelayMs?: number
}

export interface ServiceOptions {
  /** Not closed by the service: whoever opened it closes it afterwards. */
  readonly engine: Engine
  readonly clock: Clock
  readonly random: Random
  /** Default: a key for `alias/aws/kinesis` that lives as long as the service: all that an engine in memory needs. */
  readonly masterKeys?: MasterKeys
  /** Default: silent. */
  readonly logger?: Logger
  /** Default: silent. */
  readonly metrics?: ServiceMetrics
  readonly options?: ServiceSettings
}

export class Service implements AsyncDisposable {
  readonly #parts: ServiceParts
  readonly #keeper: ClockKeeper
  readonly #callRates: CallRates | undefined
  readonly #authorizer: Authorizer
  readonly #loops: readonly Loop[]
  #closing: Promise<void> | undefined

  private constructor(parts: ServiceParts, keeper: ClockKeeper, callRates: CallRates | undefined) {
    this.#parts = parts
    this.#keeper = keeper
    this.#callRates = callRates
    this.#authorizer = new Authorizer(parts)
    const { clock, logger, retention, transitions } = parts
    const keyRenewal = new KeyRenewal(parts)
    const onDemand = new OnDemandScaling(parts)
    this.#loops = [
      new Loop({
        clock,
        logger,
        name: 'transitions',
        everyMs: transitionsEveryMs(parts.statusDelayMs),
        task: () => transitions.advanceDue(),
      }),
      new Loop({ clock, logger, name: 'on-demand', everyMs: ON_DEMAND_EVERY_MS, task: () => onDemand.scale() }),
      new Loop({
        clock,
        logger,
        name: 'retention',
        firstMs: RETENTION_FIRST_MS,
        everyMs: RETENTION_EVERY_MS,
        task: () => retention.enforce(),
      }),
      new Loop({ clock, logger, name: 'clock', everyMs: CLOCK_EVERY_MS, task: () => keeper.keep() }),
      new Loop({ clock, logger, name: 'keys', everyMs: KEY_RENEWAL_EVERY_MS, task: () => keyRenewal.renewDue() }),
    ]
  }

  /** Reads the metadata and goes on with what a server before left begun. Rejects with EngineError if it cannot be read. */
  static async open(options: ServiceOptions): Promise<Service> {
    const { engine, clock, random, logger = silentLogger, metrics = silentServiceMetrics } = options
    const settings = options.options ?? {}
    const statusDelayMs = settings.statusDelayMs ?? 0
    const masterKeys =
      options.masterKeys ?? (await LocalKeys.open({ file: undefined, directory: undefined, clock, random, logger }))
    const catalog = await Catalog.open({ meta: engine.meta, clock, random })
    const applications = await Applications.open({ meta: engine.meta, clock, random })
    const keeper = await ClockKeeper.open({ engine, catalog, clock, logger })
    const { guardedClock } = keeper
    const limits = limitsOf(settings.shardLimits ?? 'aws')
    const throughput = limits === undefined ? unlimitedThroughput : new ShardBuckets(limits)
    const { writeBytes, writeRecords } = limits ?? AWS_SHARD_LIMITS
    const transitions = new Transitions({ engine, catalog, clock, logger, metrics, throughput, statusDelayMs })
    await transitions.advanceDue()
    const seal = new TokenSeal(catalog.tokenKey, random)
    const parts: ServiceParts = {
      engine,
      catalog,
      applications,
      clock,
      random,
      guardedClock,
      retention: new Retention({ engine, catalog, clock, guardedClock, throughput, logger }),
      transitions,
      throughput,
      shardCapacity: { bytes: writeBytes, records: writeRecords },
      traffic: new WriteTraffic(random),
      subscriptions: new Subscriptions(clock),
      wakeUps: new WakeUps(engine.shards, catalog),
      sharedReads: new SharedReads(engine.shards),
      seal,
      iterators: new KnownIterators(seal),
      encodedFrames: new EncodedFrames(),
      dataKeys: new DataKeys(masterKeys, random),
      logger,
      reports: new ReportPace(clock),
      metrics,
      quotas: {
        shards: settings.quotas?.shards ?? SHARDS_PER_ACCOUNT_DEFAULT,
        onDemandStreams: settings.quotas?.onDemandStreams ?? ON_DEMAND_STREAMS_DEFAULT,
        onDemandShards: settings.quotas?.onDemandShards ?? ON_DEMAND_SHARDS_DEFAULT,
        scalings: settings.quotas?.scalings ?? SCALINGS_PER_DAY,
        modeChanges: settings.quotas?.modeChanges ?? MODE_CHANGES_PER_DAY,
        encryptionChanges: settings.quotas?.encryptionChanges ?? ENCRYPTION_CHANGES_PER_DAY,
        consumers: settings.quotas?.consumers,
        changingStreams: STREAMS_CHANGING_MAX,
      },
      statusDelayMs,
    }
    return new Service(parts, keeper, settings.apiLimits === 'aws' ? new CallRates() : undefined)
  }

  /**
   * Runs one operation, if policies are to be enforced and allow it. Input and output have the protocol's shapes, and
   * the input has passed its schema. Rejects with `KinesisError` for all that can go wrong outside our own code.
   */
  execute(operationName: string, input: unknown, context: OperationContext): Promise<unknown> {
    let output: unknown
    try {
      output = this.#run(operationName, input, context)
    } catch (error) {
      output = Promise.reject(error)
    }
    if (!(output instanceof Promise)) return Promise.resolve(output)
    // Not awaited here: that would be one more function to wake up for each request (bench: PutRecord).
    return output.catch((error: unknown) => {
      throw this.#refusal(error, operationName, context)
    })
  }

  #run(operationName: string, input: unknown, context: OperationContext): unknown {
    const handler = handlers.get(operationName) ?? applicationHandlers.get(operationName)
    if (handler === undefined) throw new KinesisError('UnknownOperationException')
    const { principal } = context
    const world =
      principal === undefined
        ? context
        : this.#authorizer.authorize(operationName, input as NamingInput, context, principal)
    this.#callRates?.admit(operationName, input, world, this.#parts.clock.monotonic())
    return handler.run(input, this.#parts, world)
  }

  /** What a caller is told of an engine that cannot; it is logged here. */
  #refusal(error: unknown, operationName: string, context: OperationContext): unknown {
    if (!(error instanceof EngineError)) return error
    const { logger, reports } = this.#parts
    reports.report(`${operationName} ${error.code} ${error.message}`, (heldBack) => {
      logger.warn(`${operationName} failed`, {
        requestId: context.requestId,
        account: context.account,
        region: context.region,
        code: error.code,
        reason: error.message,
        ...(heldBack === 0 ? {} : { heldBack }),
      })
    })
    return internalFailure()
  }

  /** Of tokens that every server of this catalog opens. */
  get seal(): TokenSeal {
    return this.#parts.seal
  }

  /** Something is under way in the background. */
  get isBusy(): boolean {
    return this.#loops.some((loop) => loop.isBusy)
  }

  /** A stream as this server knows it. */
  findStream(key: StreamKey): Stream | undefined {
    return this.#parts.catalog.find(key)
  }

  /** Beats of workers are answered at once from here on: the server is stopping, and waits for its answers. */
  stopWaiting(): void {
    this.#parts.applications.stopWaiting()
  }

  /** Every shard that is listed, by what the engine calls it. Goes through all of them. */
  shardOwners(): ShardOwners {
    return shardOwners(this.#parts.catalog.all())
  }

  /** Ends subscriptions, stops the background loops, and waits for what they are in. Twice is fine. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#parts.subscriptions.close()
    this.stopWaiting()
    const stopped = this.#loops.map((loop) => loop.close())
    await this.#parts.transitions.close()
    await Promise.all(stopped)
    await this.#keeper.keep()
    await this.#parts.applications.close()
    this.#parts.wakeUps[Symbol.dispose]()
    this.#parts.sharedReads[Symbol.dispose]()
    this.#parts.catalog[Symbol.dispose]()
  }
}

/** `undefined`: shards take what the engine takes. */
function limitsOf(limits: 'aws' | 'off' | Partial<ShardLimits>): ShardLimits | undefined {
  if (limits === 'off') return undefined
  return limits === 'aws' ? AWS_SHARD_LIMITS : { ...AWS_SHARD_LIMITS, ...limits }
}

/** A status is shown for as long as was asked, and a tenth of it or a second more at most. */
function transitionsEveryMs(statusDelayMs: number): number {
  return statusDelayMs === 0 ? TRANSITIONS_EVERY_MS : Math.min(TRANSITIONS_EVERY_MS, Math.ceil(statusDelayMs / 10))
}
