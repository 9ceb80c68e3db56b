/** Making channels: one to S3 unless the input names tables. */
import {
  type ChannelDescription,
  CreateChannelCommand,
  type CreateChannelCommandInput,
  CreateStreamCommand,
  type S3TablesDestinationConfiguration,
} from '@aws-sdk/client-kinesis'
import type { Service } from './service.ts'

export const bucket = { BucketARN: 'arn:aws:s3:::records', ExpectedBucketOwner: '111122223333' }
export const s3 = { StorageConfiguration: { ...bucket, CompressionType: 'GZIP' } } as const
export const tables: S3TablesDestinationConfiguration = {
  DeadLetterQueueS3Configuration: bucket,
  S3TablesConfigurationList: [
    {
      TableBucketARN: 'arn:aws:s3tables:us-east-1:111122223333:bucket/tables',
      Namespace: 'events',
      TableName: 'clicks',
      CompressionType: 'ZSTD',
    },
  ],
}

export const roleArn = ({ account }: Service): string => `arn:aws:iam::${account}:role/deliver`

export async function onDemandStream(service: Service): Promise<string> {
  const StreamName = service.streamName()
  await service.sdk.send(new CreateStreamCommand({ StreamName, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }))
  return StreamName
}

export const inputOf = (
  service: Service,
  stream: string,
  rest: Partial<CreateChannelCommandInput> = {},
): CreateChannelCommandInput => ({
  ChannelName: `of-${stream}`,
  ServiceExecutionRoleARN: roleArn(service),
  StreamConfigurationList: [
    { StreamARN: service.streamArn(stream), RecordConfiguration: { RecordFormatType: 'JSON' } },
  ],
  ...('S3TablesDestinationConfiguration' in rest ? {} : { S3DestinationConfiguration: s3 }),
  ...rest,
})

export async function createChannel(
  service: Service,
  stream: string,
  rest: Partial<CreateChannelCommandInput> = {},
): Promise<ChannelDescription> {
  const { ChannelDescription } = await service.sdk.send(new CreateChannelCommand(inputOf(service, stream, rest)))
  if (ChannelDescription === undefined) throw new Error('no description')
  return ChannelDescription
}
