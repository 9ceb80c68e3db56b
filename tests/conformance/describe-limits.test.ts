import { CreateStreamCommand, DescribeLimitsCommand, SplitShardCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createChannel, onDemandStream } from './support/channels.ts'
import { onEveryEngine } from './support/service.ts'
import { post } from './support/wire.ts'

describe('DescribeLimits', () => {
  onEveryEngine((service) => {
    it('counts open shards, on-demand streams and channels of the account', async ({ skip }) => {
      skip(!service.ownAccount, 'counts what is in the account, which others share')
      const limits = async () => {
        const { $metadata: _, ...numbers } = await service.sdk.send(new DescribeLimitsCommand({}))
        return numbers
      }
      const before = await limits()
      expect(before).toMatchObject({ OpenShardCount: 0, OnDemandStreamCount: 0, ChannelCount: 0 })
      expect(before.ShardLimit).toBeGreaterThan(0)
      const StreamName = service.streamName()
      await service.sdk.send(new CreateStreamCommand({ StreamName, ShardCount: 3 }))
      await service.sdk.send(
        new SplitShardCommand({ StreamName, ShardToSplit: '0', NewStartingHashKey: (2n ** 125n).toString() }),
      )
      expect(await limits()).toEqual({ ...before, OpenShardCount: 4 })
      await createChannel(service, await onDemandStream(service))
      expect(await limits()).toEqual({ ...before, OpenShardCount: 8, OnDemandStreamCount: 1, ChannelCount: 1 })
    })

    it('has no input, and wants {} all the same', async () => {
      expect((await post(service, 'DescribeLimits', '{}')).status).toBe(200)
      expect((await post(service, 'DescribeLimits', '')).body.toString()).toBe('{"__type":"SerializationException"}')
    })
  })
})
