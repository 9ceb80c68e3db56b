import { AddTagsToStreamCommand, RemoveTagsFromStreamCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { tagsOf } from './support/tags.ts'

describe('RemoveTagsFromStream', () => {
  onEveryEngine((service) => {
    const remove = (StreamName: string, ...TagKeys: string[]) =>
      service.sdk.send(new RemoveTagsFromStreamCommand({ StreamName, TagKeys }))

    it('removes what is there, and passes over what is not', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      await service.sdk.send(new AddTagsToStreamCommand({ StreamName, Tags: { a: '1', b: '2' } }))
      await remove(StreamName, 'a', 'nobody')
      await remove(StreamName, 'a')
      expect(await tagsOf(service, service.streamArn(StreamName))).toEqual(['b=2'])
    })

    it('refuses characters that no key can have, after it looked for the stream', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      expect((await refusal(remove(StreamName, ';'))).message).toMatch(/^Some tags contain invalid characters\. /)
      expect((await refusal(remove(StreamName, '%'))).message).toBe(
        `Failed to remove tags from stream ${StreamName} under account ${service.account} because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.`,
      )
      expect(await refusal(remove('nobody', ';'))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
