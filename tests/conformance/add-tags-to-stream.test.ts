import { AddTagsToStreamCommand, CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { tagsOf } from './support/tags.ts'

describe('AddTagsToStream', () => {
  onEveryEngine((service) => {
    const add = (StreamName: string, Tags: Record<string, string>) =>
      service.sdk.send(new AddTagsToStreamCommand({ StreamName, Tags }))

    it('adds to the tags of the creation, and overwrites a key that is there', async () => {
      const StreamName = service.streamName()
      await service.sdk.send(new CreateStreamCommand({ StreamName, ShardCount: 1, Tags: { born: 'yes', team: 'sea' } }))
      await add(StreamName, { team: 'ocean', cost: '' })
      expect(await tagsOf(service, service.streamArn(StreamName))).toEqual(['born=yes', 'cost=', 'team=ocean'])
    })

    it('takes letters of any alphabet, digits, spaces and _ . : / = + - @', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      await add(StreamName, { 'ключ 1': 'å', '_.:/=+-@': '_.:/=+-@' })
      expect(await tagsOf(service, service.streamArn(StreamName))).toEqual(['_.:/=+-@=_.:/=+-@', 'ключ 1=å'])
    })

    it.each(['a;', 'a,', 'a\t', 'a\n'])('refuses the character in %j', async (key) => {
      const StreamName = await createStream(service.sdk, service.streamName())
      for (const tags of [{ [key]: '' }, { key }])
        expect(await refusal(add(StreamName, tags as Record<string, string>))).toEqual({
          name: 'InvalidArgumentException',
          message:
            'Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.',
          status: 400,
        })
    })

    it('refuses % in words of its own', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      expect((await refusal(add(StreamName, { '%': '' }))).message).toBe(
        `Failed to add tags to stream ${StreamName} under account ${service.account} because some tags contained illegal characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.`,
      )
    })

    it('refuses keys that begin with aws:', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      expect(await refusal(add(StreamName, { 'aws:team': 'sea' }))).toEqual({
        name: 'InvalidArgumentException',
        message: `Failed to add tags to stream ${StreamName} under account ${service.account} because keys that begin with 'aws:' are reserved for AWS.`,
        status: 400,
      })
      await add(StreamName, { 'my:aws:team': 'aws:sea' })
    })

    it('keeps fifty at most', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key-${i}`, '']))
      expect(await refusal(add(StreamName, many(51)))).toMatchObject({ name: 'InvalidArgumentException' })
      await add(StreamName, many(50))
      await add(StreamName, many(50))
      expect((await refusal(add(StreamName, { more: '' }))).message).toMatch(
        new RegExp(`^Failed to add tags to stream ${StreamName} under account ${service.account} because`),
      )
    })

    it('looks for the stream before it looks at characters', async () => {
      expect(await refusal(add('nobody', { ';': '' }))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
