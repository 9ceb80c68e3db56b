import { PutResourcePolicyCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream, register } from './support/consumers.ts'
import { policyAt, policyOf } from './support/policies.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('PutResourcePolicy', () => {
  onEveryEngine((service) => {
    const put = (ResourceARN: string, Policy: string) =>
      service.sdk.send(new PutResourcePolicyCommand({ ResourceARN, Policy }))

    it('replaces the policy of a stream', async () => {
      const arn = await newStream(service)
      for (const account of ['111111111111', '222222222222']) {
        await put(arn, policyOf(account, arn))
        expect(await policyAt(service, arn)).toBe(policyOf(account, arn))
      }
    })

    it('gives a consumer one of its own', async () => {
      const StreamARN = await newStream(service)
      const { ConsumerARN = '' } = (await register(service, StreamARN, 'c')) ?? {}
      const policy = policyOf('111122223333', ConsumerARN, 'kinesis:SubscribeToShard')
      await put(ConsumerARN, policy)
      expect(await policyAt(service, ConsumerARN)).toBe(policy)
      expect(await policyAt(service, StreamARN)).toBe('{}')
    })

    it('refuses what is no policy, what names another resource, and a stream that is not there', async () => {
      const arn = await newStream(service)
      expect((await refusal(put(arn, '{'))).name).toBe('InvalidArgumentException')
      const other = policyOf('111122223333', service.streamArn('other'))
      expect((await refusal(put(arn, other))).name).toBe('InvalidArgumentException')
      const nobody = service.streamArn('nobody')
      expect((await refusal(put(nobody, policyOf('111122223333', nobody)))).name).toBe('ResourceNotFoundException')
    })
  })
})
