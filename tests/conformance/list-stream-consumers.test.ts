import { ListStreamConsumersCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream, register } from './support/consumers.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('ListStreamConsumers', () => {
  onEveryEngine((service) => {
    it('lists by name, page by page', async () => {
      const StreamARN = await newStream(service)
      const names = ['delta', 'alpha', 'charlie', 'bravo', 'Echo']
      for (const name of names) await register(service, StreamARN, name)
      const listed: (string | undefined)[] = []
      let NextToken: string | undefined
      do {
        const page = await service.sdk.send(new ListStreamConsumersCommand({ StreamARN, MaxResults: 2, NextToken }))
        expect(page.Consumers?.length).toBeLessThanOrEqual(2)
        listed.push(...(page.Consumers ?? []).map((consumer) => consumer.ConsumerName))
        NextToken = page.NextToken
      } while (NextToken !== undefined)
      expect(listed).toEqual([...names].sort())
    })

    it('refuses a stream that is not there', async () => {
      const StreamARN = service.streamArn('nobody')
      const refused = await refusal(service.sdk.send(new ListStreamConsumersCommand({ StreamARN })))
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
