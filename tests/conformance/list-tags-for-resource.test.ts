import { ListTagsForResourceCommand, TagResourceCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream } from './support/consumers.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { tagsOf } from './support/tags.ts'

describe('ListTagsForResource', () => {
  onEveryEngine((service) => {
    it('lists all tags at once, by key', async () => {
      const ResourceARN = await newStream(service)
      expect(await tagsOf(service, ResourceARN)).toEqual([])
      const keys = Array.from({ length: 50 }, (_, i) => `key-${String(i).padStart(2, '0')}`)
      await service.sdk.send(
        new TagResourceCommand({ ResourceARN, Tags: Object.fromEntries(keys.toReversed().map((key) => [key, '1'])) }),
      )
      expect(await tagsOf(service, ResourceARN)).toEqual(keys.map((key) => `${key}=1`))
    })

    it('refuses what is not there', async () => {
      const ResourceARN = service.streamArn('nobody')
      const refused = await refusal(service.sdk.send(new ListTagsForResourceCommand({ ResourceARN })))
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
