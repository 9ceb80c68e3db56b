import { DescribeAccountSettingsCommand, UpdateAccountSettingsCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { onEveryEngine } from './support/service.ts'

describe('UpdateAccountSettings', () => {
  onEveryEngine((service) => {
    it('commits the account for a day at least', async ({ skip }) => {
      skip(!service.ownAccount, 'commits the account for a day')
      const set = (Status: 'ENABLED' | 'DISABLED') =>
        service.sdk.send(new UpdateAccountSettingsCommand({ MinimumThroughputBillingCommitment: { Status } }))
      const { MinimumThroughputBillingCommitment: on } = await set('ENABLED')
      expect(on?.Status).toBe('ENABLED')
      expect((on?.EarliestAllowedEndAt?.getTime() ?? 0) - (on?.StartedAt?.getTime() ?? 0)).toBe(86_400_000)
      await set('DISABLED')
      const told = await service.sdk.send(new DescribeAccountSettingsCommand({}))
      expect(told.MinimumThroughputBillingCommitment?.Status).toBe('ENABLED_UNTIL_EARLIEST_ALLOWED_END')
    })
  })
})
