import { DescribeAccountSettingsCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { onEveryEngine } from './support/service.ts'

describe('DescribeAccountSettings', () => {
  onEveryEngine((service) => {
    it('says DISABLED of an account that never committed itself', async ({ skip }) => {
      skip(!service.ownAccount, 'wants an account that nobody has used')
      const told = await service.sdk.send(new DescribeAccountSettingsCommand({}))
      expect(told.MinimumThroughputBillingCommitment).toEqual({ Status: 'DISABLED' })
    })
  })
})
