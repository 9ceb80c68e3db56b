import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream, register } from './support/consumers.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('RegisterStreamConsumer', () => {
  onEveryEngine((service) => {
    it('answers CREATING and an ARN that ends in the second of its creation, without the ARN of the stream', async () => {
      const StreamARN = await newStream(service)
      const consumer = await register(service, StreamARN, 'billing')
      const createdS = Math.floor((consumer?.ConsumerCreationTimestamp?.getTime() ?? 0) / 1000)
      expect(consumer).toEqual({
        ConsumerName: 'billing',
        ConsumerARN: `${StreamARN}/consumer/billing:${createdS}`,
        ConsumerStatus: 'CREATING',
        ConsumerCreationTimestamp: consumer?.ConsumerCreationTimestamp,
      })
    })

    it('is counted in the summary of the stream', async () => {
      const StreamARN = await newStream(service)
      for (const name of ['a', 'b']) await register(service, StreamARN, name)
      const summary = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamARN }))
      expect(summary.StreamDescriptionSummary?.ConsumerCount).toBe(2)
    })

    it('registers no two of a name, and no more than 20', async () => {
      const StreamARN = await newStream(service)
      for (let i = 0; i < 20; i++) await register(service, StreamARN, `c${i}`)
      expect((await refusal(register(service, StreamARN, 'c0'))).name).toBe('ResourceInUseException')
      expect((await refusal(register(service, StreamARN, 'c20'))).name).toBe('LimitExceededException')
    })

    it('refuses a stream that is not there', async () => {
      const refused = await refusal(register(service, service.streamArn('nobody'), 'c'))
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
