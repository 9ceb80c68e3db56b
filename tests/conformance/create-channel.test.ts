import { CreateChannelCommand, DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bucket, createChannel, inputOf, onDemandStream, roleArn, s3, tables } from './support/channels.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('CreateChannel', () => {
  onEveryEngine((service) => {
    it('answers CREATING, with all that was said and the defaults', async () => {
      const stream = await onDemandStream(service)
      const made = await createChannel(service, stream)
      expect(made).toMatchObject({
        ChannelName: `of-${stream}`,
        ChannelId: expect.stringMatching(/^[0-9a-f]{20}$/) as unknown,
        ChannelARN: `arn:aws:kinesis:${service.region}:${service.account}:channel/${made.ChannelId}`,
        ChannelStatus: 'CREATING',
        ServiceExecutionRoleARN: roleArn(service),
        StreamConfigurationList: [
          { StreamARN: service.streamArn(stream), RecordConfiguration: { RecordFormatType: 'JSON' } },
        ],
        S3DestinationConfiguration: {
          DataFreshnessInSeconds: 300,
          DeadLetterQueueS3Configuration: bucket,
          StorageConfiguration: s3.StorageConfiguration,
        },
        LoggingConfiguration: { CloudWatchLogs: { Enabled: false } },
      })
      const summary = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName: stream }))
      expect(summary.StreamDescriptionSummary?.ChannelCount).toBe(1)
    })

    it('makes one to each kind of destination, under names of their own', async () => {
      const stream = await onDemandStream(service)
      await createChannel(service, stream, { ChannelName: `${stream}-s3` })
      await createChannel(service, stream, {
        ChannelName: `${stream}-tables`,
        S3TablesDestinationConfiguration: tables,
      })
      const another = refusal(createChannel(service, stream, { ChannelName: `${stream}-more` }))
      expect((await another).name).toBe('LimitExceededException')
      const taken = refusal(createChannel(service, await onDemandStream(service), { ChannelName: `${stream}-s3` }))
      expect((await taken).name).toBe('ResourceInUseException')
    })

    it('refuses what could not be', async () => {
      const provisioned = await createStream(service.sdk, service.streamName())
      const stream = await onDemandStream(service)
      const of = (rest: Parameters<typeof inputOf>[2]) => inputOf(service, stream, rest)
      const kms = (KeyId: string) => ({ EncryptionConfiguration: { EncryptionType: 'KMS', KeyId } }) as const
      for (const [input, name] of [
        [inputOf(service, provisioned), 'InvalidArgumentException'],
        [inputOf(service, 'nobody'), 'ResourceNotFoundException'],
        [of({ S3TablesDestinationConfiguration: tables, S3DestinationConfiguration: s3 }), 'InvalidArgumentException'],
        [of({ S3DestinationConfiguration: undefined }), 'InvalidArgumentException'],
        [of({ S3DestinationConfiguration: { ...s3, DataFreshnessInSeconds: 1 } }), 'InvalidArgumentException'],
        [of(kms('alias/aws/kinesis')), 'InvalidArgumentException'],
        [
          of(kms(`arn:aws:kms:${service.region}:${service.account}:key/00000000-0000-0000-0000-000000000000`)),
          'KMSNotFoundException',
        ],
      ] as const)
        expect((await refusal(service.sdk.send(new CreateChannelCommand(input)))).name).toBe(name)
    })
  })
})
