import { DescribeStreamSummaryCommand, IncreaseStreamRetentionPeriodCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('IncreaseStreamRetentionPeriod', () => {
  onEveryEngine((service) => {
    const increase = (StreamName: string, RetentionPeriodHours: number): Promise<unknown> =>
      service.sdk.send(new IncreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours }))
    const hoursOf = async (StreamName: string): Promise<number | undefined> =>
      (await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary
        ?.RetentionPeriodHours

    it('makes the period longer, up to a year, and takes the one in force', async () => {
      const name = await createStream(service.sdk, service.streamName())
      for (const period of [24, 25, 8760, 8760]) {
        await increase(name, period)
        expect(await hoursOf(name)).toBe(period)
      }
    })

    it('refuses what is out of range or shorter', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await increase(name, 25)
      for (const [period, message] of [
        [23, 'Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.'],
        [8761, 'Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.'],
        [
          24,
          `Requested retention period (24 hours) for stream ${name} can not be shorter than existing retention period (25 hours). Use DecreaseRetentionPeriod API.`,
        ],
      ] as const)
        expect(await refusal(increase(name, period))).toEqual({
          name: 'InvalidArgumentException',
          message,
          status: 400,
        })
    })

    it('looks for the stream before it looks at the period', async () => {
      expect(await refusal(increase('nobody', 23))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
