import {
  AddTagsToStreamCommand,
  CreateStreamCommand,
  DeleteResourcePolicyCommand,
  DescribeAccountSettingsCommand,
  DescribeLimitsCommand,
  DescribeStreamCommand,
  DescribeStreamSummaryCommand,
  DisableEnhancedMonitoringCommand,
  EnableEnhancedMonitoringCommand,
  GetResourcePolicyCommand,
  ListTagsForResourceCommand,
  ListTagsForStreamCommand,
  PutRecordCommand,
  PutResourcePolicyCommand,
  RemoveTagsFromStreamCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAccountSettingsCommand,
  UpdateMaxRecordSizeCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal, streamArn } from './support/service.ts'

describe('the settings of a stream', () => {
  onEveryEngine((service) => {
    it('tags: by name and by ARN, from creation on', async () => {
      const StreamName = service.streamName()
      const ResourceARN = streamArn(StreamName)
      await service.sdk.send(new CreateStreamCommand({ StreamName, ShardCount: 1, Tags: { born: 'yes' } }))
      await service.sdk.send(new AddTagsToStreamCommand({ StreamName, Tags: { team: 'ocean', cost: '1' } }))
      await service.sdk.send(new TagResourceCommand({ ResourceARN, Tags: { team: 'river' } }))
      await service.sdk.send(new RemoveTagsFromStreamCommand({ StreamName, TagKeys: ['cost', 'nobody'] }))
      const first = await service.sdk.send(new ListTagsForStreamCommand({ StreamName, Limit: 1 }))
      expect(first).toMatchObject({ Tags: [{ Key: 'born', Value: 'yes' }], HasMoreTags: true })
      await service.sdk.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['born'] }))
      const { Tags } = await service.sdk.send(new ListTagsForResourceCommand({ ResourceARN }))
      expect(Tags).toEqual([{ Key: 'team', Value: 'river' }])
      const refused = await refusal(service.sdk.send(new AddTagsToStreamCommand({ StreamName, Tags: { 'a;': '' } })))
      expect(refused).toMatchObject({ name: 'InvalidArgumentException', status: 400 })
    })

    it('enhanced monitoring: told before, after and by Describe', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const ShardLevelMetrics = ['IncomingBytes' as const]
      const on = await service.sdk.send(new EnableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics }))
      expect(on).toMatchObject({
        StreamName,
        StreamARN: streamArn(StreamName),
        CurrentShardLevelMetrics: [],
        DesiredShardLevelMetrics: ShardLevelMetrics,
      })
      const { StreamDescription } = await service.sdk.send(new DescribeStreamCommand({ StreamName }))
      expect(StreamDescription?.EnhancedMonitoring).toEqual([{ ShardLevelMetrics }])
      const off = await service.sdk.send(
        new DisableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics: ['ALL'] }),
      )
      expect(off).toMatchObject({ CurrentShardLevelMetrics: ShardLevelMetrics, DesiredShardLevelMetrics: [] })
    })

    it('the largest record: raised at once, and bounded', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const StreamARN = streamArn(StreamName)
      const put = new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: new Uint8Array(2 * 1024 * 1024) })
      expect(await refusal(service.sdk.send(put))).toMatchObject({ name: 'ValidationException' })
      await service.sdk.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB: 10_240 }))
      expect((await service.sdk.send(put)).SequenceNumber).toMatch(/^\d{56}$/)
      const { StreamDescriptionSummary } = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamARN }))
      expect(StreamDescriptionSummary?.MaxRecordSizeInKiB).toBe(10_240)
      expect(
        await refusal(service.sdk.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB: 10_241 }))),
      ).toMatchObject({ name: 'ValidationException' })
    })

    it('the policy: none, put, replaced, deleted', async () => {
      const ResourceARN = streamArn(await createStream(service.sdk, service.streamName()))
      const policy = (account: string): string =>
        JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            { Effect: 'Allow', Principal: { AWS: account }, Action: ['kinesis:GetRecords'], Resource: ResourceARN },
          ],
        })
      const get = async (): Promise<string | undefined> =>
        (await service.sdk.send(new GetResourcePolicyCommand({ ResourceARN }))).Policy
      expect(await get()).toBe('{}')
      for (const account of ['111111111111', '222222222222']) {
        await service.sdk.send(new PutResourcePolicyCommand({ ResourceARN, Policy: policy(account) }))
        expect(await get()).toBe(policy(account))
      }
      expect(await refusal(service.sdk.send(new PutResourcePolicyCommand({ ResourceARN, Policy: '{' })))).toMatchObject(
        { name: 'InvalidArgumentException' },
      )
      await service.sdk.send(new DeleteResourcePolicyCommand({ ResourceARN }))
      expect(await get()).toBe('{}')
      expect(await refusal(service.sdk.send(new DeleteResourcePolicyCommand({ ResourceARN })))).toMatchObject({
        name: 'ResourceNotFoundException',
      })
    })
  })
})

describe('the account', () => {
  onEveryEngine((service) => {
    it('tells its limits', async () => {
      const before = await service.sdk.send(new DescribeLimitsCommand({}))
      await createStream(service.sdk, service.streamName(), 3)
      const after = await service.sdk.send(new DescribeLimitsCommand({}))
      expect((after.OpenShardCount ?? 0) - (before.OpenShardCount ?? 0)).toBe(3)
      expect(after.ShardLimit).toBeGreaterThan(0)
    })

    it('keeps its commitment for a day at least', async () => {
      const set = (Status: 'ENABLED' | 'DISABLED') =>
        service.sdk.send(new UpdateAccountSettingsCommand({ MinimumThroughputBillingCommitment: { Status } }))
      const { MinimumThroughputBillingCommitment: on } = await set('ENABLED')
      expect(on?.Status).toBe('ENABLED')
      expect((on?.EarliestAllowedEndAt?.getTime() ?? 0) - (on?.StartedAt?.getTime() ?? 0)).toBe(86_400_000)
      await set('DISABLED')
      const told = await service.sdk.send(new DescribeAccountSettingsCommand({}))
      expect(told.MinimumThroughputBillingCommitment?.Status).toBe('ENABLED_UNTIL_EARLIEST_ALLOWED_END')
    })
  })
})
