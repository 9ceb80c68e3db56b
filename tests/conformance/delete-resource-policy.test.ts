import { DeleteResourcePolicyCommand, PutResourcePolicyCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream, register } from './support/consumers.ts'
import { policyAt, policyOf } from './support/policies.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DeleteResourcePolicy', () => {
  onEveryEngine((service) => {
    const remove = (ResourceARN: string) => service.sdk.send(new DeleteResourcePolicyCommand({ ResourceARN }))

    it('takes the policy of a stream or a consumer away; where there is none that is an error', async () => {
      const StreamARN = await newStream(service)
      const { ConsumerARN = '' } = (await register(service, StreamARN, 'c')) ?? {}
      for (const ResourceARN of [StreamARN, ConsumerARN]) {
        expect((await refusal(remove(ResourceARN))).name).toBe('ResourceNotFoundException')
        const Policy = policyOf('111122223333', ResourceARN)
        await service.sdk.send(new PutResourcePolicyCommand({ ResourceARN, Policy }))
        await remove(ResourceARN)
        expect(await policyAt(service, ResourceARN)).toBe('{}')
        expect((await refusal(remove(ResourceARN))).name).toBe('ResourceNotFoundException')
      }
    })

    it('refuses a stream that is not there', async () => {
      expect((await refusal(remove(service.streamArn('nobody')))).name).toBe('ResourceNotFoundException')
    })
  })
})
