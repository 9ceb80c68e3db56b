import { ListTagsForStreamCommand, TagResourceCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createChannel, onDemandStream } from './support/channels.ts'
import { newStream, register } from './support/consumers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { tagsOf } from './support/tags.ts'

describe('TagResource', () => {
  onEveryEngine((service) => {
    const tag = (ResourceARN: string, Tags: Record<string, string>) =>
      service.sdk.send(new TagResourceCommand({ ResourceARN, Tags }))

    it('tags a stream in the store that the operations by name have', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      await tag(service.streamArn(StreamName), { team: 'river' })
      const { Tags } = await service.sdk.send(new ListTagsForStreamCommand({ StreamName }))
      expect(Tags).toEqual([{ Key: 'team', Value: 'river' }])
    })

    it('tags a consumer, whose tags are not those of its stream', async () => {
      const StreamARN = await newStream(service)
      const { ConsumerARN = '' } = (await register(service, StreamARN, 'c', { team: 'mill' })) ?? {}
      await tag(ConsumerARN, { stage: 'test' })
      expect(await tagsOf(service, ConsumerARN)).toEqual(['stage=test', 'team=mill'])
      expect(await tagsOf(service, StreamARN)).toEqual([])
    })

    it('tags a channel', async () => {
      const { ChannelARN = '' } = await createChannel(service, await onDemandStream(service), {
        Tags: { team: 'mill' },
      })
      await tag(ChannelARN, { stage: 'test' })
      expect(await tagsOf(service, ChannelARN)).toEqual(['stage=test', 'team=mill'])
    })

    it('refuses what is not there', async () => {
      expect((await refusal(tag(service.streamArn('nobody'), { a: '' }))).name).toBe('ResourceNotFoundException')
    })
  })
})
