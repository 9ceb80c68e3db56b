/**
 * What an operation is to the service: a name of the protocol and an async function from its typed input to its
 * typed output, run for one caller. Operations throw `KinesisError` and know the engine port, never an engine.
 */
import type { Codec, Operation } from '@millrace/protocol'
import type { Clock, Logger, Random } from '@millrace/std'

import type { Applications } from '../applications/applications.ts'
import type { Principal } from '../auth/iam/principal.ts'
import type { GuardedClock } from '../background/guarded-clock.ts'
import type { Retention } from '../background/retention.ts'
import type { Transitions } from '../background/transitions.ts'
import type { WakeUps } from '../background/wake-ups.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { DataKeys } from '../encryption/data-keys.ts'
import type { Engine } from '../engine/engine.ts'
import type { ShardCapacity } from '../streams/on-demand.ts'
import type { KnownIterators } from '../streams/known-iterators.ts'
import type { TokenSeal } from '../streams/sealed-token.ts'
import type { Throughput } from '../streams/throughput.ts'
import type { WriteTraffic } from '../streams/write-traffic.ts'
import type { ReportPace } from '../telemetry/report-pace.ts'
import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import type { EncodedFrames } from './encoded-frames.ts'
import type { SharedReads } from './shared-reads.ts'
import type { Subscriptions } from './subscriptions.ts'

/** Where a request came from. */
export interface Peer {
  /** IP address. */
  readonly address: string | undefined
  /** Over TLS. */
  readonly isSecure: boolean
}

/** Who asks, and for how long. No socket: simulation, embedding and worker threads make one by hand. */
export interface OperationContext {
  /** 12 digits. */
  readonly account: string
  /** Like `us-east-1`: letters, digits, `-` and `_`, at most 64. Accounts and regions are separate worlds. */
  readonly region: string
  /** For log lines; answered to the client as `x-amzn-RequestId`. */
  readonly requestId: string
  /** On the clock's monotonic scale: what is undecided then is answered with an error. */
  readonly deadlineMs: number
  /** Aborted when the client went away or the service stops. */
  readonly signal: AbortSignal
  /** How the answer will be encoded: then records come as EncodedRecords. Absent: everything comes as values. */
  readonly codec?: Codec
  /** Present: policies are enforced on what this principal asks. */
  readonly principal?: Principal
  /** For policies. Absent: unknown. */
  readonly peer?: Peer | undefined
}

/** Account quotas, per account and region. */
export interface Quotas {
  /** Open shards of all streams. Default 20,000, as AWS allows in its largest regions. */
  readonly shards: number
  /** Streams in ON_DEMAND mode. Default 1,000. */
  readonly onDemandStreams: number
  /** Open shards that its traffic alone can give an on-demand stream. Default 200, for 200 MiB/s. */
  readonly onDemandShards: number
  /** Calls of UpdateShardCount for a stream in 24 hours. Default 10. Infinity: not counted; likewise below. */
  readonly scalings: number
  /** Calls of UpdateStreamMode for a stream in 24 hours. Default 2. */
  readonly modeChanges: number
  /** Calls of StartStreamEncryption, and likewise of StopStreamEncryption, for a stream in 24 hours. Default 25. */
  readonly encryptionChanges: number
  /** Registered consumers of a stream. Default 20, and 50 of an on-demand stream of an account with a minimum throughput. */
  readonly consumers: number | undefined
  /** Streams shown as CREATING, and likewise as DELETING, at once. Default 5. */
  readonly changingStreams: number
}

/** What operations work with. */
export interface ServiceParts {
  readonly engine: Engine
  readonly catalog: Catalog
  readonly applications: Applications
  readonly clock: Clock
  readonly random: Random
  /** The time by which records expire. */
  readonly guardedClock: GuardedClock
  readonly retention: Retention
  readonly transitions: Transitions
  readonly throughput: Throughput
  /** What one shard is counted for when an on-demand stream is scaled. */
  readonly shardCapacity: ShardCapacity
  readonly traffic: WriteTraffic
  readonly subscriptions: Subscriptions
  readonly wakeUps: WakeUps
  readonly sharedReads: SharedReads
  readonly seal: TokenSeal
  readonly iterators: KnownIterators
  readonly encodedFrames: EncodedFrames
  readonly dataKeys: DataKeys
  readonly logger: Logger
  /** For what happens again and again. */
  readonly reports: ReportPace
  readonly metrics: ServiceMetrics
  readonly quotas: Quotas
  readonly statusDelayMs: number
}

export interface Handler {
  readonly name: string
  /** Throws or rejects with KinesisError or EngineError. */
  run(input: unknown, service: ServiceParts, context: OperationContext): unknown
}

/** Ties an operation of the protocol to what it does. The front door has checked the input against its schema. */
export function handle<I, O>(
  operation: Operation<I, O>,
  run: (input: I, service: ServiceParts, context: OperationContext) => Promise<O> | O,
): Handler {
  return { name: operation.name, run: (input, service, context) => run(input as I, service, context) }
}
