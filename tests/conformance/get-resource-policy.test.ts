import { PutResourcePolicyCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { newStream } from './support/consumers.ts'
import { policyAt, policyOf } from './support/policies.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { post } from './support/wire.ts'

describe('GetResourcePolicy', () => {
  onEveryEngine((service) => {
    it('is answered 200 and {} where there is no policy', async () => {
      const ResourceARN = await newStream(service)
      const answer = await post(service, 'GetResourcePolicy', JSON.stringify({ ResourceARN }))
      expect([answer.status, answer.body.toString()]).toEqual([200, '{"Policy":"{}"}'])
    })

    it('gives the document back letter for letter', async () => {
      const ResourceARN = await newStream(service)
      const Policy = policyOf('111122223333', ResourceARN).replaceAll(',', ' ,\n')
      await service.sdk.send(new PutResourcePolicyCommand({ ResourceARN, Policy }))
      expect(await policyAt(service, ResourceARN)).toBe(Policy)
    })

    it('refuses a stream that is not there', async () => {
      const refused = await refusal(policyAt(service, service.streamArn('nobody')))
      expect(refused.name).toBe('ResourceNotFoundException')
    })
  })
})
