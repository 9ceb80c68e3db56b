/** What a worker can be told. Every member says what happens when it is left out. */
import type { Clock, Logger, Random } from '@millrace/std'
import type { LeaseStore } from './leases/lease-store.ts'
import type { MetricsOptions } from './metrics/metrics-sink.ts'
import type { RecordSchema } from './records/record-schema.ts'
import type { OpenRetrieval } from './retrieval/retrieval.ts'
import type { StreamService } from './service.ts'
import type { InitialPosition } from './shards/lineage.ts'
import type { ShardConsumerOptions } from './shards/shard-consumer-options.ts'
import type { WorkerEvent } from './worker-event.ts'

export interface WorkerOptions<Value = Uint8Array> extends ShardConsumerOptions {
  /** A `KinesisClient`. It is not closed with the worker. */
  readonly client: StreamService
  /** Names what processes the stream: workers of one application share its leases. */
  readonly application: string
  /** The name of a stream or several; or a function, which is asked again with each look at the shards. */
  readonly stream: string | readonly string[] | (() => readonly string[] | Promise<readonly string[]>)
  /** Where leases are kept. One store for one worker; it is not closed with the worker. */
  readonly leases: LeaseStore
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
  /** What this worker takes beside others. Default: 1. */
  readonly capacity?: number | undefined
  /** The most shards that this worker has. Others take the rest; what nobody takes is told by events. Default: no bound. */
  readonly leasesMax?: number | undefined
  /** A worker that is not heard of for so long is dead, and others take its shards, ms. Default: 4,000. */
  readonly failoverMs?: number | undefined
  /** Between two calls of an idle worker to the lease store, ms; at most a third of `failoverMs`. Default: 1,000. */
  readonly beatMs?: number | undefined
  /** How long a shard that another worker is to have is kept to finish what is in hand, ms. Default: 30,000. */
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
