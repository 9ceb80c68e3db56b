/** The public face of the consumer library. */
export { deleteApplication, type DeleteApplicationOptions } from './administration/delete-application.ts'
export { LeasesKeepChangingError } from './administration/change-leases.ts'
export {
  type LeasesOptions,
  pauseLeases,
  resumeLeases,
  seekLeases,
  type SeekOptions,
} from './administration/move-leases.ts'
export { resetApplication, type ResetOptions } from './administration/reset-application.ts'
export { PENDING_STATE_BYTES_MAX } from './checkpointer.ts'
export type { DeadLetter, DeadLetterSink, LettersLeft } from './dead-letters/dead-letter.ts'
export { DeadLetterFile, type LetterWriter } from './dead-letters/dead-letter-file.ts'
export { deadLetterStream, type DeadLetterStreamOptions } from './dead-letters/dead-letter-stream.ts'
export {
  AT_TIMESTAMP,
  compareSequenceNumbers,
  type ExtendedSequenceNumber,
  extendedSequenceNumber,
  isSentinel,
  isShardEnd,
  LATEST,
  type Sentinel,
  SHARD_END,
  TRIM_HORIZON,
} from './extended-sequence-number.ts'
export type { FailurePolicy, RetryPolicy } from './failure-policy.ts'
export type { Batch, BatchesOptions, ShutdownOfShard } from './faces/batches-face.ts'
export type { EachOptions, RecordHandler } from './faces/each-face.ts'
export type { RecordProcessorFactory, RecordProcessorOptions } from './faces/record-processor-face.ts'
export { type HeldLease, LeaseLostError, type ReleaseReason } from './leases/held-lease.ts'
export { leaseKey, type LeaseKeyParts, parseLeaseKey } from './leases/lease-key.ts'
export type { ApplicationSummary, ApplicationView, LeaseAdministration } from './leases/lease-administration.ts'
export type { LeaseService } from './leases/lease-service.ts'
export type { Lease, LeaseChange, NewLease, PendingCheckpoint } from './leases/lease.ts'
export {
  type Beat,
  LEASES_PER_CALL_MAX,
  type LeaseNews,
  type LeaseStore,
  LeaseStoreError,
  type LeaseStoreErrorCode,
  type LeaseUpdate,
  type LeaseUpdateResult,
  type LiveWorker,
} from './leases/lease-store.ts'
export { MemoryLeases } from './leases/memory-lease-store.ts'
export { ServiceApplications } from './leases/service-applications.ts'
export { ServiceLeaseStore, type ServiceLeaseStoreOptions } from './leases/service-lease-store.ts'
export { everyMetric } from './metrics/metric-catalog.ts'
export type {
  Metric,
  MetricDimension,
  MetricDimensions,
  MetricKind,
  MetricLevel,
  MetricsOptions,
  MetricsSink,
  MetricUnit,
} from './metrics/metrics-sink.ts'
export { type Meter, OpenTelemetryMetrics } from './metrics/open-telemetry-metrics.ts'
export { PrometheusMetrics, type PrometheusMetricsOptions } from './metrics/prometheus-metrics.ts'
export type {
  Checkpointer,
  ConsumerRecord,
  InitializeInput,
  Place,
  PreparedCheckpoint,
  ProcessRecordsInput,
  RecordProcessor,
  ShardOfProcessor,
} from './record-processor.ts'
export { json, type RecordSchema, type ValueSchema } from './records/record-schema.ts'
export type { RetentionGap } from './records/retention-gap.ts'
export type { DropReason } from './records/user-records.ts'
export type { ReadCall } from './retrieval/reader-context.ts'
export type { PollingOptions } from './retrieval/polling-reader.ts'
export type { ReadPaceOptions } from './retrieval/read-pace.ts'
export {
  fanOut,
  type FanOutOptions,
  type OpenRetrieval,
  polling,
  type RetrievalContext,
} from './retrieval/retrieval.ts'
export {
  type ReadBatch,
  type ReadPosition,
  type Retrieval,
  type ShardReader,
  ShardReadError,
  type ShardReadErrorCode,
  type ShardToRead,
} from './retrieval/shard-reader.ts'
export type { ReaderCondition, WatchdogLimits } from './retrieval/watchdog.ts'
export type { CheckpointPace } from './shards/checkpoint-pacer.ts'
export type { PrefetchBounds } from './shards/prefetcher.ts'
export type { ShardConsumerResult } from './shards/shard-consumer.ts'
export { ShardConsumerError, type ShardConsumerErrorCode } from './shards/shard-consumer-error.ts'
export type { ShardConsumerOptions } from './shards/shard-consumer-options.ts'
export type { ShardConsumerState } from './shards/shard-consumer-state.ts'
export type { ProcessorCall, RecordRange, ShardEvent, ShardHappening, WatchedCall } from './shards/shard-event.ts'
export { ShardSyncError, type ShardSyncErrorCode } from './shards/shard-sync-error.ts'
export type { InitialPosition } from './shards/lineage.ts'
export type { StreamService } from './service.ts'
export { type StreamInput, streamInput } from './stream-names.ts'
export { type RunOptions, type StopOptions, Worker } from './worker.ts'
export type { StoreCall, StoreCallEvent, WorkerEvent } from './worker-event.ts'
export type { WorkerOptions } from './worker-options.ts'
