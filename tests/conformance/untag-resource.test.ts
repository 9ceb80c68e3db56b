import { TagResourceCommand, UntagResourceCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream, register } from './support/consumers.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { tagsOf } from './support/tags.ts'

describe('UntagResource', () => {
  onEveryEngine((service) => {
    it('removes tags of a stream and of a consumer, and passes over what is not there', async () => {
      const StreamARN = await newStream(service)
      const { ConsumerARN = '' } = (await register(service, StreamARN, 'c')) ?? {}
      for (const ResourceARN of [StreamARN, ConsumerARN]) {
        await service.sdk.send(new TagResourceCommand({ ResourceARN, Tags: { a: '1', b: '2' } }))
        await service.sdk.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['a', 'nobody'] }))
        expect(await tagsOf(service, ResourceARN)).toEqual(['b=2'])
      }
    })

    it('refuses what is not there', async () => {
      const ResourceARN = service.streamArn('nobody')
      const refused = await refusal(service.sdk.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['a'] })))
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
