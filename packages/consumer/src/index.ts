/** The public face of the consumer library. */
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
export { type HeldLease, LeaseLostError, type ReleaseReason } from './leases/held-lease.ts'
export { leaseKey, type LeaseKeyParts, parseLeaseKey } from './leases/lease-key.ts'
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
export { readPositionOf } from './records/read-position.ts'
export { json, type RecordSchema, type ValueSchema } from './records/record-schema.ts'
export { type DropReason, UserRecords, type UserRecordsOptions } from './records/user-records.ts'
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
export type { StreamService } from './service.ts'
