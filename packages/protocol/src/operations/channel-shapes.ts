/** Structures of channels, with the constraints of the published model. */
import {
  enumeration,
  type Infer,
  integer,
  list,
  required,
  string,
  structure,
  timestamp,
  boolean,
} from '../schema/schema.ts'
import { KeyId, StreamARN } from './shapes.ts'

export const ChannelName = string({ min: 1, max: 128, pattern: '[a-zA-Z0-9_.-]+' })
export const ChannelARN = string({ min: 1, max: 2048, pattern: 'arn:aws.*:kinesis:.*:\\d{12}:channel/\\S+' })
export const RoleARN = string({
  min: 1,
  max: 512,
  pattern: 'arn:aws[-a-z0-9]*:iam::\\d{12}:role/[a-zA-Z_0-9+=,.@\\-_/]+',
})
const ChannelId = string({ min: 1, max: 64 })
const ChannelStatus = enumeration('CREATING', 'ACTIVE', 'UPDATING', 'DELETING', 'FAILED')
const ChannelStatusReason = string({ min: 1, max: 2048 })
const Timestamp = timestamp()
const BucketARN = string({ min: 1, max: 2048, pattern: 'arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}' })
const ExpectedBucketOwner = string({ min: 12, max: 12, pattern: '\\d{12}' })
const DataFreshnessInSeconds = integer()

const RecordConfiguration = structure('RecordConfiguration', {
  RecordFormatType: required(enumeration('GSR_JSON', 'JSON', 'STRING', 'BYTE_ARRAY')),
  GSRSchemaARN: string({
    min: 1,
    max: 512,
    pattern: 'arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+',
  }),
})

export const ChannelStreamConfigurationList = list(
  structure('ChannelStreamConfiguration', {
    StreamARN: required(StreamARN),
    RecordConfiguration: required(RecordConfiguration),
  }),
  { min: 1, max: 10_000 },
)

const DeadLetterQueueS3Configuration = structure('DeadLetterQueueS3Configuration', {
  BucketARN: required(BucketARN),
  ExpectedBucketOwner: required(ExpectedBucketOwner),
  ErrorOutputPrefix: string({ min: 1, max: 512, pattern: "[0-9A-Za-z!\\-_'.*()\\/]+" }),
})

const StorageConfiguration = structure('S3StorageConfiguration', {
  BucketARN: required(BucketARN),
  ExpectedBucketOwner: required(ExpectedBucketOwner),
  OutputKeyTemplate: string({ min: 1, max: 1024, pattern: "[0-9A-Za-z!\\-_'.*()\\/=:{}]+" }),
  StorageClass: enumeration('STANDARD', 'INTELLIGENT_TIERING', 'GLACIER_IR'),
  CompressionType: required(enumeration('NONE', 'GZIP', 'ZSTD')),
})

export const S3DestinationConfiguration = structure('S3DestinationConfiguration', {
  DataFreshnessInSeconds,
  DeadLetterQueueS3Configuration,
  StorageConfiguration: required(StorageConfiguration),
})

const PartitionSpec = structure('PartitionSpec', {
  PartitionFields: required(
    list(
      structure('PartitionField', {
        Transform: required(enumeration('TIME_HOUR')),
        SourceName: required(string({ min: 1, max: 255, pattern: '[a-zA-Z0-9\\.\\_]+' })),
      }),
      { min: 1, max: 10 },
    ),
  ),
})

const S3TablesConfigurationList = list(
  structure('S3TablesConfiguration', {
    TableBucketARN: required(
      string({
        min: 1,
        max: 2048,
        pattern: 'arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\\d{12}:bucket/[a-z0-9_-]{3,63}',
      }),
    ),
    Namespace: required(string({ min: 1, max: 255, pattern: '[0-9a-z_]+' })),
    TableName: required(string({ min: 1, max: 255, pattern: '[0-9a-z_]+' })),
    CompressionType: required(enumeration('NONE', 'ZSTD', 'SNAPPY')),
    PartitionSpec,
  }),
  { min: 1, max: 10_000 },
)

export const S3TablesDestinationConfiguration = structure('S3TablesDestinationConfiguration', {
  DataFreshnessInSeconds,
  DeadLetterQueueS3Configuration: required(DeadLetterQueueS3Configuration),
  S3TablesConfigurationList: required(S3TablesConfigurationList),
})

export const ChannelEncryptionConfiguration = structure('ChannelEncryptionConfiguration', {
  EncryptionType: required(enumeration('KMS')),
  KeyId: required(KeyId),
})

const cloudWatchLogs = {
  Enabled: required(boolean()),
  LogGroupName: string({ min: 1, max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]+' }),
  LogStreamName: string({ min: 1, max: 512, pattern: '[^:*]*' }),
} as const

export const ChannelLoggingConfiguration = structure('ChannelLoggingConfiguration', {
  CloudWatchLogs: required(structure('CloudWatchLogs', cloudWatchLogs)),
})

export const S3DestinationUpdateInput = structure('S3DestinationUpdateInput', {
  DataFreshnessInSeconds: required(DataFreshnessInSeconds),
})

export const S3TablesDestinationUpdateInput = structure('S3TablesDestinationUpdateInput', {
  DataFreshnessInSeconds: required(DataFreshnessInSeconds),
})

export const ChannelLoggingUpdateInput = structure('ChannelLoggingUpdateInput', {
  CloudWatchLogs: required(structure('CloudWatchLogsUpdateInput', cloudWatchLogs)),
})

const identity = {
  ChannelName: required(ChannelName),
  ChannelARN: required(ChannelARN),
  ChannelId: required(ChannelId),
  ChannelStatus: required(ChannelStatus),
  /** Why it is FAILED. */
  ChannelStatusReason,
  ChannelCreationTimestamp: required(Timestamp),
} as const

export const ChannelDescription = structure('ChannelDescription', {
  ...identity,
  ServiceExecutionRoleARN: required(RoleARN),
  StreamConfigurationList: required(
    list(
      structure('ChannelStreamDescription', {
        StreamARN: required(StreamARN),
        StreamCreationTimestamp: required(Timestamp),
        RecordConfiguration: required(RecordConfiguration),
      }),
      { min: 1, max: 10_000 },
    ),
  ),
  S3DestinationConfiguration: structure('S3DestinationDescription', {
    DataFreshnessInSeconds: required(DataFreshnessInSeconds),
    DeadLetterQueueS3Configuration: required(DeadLetterQueueS3Configuration),
    StorageConfiguration: required(StorageConfiguration),
  }),
  S3TablesDestinationConfiguration: structure('S3TablesDestinationDescription', {
    DataFreshnessInSeconds: required(DataFreshnessInSeconds),
    DeadLetterQueueS3Configuration: required(DeadLetterQueueS3Configuration),
    S3TablesConfigurationList: required(S3TablesConfigurationList),
  }),
  EncryptionConfiguration: ChannelEncryptionConfiguration,
  LoggingConfiguration: required(ChannelLoggingConfiguration),
})

export const ChannelSummary = structure('ChannelSummary', {
  ...identity,
  ChannelDestinationType: required(enumeration('S3', 'S3_TABLES')),
  Streams: required(
    list(
      structure('ChannelStreamIdentifier', {
        StreamARN: required(StreamARN),
        StreamCreationTimestamp: required(Timestamp),
      }),
      { min: 1, max: 10_000 },
    ),
  ),
})

export type ChannelDescription = Infer<typeof ChannelDescription>
export type ChannelSummary = Infer<typeof ChannelSummary>
