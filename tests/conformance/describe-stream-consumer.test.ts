import { DescribeStreamConsumerCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream, register } from './support/consumers.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DescribeStreamConsumer', () => {
  onEveryEngine((service) => {
    it('finds a consumer by ARN, by name, and by both; ACTIVE, and with its stream', async () => {
      const StreamARN = await newStream(service)
      const registered = await register(service, StreamARN, 'billing')
      const ConsumerARN = registered?.ConsumerARN
      for (const input of [
        { ConsumerARN },
        { StreamARN, ConsumerName: 'billing' },
        { ConsumerARN, StreamARN, ConsumerName: 'billing' },
      ]) {
        const { ConsumerDescription } = await service.sdk.send(new DescribeStreamConsumerCommand(input))
        expect(ConsumerDescription).toEqual({ ...registered, ConsumerStatus: 'ACTIVE', StreamARN })
      }
    })

    it('refuses a request that names none, half of one, or two', async () => {
      const StreamARN = await newStream(service)
      const { ConsumerARN } = (await register(service, StreamARN, 'c')) ?? {}
      for (const input of [{}, { StreamARN }, { ConsumerName: 'c' }, { ConsumerARN, ConsumerName: 'd' }]) {
        const { name } = await refusal(service.sdk.send(new DescribeStreamConsumerCommand(input)))
        expect(name).toBe('InvalidArgumentException')
      }
    })

    it('finds none that is not there', async () => {
      const StreamARN = await newStream(service)
      const ConsumerARN = `${StreamARN}/consumer/nobody:1700000000`
      expect(await refusal(service.sdk.send(new DescribeStreamConsumerCommand({ ConsumerARN })))).toEqual({
        name: 'ResourceNotFoundException',
        message: `Consumer ${ConsumerARN}, account ${service.account} not found.`,
        status: 400,
      })
      const nobody = { StreamARN: service.streamArn('nobody'), ConsumerName: 'c' }
      const refused = await refusal(service.sdk.send(new DescribeStreamConsumerCommand(nobody)))
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
