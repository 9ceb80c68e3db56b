/** Every metric of a worker, once. The table of docs/guide/consumer-metrics.md is this one. */
import type { Metric, MetricDimension } from './metrics-sink.ts'

type Fields = Omit<Metric, 'name' | 'operation' | 'dimensions' | 'level'> & {
  readonly level?: Metric['level']
  readonly by?: MetricDimension
}
type Of = (operation: string, name: string, fields: Fields) => Metric

const ofShard: Of = (operation, name, fields) => described(operation, name, fields, ['StreamId', 'ShardId'])
const ofStream: Of = (operation, name, fields) => described(operation, name, fields, ['StreamId'])
const ofWorker: Of = (operation, name, fields) => described(operation, name, fields, ['WorkerIdentifier'])

function described(
  operation: string,
  name: string,
  { by, level = 'summary', ...fields }: Fields,
  dimensions: readonly MetricDimension[],
): Metric {
  return { operation, name, level, ...fields, dimensions: by === undefined ? dimensions : [...dimensions, by] }
}

const counter = { kind: 'counter', unit: 'Count' } as const
const gauge = { kind: 'gauge', unit: 'Count' } as const
const time = { kind: 'histogram', unit: 'Milliseconds' } as const
const detailed = { level: 'detailed' } as const

/** A call that is counted when it goes well, and timed always. */
function call<const Name extends string>(
  of: Of,
  operation: string,
  name: Name,
  what: string,
  level: Metric['level'] = 'detailed',
): readonly [success: Metric, time: Metric] {
  const dotted = name === '' ? '' : `${name}.`
  return [
    of(operation, `${dotted}Success`, { ...counter, level, help: `${what} that went well.` }),
    of(operation, `${dotted}Time`, { ...time, level, help: `What each took: ${what}, well or not.` }),
  ]
}

