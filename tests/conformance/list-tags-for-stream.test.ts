import { AddTagsToStreamCommand, ListTagsForStreamCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { post } from './support/wire.ts'

describe('ListTagsForStream', () => {
  onEveryEngine((service) => {
    it('lists by code point, in pages, from behind any key', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      await service.sdk.send(new AddTagsToStreamCommand({ StreamName, Tags: { b: '2', a: '1', B: '3', é: '4' } }))
      const page = async (rest: { Limit?: number; ExclusiveStartTagKey?: string }) => {
        const { Tags, HasMoreTags } = await service.sdk.send(new ListTagsForStreamCommand({ StreamName, ...rest }))
        return [Tags?.map(({ Key }) => Key).join(''), HasMoreTags]
      }
      expect(await page({})).toEqual(['Babé', false])
      expect(await page({ Limit: 2 })).toEqual(['Ba', true])
      expect(await page({ ExclusiveStartTagKey: 'a', Limit: 2 })).toEqual(['bé', false])
      expect(await page({ ExclusiveStartTagKey: 'aa' })).toEqual(['bé', false])
    })

    it('answers an empty list where there is none', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const answer = await post(service, 'ListTagsForStream', JSON.stringify({ StreamName }))
      expect(JSON.parse(answer.body.toString())).toEqual({ HasMoreTags: false, Tags: [] })
    })

    it('refuses a stream that is not there', async () => {
      const call = service.sdk.send(new ListTagsForStreamCommand({ StreamName: 'nobody' }))
      expect(await refusal(call)).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
