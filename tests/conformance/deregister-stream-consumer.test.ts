import { DeregisterStreamConsumerCommand, DescribeStreamConsumerCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream, register } from './support/consumers.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DeregisterStreamConsumer', () => {
  onEveryEngine((service) => {
    it('ends a consumer by name or ARN; who comes back has a new ARN, and the old one stays dead', async () => {
      const StreamARN = await newStream(service)
      const first = await register(service, StreamARN, 'c')
      await service.sdk.send(new DeregisterStreamConsumerCommand({ StreamARN, ConsumerName: 'c' }))
      const second = await register(service, StreamARN, 'c')
      expect(second?.ConsumerARN).not.toBe(first?.ConsumerARN)
      const call = service.sdk.send(new DescribeStreamConsumerCommand({ ConsumerARN: first?.ConsumerARN }))
      expect(await refusal(call)).toEqual({
        name: 'ResourceNotFoundException',
        message: `Consumer ${first?.ConsumerARN}, account ${service.account} not found.`,
        status: 400,
      })
      await service.sdk.send(new DeregisterStreamConsumerCommand({ ConsumerARN: second?.ConsumerARN }))
      const gone = service.sdk.send(new DescribeStreamConsumerCommand({ StreamARN, ConsumerName: 'c' }))
      expect((await refusal(gone)).name).toBe('ResourceNotFoundException')
    })

    it('refuses a stream that is not there', async () => {
      const nobody = { StreamARN: service.streamArn('nobody'), ConsumerName: 'c' }
      const refused = await refusal(service.sdk.send(new DeregisterStreamConsumerCommand(nobody)))
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