export const catalog = {
  recordsProcessed: ofShard('ProcessTask', 'RecordsProcessed', {
    ...counter,
    help: 'User records that the processor is done with.',
  }),
  dataBytesProcessed: ofShard('ProcessTask', 'DataBytesProcessed', {
    kind: 'counter',
    unit: 'Bytes',
    help: 'Data of the user records that the processor is done with.',
  }),
  behindLatest: ofShard('ProcessTask', 'MillisBehindLatest', {
    kind: 'gauge',
    unit: 'Milliseconds',
    help: 'How far the last answer read is behind the tip of the shard, and the time since, while nothing new is heard.',
  }),
  recordsBehindLatest: ofShard('ProcessTask', 'RecordsBehindLatest', {
    ...gauge,
    help: 'User records read and not yet delivered to their end; known while reading stands at the tip, absent otherwise.',
  }),
  processSuccess: ofShard('ProcessTask', 'Success', { ...counter, help: 'Calls of the processor with records that went well.' }), // prettier-ignore
  processRecordsTime: ofShard('ProcessTask', 'RecordProcessor.processRecords.Time', {
    ...time,
    help: 'What calls of the processor with records took that went well.',
  }),
  failures: ofShard('ProcessTask', 'Failures', {
    ...counter,
    by: 'Outcome',
    help: 'Calls of the application that failed, by what became of it: retry, bisect, dead-letter, skip, stop, pass.',
  }),
  deadLettered: ofShard('ProcessTask', 'DeadLetteredRecords', {
    ...counter,
    help: 'Records that the sink of dead letters has durably.',
  }),
  deadLetterFailures: ofShard('ProcessTask', 'DeadLetterFailures', {
    ...counter,
    help: 'Dead letters that the sink did not take; each is tried again.',
  }),
  skipped: ofShard('ProcessTask', 'SkippedRecords', { ...counter, help: 'Records that the failure policy passed over.' }), // prettier-ignore
  dropped: ofShard('ProcessTask', 'DroppedRecords', {
    ...counter,
    by: 'Reason',
    help: 'User records of aggregates that were not given to the processor.',
  }),
  slowCalls: ofShard('ProcessTask', 'SlowCalls', { ...counter, help: 'Calls of the application beyond slowMs.' }),
  expiredIterator: ofShard('ProcessTask', 'ExpiredIterator', { ...counter, help: 'Shard iterators that had expired.' }), // prettier-ignore
  getRecords: call(ofShard, 'ProcessTask', 'KinesisDataFetcher.getRecords', 'Calls of GetRecords'),
  getIterator: call(ofShard, 'ProcessTask', 'KinesisDataFetcher.getIterator', 'Calls of GetShardIterator'),
  readFailures: ofShard('ProcessTask', 'ReadFailures', {
    ...counter,
    help: 'Troubles of reading that were waited out; with fan-out, too.',
  }),
  readerConditions: ofShard('ProcessTask', 'ReaderConditions', {
    ...counter,
    ...detailed,
    by: 'Condition',
    help: 'How often the reader came into a condition: flowing, no-data, no-demand, slow-processor, troubled, dead-connection.',
  }),
  retentionGaps: ofStream('ProcessTask', 'RetentionGaps', {
    ...counter,
    by: 'Outcome',
    help: 'Times of which a shard has nothing left, as they are older than the retention, and that were not read; by whether records were lost in them: likely, unlikely, unknown.',
  }),
  updateLease: call(ofShard, 'ProcessTask', 'UpdateLease', 'Checkpoints'),
  initialize: call(ofShard, 'InitializeTask', '', 'Beginnings of a shard, from taking the lease to initialize', 'summary'), // prettier-ignore
  initializeTime: ofShard('InitializeTask', 'RecordProcessor.initialize.Time', {
    ...time,
    help: 'What calls of initialize took.',
  }),
  shutdown: call(ofShard, 'ShutdownTask', '', 'Ends of a shard’s processing here', 'summary'),
  shutdownTime: ofShard('ShutdownTask', 'RecordProcessor.shutdown.Time', {
    ...time,
    help: 'What calls of shardEnded, shutdownRequested and leaseLost took.',
  }),
  shardsLeft: ofStream('ShutdownTask', 'ShardsLeft', {
    ...counter,
    by: 'Outcome',
    help: 'Shards whose processing ended here: ended, released, lost, failed.',
  }),
  shardsExpired: ofStream('ShutdownTask', 'ShardsExpired', {
    ...counter,
    help: 'Shards ended because they are older than the retention, not processed to their ends.',
  }),
  shardSync: call(ofWorker, 'ShardSyncTask', '', 'Looks at the shards of the streams', 'summary'),
  createLease: call(ofWorker, 'ShardSyncTask', 'CreateLease', 'Calls of the store that make leases'),
  partialLeases: ofStream('PeriodicShardSyncManager', 'NumStreamsWithPartialLeases', {
    ...counter,
    help: 'Looks at the stream that found hash keys without a lease, from the third in a row on.',
  }),
  workerBehindLatest: ofWorker('ApplicationTracker', 'MillisBehindLatest', {
    kind: 'gauge',
    unit: 'Milliseconds',
    help: 'That of the shard that is furthest behind of those this worker has.',
  }),
  takeLease: call(ofWorker, 'TakeLeases', 'TakeLease', 'Calls of the store that take leases'),
  leasesToTake: ofWorker('TakeLeases', 'LeasesToTake', {
    ...counter,
    ...detailed,
    help: 'Leases of nobody that this worker went to take.',
  }),
  takenLeases: ofWorker('TakeLeases', 'TakenLeases', { ...counter, help: 'Of these, those that it got.' }),
  untakenLeases: ofWorker('TakeLeases', 'UntakenLeases', {
    ...counter,
    help: 'Of these, those that another was faster to take, or the store failed for.',
  }),
  numWorkers: ofWorker('TakeLeases', 'NumWorkers', { ...gauge, help: 'Workers that live, as this one sees it.' }),
  totalLeases: ofWorker('TakeLeases', 'TotalLeases', { ...gauge, ...detailed, help: 'Leases of the application.' }),
  expiredLeases: ofWorker('TakeLeases', 'ExpiredLeases', {
    ...gauge,
    help: 'Leases that could be processed and that no living worker has.',
  }),
  leaseSpillover: ofWorker('TakeLeases', 'LeaseSpillover', {
    ...gauge,
    help: 'Of these, those that this worker leaves because it is at leasesMax.',
  }),
  reassignments: ofWorker('LeaseAssignmentManager', 'NumOfLeasesReassignment', {
    ...counter,
    help: 'Leases that this worker asked others for, having less than its share.',
  }),
  currentLeases: ofWorker('RenewAllLeases', 'CurrentLeases', { ...gauge, help: 'Leases that this worker has.' }),
  lostLeases: ofWorker('RenewAllLeases', 'LostLeases', {
    ...counter,
    help: 'Leases that were taken from this worker, or that it let go of because its session may have ended.',
  }),
  renewLease: call(ofWorker, 'RenewAllLeases', 'RenewLease', 'Beats to the store, which may hold one until there is news'), // prettier-ignore
} as const

/** Flat, in the order of the table. */
export const everyMetric: readonly Metric[] = Object.values(catalog).flat()
