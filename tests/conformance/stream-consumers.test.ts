/** Registered consumers: RegisterStreamConsumer, DescribeStreamConsumer, ListStreamConsumers, DeregisterStreamConsumer. */
import {
  DeleteResourcePolicyCommand,
  DeleteStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetResourcePolicyCommand,
  ListStreamConsumersCommand,
  ListTagsForResourceCommand,
  PutResourcePolicyCommand,
  RegisterStreamConsumerCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal, type Service, streamArn } from './support/service.ts'

async function register(service: Service, StreamARN: string, ConsumerName: string, Tags?: Record<string, string>) {
  const command = new RegisterStreamConsumerCommand({ StreamARN, ConsumerName, ...(Tags && { Tags }) })
  return (await service.sdk.send(command)).Consumer
}

async function newStream(service: Service): Promise<string> {
  return streamArn(await createStream(service.sdk, service.streamName()))
}

describe('registered consumers', () => {
  onEveryEngine((service) => {
    it('are CREATING in the answer, ACTIVE when described, by ARN, by name, and by both', async () => {
      const StreamARN = await newStream(service)
      const registered = await register(service, StreamARN, 'billing')
      const createdS = Math.floor((registered?.ConsumerCreationTimestamp?.getTime() ?? 0) / 1000)
      expect(registered).toEqual({
        ConsumerName: 'billing',
        ConsumerARN: `${StreamARN}/consumer/billing:${createdS}`,
        ConsumerStatus: 'CREATING',
        ConsumerCreationTimestamp: registered?.ConsumerCreationTimestamp,
      })
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

    it('are counted in the summary, and hold the stream until they are deregistered or it is enforced', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const StreamARN = streamArn(StreamName)
      await register(service, StreamARN, 'a')
      await register(service, StreamARN, 'b')
      const summary = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
      expect(summary.StreamDescriptionSummary?.ConsumerCount).toBe(2)
      expect(await refusal(service.sdk.send(new DeleteStreamCommand({ StreamName })))).toEqual({
        name: 'ResourceInUseException',
        message:
          `DeleteStream can't delete 000000000000:${StreamName} because there are consumers associated with this ` +
          `data stream. To delete ${StreamName} anyway, set the EnforceConsumerDeletion parameter to true to force ` +
          'the deletion of all the consumers that are associated with it.',
        status: 400,
      })
      await service.sdk.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }))
      // A stream of the same name has none of them.
      await createStream(service.sdk, StreamName)
      expect((await service.sdk.send(new ListStreamConsumersCommand({ StreamARN }))).Consumers).toEqual([])
    })

    it('get a new ARN when they come back, and the old one stays dead', async () => {
      const StreamARN = await newStream(service)
      const first = await register(service, StreamARN, 'c')
      await service.sdk.send(new DeregisterStreamConsumerCommand({ StreamARN, ConsumerName: 'c' }))
      const second = await register(service, StreamARN, 'c')
      expect(second?.ConsumerARN).not.toBe(first?.ConsumerARN)
      const call = service.sdk.send(new DescribeStreamConsumerCommand({ ConsumerARN: first?.ConsumerARN }))
      expect(await refusal(call)).toEqual({
        name: 'ResourceNotFoundException',
        message: `Consumer ${first?.ConsumerARN}, account 000000000000 not found.`,
        status: 400,
      })
      await service.sdk.send(new DeregisterStreamConsumerCommand({ ConsumerARN: second?.ConsumerARN }))
      const gone = service.sdk.send(new DescribeStreamConsumerCommand({ StreamARN, ConsumerName: 'c' }))
      expect((await refusal(gone)).name).toBe('ResourceNotFoundException')
    })

    it('are listed by name, page by page', async () => {
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

    it('cannot be two of a name, nor more than 20', async () => {
      const StreamARN = await newStream(service)
      for (let i = 0; i < 20; i++) await register(service, StreamARN, `c${i}`)
      expect((await refusal(register(service, StreamARN, 'c0'))).name).toBe('ResourceInUseException')
      expect((await refusal(register(service, StreamARN, 'c20'))).name).toBe('LimitExceededException')
    })

    it('have tags and policies of their own', async () => {
      const StreamARN = await newStream(service)
      const { ConsumerARN: ResourceARN = '' } = (await register(service, StreamARN, 'c', { team: 'mill' })) ?? {}
      await service.sdk.send(new TagResourceCommand({ ResourceARN, Tags: { stage: 'test' } }))
      await service.sdk.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['team'] }))
      expect((await service.sdk.send(new ListTagsForResourceCommand({ ResourceARN }))).Tags).toEqual([
        { Key: 'stage', Value: 'test' },
      ])
      expect((await service.sdk.send(new ListTagsForResourceCommand({ ResourceARN: StreamARN }))).Tags).toEqual([])
      const Policy = JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { AWS: '111122223333' },
            Action: 'kinesis:SubscribeToShard',
            Resource: ResourceARN,
          },
        ],
      })
      await service.sdk.send(new PutResourcePolicyCommand({ ResourceARN, Policy }))
      expect((await service.sdk.send(new GetResourcePolicyCommand({ ResourceARN }))).Policy).toBe(Policy)
      expect((await service.sdk.send(new GetResourcePolicyCommand({ ResourceARN: StreamARN }))).Policy).toBe('{}')
      await service.sdk.send(new DeleteResourcePolicyCommand({ ResourceARN }))
      expect((await service.sdk.send(new GetResourcePolicyCommand({ ResourceARN }))).Policy).toBe('{}')
    })

    it('are refused where a request names none, half of one, or two', async () => {
      const StreamARN = await newStream(service)
      const { ConsumerARN } = (await register(service, StreamARN, 'c')) ?? {}
      for (const input of [{}, { StreamARN }, { ConsumerName: 'c' }, { ConsumerARN, ConsumerName: 'd' }]) {
        const { name } = await refusal(service.sdk.send(new DescribeStreamConsumerCommand(input)))
        expect(name).toBe('InvalidArgumentException')
      }
      const nobody = { StreamARN: streamArn('nobody'), ConsumerName: 'c' }
      expect((await refusal(register(service, nobody.StreamARN, 'c'))).name).toBe('ResourceNotFoundException')
      for (const call of [
        service.sdk.send(new DescribeStreamConsumerCommand(nobody)),
        service.sdk.send(new DeregisterStreamConsumerCommand(nobody)),
        service.sdk.send(new ListStreamConsumersCommand(nobody)),
      ])
        expect((await refusal(call)).name).toBe('ResourceNotFoundException')
    })
  })
})
