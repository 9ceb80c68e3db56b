/**
 * The service's own numbers, each with its source (KINESIS.md §8, §13, §14, §20). Rates that an operator can change
 * belong to the server's configuration; the bounds of our decoders stand beside the decoders.
 */

/** Bytes of one record's data at most, whatever the stream allows. The model's bound on `Data`: 10 MiB. */
export const RECORD_BYTES_MAX = 10 * 1024 * 1024
/** KiB of data and key of one record at most, unless the stream was given more. */
export const RECORD_KIB_DEFAULT = 1024
/** KiB that a stream may allow at most for one record. */
export const RECORD_KIB_MAX = 10_240
/** Records of one PutRecords call. The model's bound on `Records`. */
export const PUT_RECORDS_MAX = 500
/** Bytes of data and keys of one PutRecords call: 10 MiB since October 2025. */
export const PUT_RECORDS_BYTES_MAX = 10 * 1024 * 1024
/** Records of one GetRecords answer, and the most a caller can ask for. */
export const GET_RECORDS_MAX = 10_000
/** Bytes of data and keys of one GetRecords answer. A single larger record is still returned. */
export const GET_RECORDS_BYTES_MAX = 10 * 1024 * 1024
/** UTF-16 units of a partition key. */
export const PARTITION_KEY_LENGTH_MAX = 256
/** Bytes of one partition key in UTF-8: three for each unit. */
export const PARTITION_KEY_BYTES_MAX = 3 * PARTITION_KEY_LENGTH_MAX
/** UTF-16 units of a shard iterator. */
export const SHARD_ITERATOR_LENGTH_MAX = 512
/** How long a shard iterator can be used, in ms. */
export const SHARD_ITERATOR_LIFE_MS = 300_000
/** How long a `NextToken` can be used, in ms. */
export const NEXT_TOKEN_LIFE_MS = 300_000
/** Hours for which a new stream keeps records. */
export const RETENTION_HOURS_DEFAULT = 24
export const RETENTION_HOURS_MIN = 24
/** One year. */
export const RETENTION_HOURS_MAX = 8760
/** Bytes that a shard takes in per second: 1 MiB. */
export const SHARD_WRITE_BYTES_PER_SECOND = 1024 * 1024
/** Records that a shard takes in per second. */
export const SHARD_WRITE_RECORDS_PER_SECOND = 1000
/** Bytes that a shard gives out per second to all pollers together: 2 MiB. */
export const SHARD_READ_BYTES_PER_SECOND = 2 * 1024 * 1024
/** Bytes that a shard gives out per second to each registered consumer: 2 MiB, shared with nobody. */
export const SHARD_SUBSCRIPTION_BYTES_PER_SECOND = 2 * 1024 * 1024
/** How long a subscription to a shard lasts at most, in ms. */
export const SUBSCRIPTION_LIFE_MS = 300_000
/** So soon after a successful SubscribeToShard another of the same consumer and shard is refused, in ms; later it takes over. */
export const SUBSCRIPTION_TAKEOVER_MS = 5_000
/** GetRecords calls per second and shard. */
export const SHARD_READS_PER_SECOND = 5
/** Shards that DescribeStream puts on a page, when not asked and at most. */
export const DESCRIBE_STREAM_PAGE_MAX = 100
/** Streams that ListStreams puts on a page, when not asked and at most. */
export const LIST_STREAMS_PAGE_MAX = 100
/** Shards that ListShards puts on a page, when not asked and at most. */
export const LIST_SHARDS_PAGE_MAX = 1000
/** Channels of one account and region. AWS's number is unknown. */
export const CHANNELS_PER_ACCOUNT = 100
/** Channels that ListChannels puts on a page, when not asked and at most. */
export const LIST_CHANNELS_PAGE_MAX = 100
/** Consumers that ListStreamConsumers puts on a page, when not asked and at most. */
export const LIST_CONSUMERS_PAGE_MAX = 100
/** Consumers registered with one stream. */
export const STREAM_CONSUMERS_MAX = 20
/** The same with On-demand Advantage: an on-demand stream of an account with the commitment. */
export const COMMITTED_STREAM_CONSUMERS_MAX = 50
/** Consumers of one account and region being created at once. */
export const CONSUMERS_CREATING_MAX = 5
/** Streams of one account and region being created, or being deleted, at once. */
export const STREAMS_CHANGING_MAX = 5
/** Shards of one account and region, where the service allows most. */
export const SHARDS_PER_ACCOUNT_DEFAULT = 20_000
/** Open shards of one stream that UpdateShardCount may ask for. */
export const SHARDS_PER_STREAM_MAX = 10_000
/** Streams of one account and region in ON_DEMAND mode. The service allows 50 unless it is asked for more. */
export const ON_DEMAND_STREAMS_DEFAULT = 1000
/** Open shards that its traffic alone can give an on-demand stream: 200 MB/s. */
export const ON_DEMAND_SHARDS_DEFAULT = 200
/** MiB/s that an on-demand stream may be asked to be ready for: 10 GiB/s. */
export const WARM_THROUGHPUT_MIBPS_MAX = 10_240
