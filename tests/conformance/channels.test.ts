/** Channels: CreateChannel, DescribeChannel, ListChannels, UpdateChannel, DeleteChannel. */
import {
  type ChannelDescription,
  CreateChannelCommand,
  type CreateChannelCommandInput,
  CreateStreamCommand,
  DeleteChannelCommand,
  DeleteStreamCommand,
  DescribeChannelCommand,
  DescribeLimitsCommand,
  DescribeStreamSummaryCommand,
  ListChannelsCommand,
  ListTagsForResourceCommand,
  type S3TablesDestinationConfiguration,
  TagResourceCommand,
  UpdateChannelCommand,
  UpdateStreamModeCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal, type Service, streamArn } from './support/service.ts'

const bucket = { BucketARN: 'arn:aws:s3:::records', ExpectedBucketOwner: '111122223333' }
const role = 'arn:aws:iam::000000000000:role/deliver'
const s3 = { StorageConfiguration: { ...bucket, CompressionType: 'GZIP' } } as const
const tables: S3TablesDestinationConfiguration = {
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

async function onDemandStream(service: Service): Promise<string> {
  const StreamName = service.streamName()
  await service.sdk.send(new CreateStreamCommand({ StreamName, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }))
  return StreamName
}

const inputOf = (stream: string, rest: Partial<CreateChannelCommandInput> = {}): CreateChannelCommandInput => ({
  ChannelName: `of-${stream}`,
  ServiceExecutionRoleARN: role,
  StreamConfigurationList: [{ StreamARN: streamArn(stream), RecordConfiguration: { RecordFormatType: 'JSON' } }],
  ...('S3TablesDestinationConfiguration' in rest ? {} : { S3DestinationConfiguration: s3 }),
  ...rest,
})

async function create(service: Service, input: CreateChannelCommandInput): Promise<ChannelDescription> {
  const { ChannelDescription } = await service.sdk.send(new CreateChannelCommand(input))
  if (ChannelDescription === undefined) throw new Error('no description')
  return ChannelDescription
}

describe('channels', () => {
  onEveryEngine((service) => {
    it('are CREATING in the answer, and FAILED with a reason when described, with all that was said of them', async () => {
      const stream = await onDemandStream(service)
      const made = await create(service, inputOf(stream))
      expect(made).toMatchObject({
        ChannelName: `of-${stream}`,
        ChannelARN: `arn:aws:kinesis:us-east-1:000000000000:channel/${made.ChannelId}`,
        ChannelStatus: 'CREATING',
        ServiceExecutionRoleARN: role,
        StreamConfigurationList: [{ StreamARN: streamArn(stream), RecordConfiguration: { RecordFormatType: 'JSON' } }],
        S3DestinationConfiguration: {
          DataFreshnessInSeconds: 300,
          DeadLetterQueueS3Configuration: bucket,
          StorageConfiguration: s3.StorageConfiguration,
        },
        LoggingConfiguration: { CloudWatchLogs: { Enabled: false } },
      })
      const described = await service.sdk.send(new DescribeChannelCommand({ ChannelARN: made.ChannelARN }))
      expect(described.ChannelDescription).toEqual({
        ...made,
        ChannelStatus: 'FAILED',
        ChannelStatusReason: expect.stringContaining('does not deliver to destinations yet'),
      })
      const summary = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName: stream }))
      expect(summary.StreamDescriptionSummary?.ChannelCount).toBe(1)
    })

    it('may be one to each kind of destination, under names of their own', async () => {
      const stream = await onDemandStream(service)
      const first = await create(service, inputOf(stream, { ChannelName: `${stream}-s3` }))
      await create(
        service,
        inputOf(stream, { ChannelName: `${stream}-tables`, S3TablesDestinationConfiguration: tables }),
      )
      const another = refusal(create(service, inputOf(stream, { ChannelName: `${stream}-more` })))
      expect((await another).name).toBe('LimitExceededException')
      const taken = refusal(create(service, inputOf(await onDemandStream(service), { ChannelName: `${stream}-s3` })))
      expect((await taken).name).toBe('ResourceInUseException')
      const filter = { StreamFilter: [{ StreamARN: streamArn(stream) }] }
      const page = await service.sdk.send(new ListChannelsCommand({ ...filter, MaxResults: 1 }))
      const rest = await service.sdk.send(new ListChannelsCommand({ NextToken: page.NextToken }))
      expect([...(page.ChannelSummaries ?? []), ...(rest.ChannelSummaries ?? [])]).toMatchObject([
        { ChannelName: `${stream}-s3`, ChannelDestinationType: 'S3', Streams: [{ StreamARN: streamArn(stream) }] },
        { ChannelName: `${stream}-tables`, ChannelDestinationType: 'S3_TABLES', ChannelStatus: 'FAILED' },
      ])
      expect(rest.NextToken).toBeUndefined()
      const limits = await service.sdk.send(new DescribeLimitsCommand({}))
      expect(limits.ChannelCount).toBeGreaterThanOrEqual(2)
      expect(first.ChannelId).toMatch(/^[0-9a-f]{20}$/)
    })

    it('hold their stream, and its mode, until they are deleted', async () => {
      const StreamName = await onDemandStream(service)
      const { ChannelARN } = await create(service, inputOf(StreamName))
      expect((await refusal(service.sdk.send(new DeleteStreamCommand({ StreamName })))).name).toBe(
        'ResourceInUseException',
      )
      const mode = { StreamARN: streamArn(StreamName), StreamModeDetails: { StreamMode: 'PROVISIONED' } } as const
      expect((await refusal(service.sdk.send(new UpdateStreamModeCommand(mode)))).name).toBe('InvalidArgumentException')
      await service.sdk.send(new DeleteChannelCommand({ ChannelARN }))
      const gone = await refusal(service.sdk.send(new DescribeChannelCommand({ ChannelARN })))
      expect(gone).toMatchObject({
        name: 'ResourceNotFoundException',
        message: `Channel ${ChannelARN}, account 000000000000 not found.`,
      })
      await service.sdk.send(new DeleteStreamCommand({ StreamName }))
    })

    it('are changed in freshness and logging alone', async () => {
      const { ChannelARN } = await create(service, inputOf(await onDemandStream(service)))
      const logging = { CloudWatchLogs: { Enabled: true, LogGroupName: 'g' } }
      const updated = await service.sdk.send(
        new UpdateChannelCommand({
          ChannelARN,
          S3DestinationConfiguration: { DataFreshnessInSeconds: 900 },
          LoggingConfiguration: logging,
        }),
      )
      expect(updated.ChannelDescription?.ChannelStatus).toBe('UPDATING')
      const { ChannelDescription: now } = await service.sdk.send(new DescribeChannelCommand({ ChannelARN }))
      expect(now).toMatchObject({
        ChannelStatus: 'FAILED',
        S3DestinationConfiguration: { DataFreshnessInSeconds: 900, StorageConfiguration: s3.StorageConfiguration },
        LoggingConfiguration: logging,
      })
      for (const change of [
        {},
        { S3TablesDestinationConfiguration: { DataFreshnessInSeconds: 600 } },
        { S3DestinationConfiguration: { DataFreshnessInSeconds: 10 } },
      ]) {
        const refused = await refusal(service.sdk.send(new UpdateChannelCommand({ ChannelARN, ...change })))
        expect(refused.name).toBe('InvalidArgumentException')
      }
    })

    it('have tags', async () => {
      const made = await create(service, inputOf(await onDemandStream(service), { Tags: { team: 'mill' } }))
      const ResourceARN = made.ChannelARN
      await service.sdk.send(new TagResourceCommand({ ResourceARN, Tags: { stage: 'test' } }))
      expect((await service.sdk.send(new ListTagsForResourceCommand({ ResourceARN }))).Tags).toEqual([
        { Key: 'stage', Value: 'test' },
        { Key: 'team', Value: 'mill' },
      ])
    })

    it('are refused where they could not be', async () => {
      const provisioned = await createStream(service.sdk, service.streamName())
      const stream = await onDemandStream(service)
      const kms = (KeyId: string) => ({ EncryptionConfiguration: { EncryptionType: 'KMS', KeyId } }) as const
      for (const [input, name] of [
        [inputOf(provisioned), 'InvalidArgumentException'],
        [inputOf('nobody'), 'ResourceNotFoundException'],
        [
          inputOf(stream, { S3TablesDestinationConfiguration: tables, S3DestinationConfiguration: s3 }),
          'InvalidArgumentException',
        ],
        [inputOf(stream, { S3DestinationConfiguration: undefined }), 'InvalidArgumentException'],
        [
          inputOf(stream, { S3DestinationConfiguration: { ...s3, DataFreshnessInSeconds: 1 } }),
          'InvalidArgumentException',
        ],
        [inputOf(stream, kms('alias/aws/kinesis')), 'InvalidArgumentException'],
        [
          inputOf(stream, kms('arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000')),
          'KMSNotFoundException',
        ],
      ] as const)
        expect((await refusal(create(service, input))).name).toBe(name)
    })
  })
})
