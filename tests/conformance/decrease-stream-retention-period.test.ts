import {
  DecreaseStreamRetentionPeriodCommand,
  DescribeStreamSummaryCommand,
  IncreaseStreamRetentionPeriodCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DecreaseStreamRetentionPeriod', () => {
  onEveryEngine((service) => {
    const decrease = (StreamName: string, RetentionPeriodHours: number): Promise<unknown> =>
      service.sdk.send(new DecreaseStreamRetentionPeriodCommand({ StreamName, RetentionPeriodHours }))
    const hoursOf = async (StreamName: string): Promise<number | undefined> =>
      (await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary
        ?.RetentionPeriodHours

    it('makes the period shorter, and takes the one in force', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await service.sdk.send(new IncreaseStreamRetentionPeriodCommand({ StreamName: name, RetentionPeriodHours: 48 }))
      for (const period of [48, 25, 24, 24]) {
        await decrease(name, period)
        expect(await hoursOf(name)).toBe(period)
      }
    })

    it('refuses what is out of range or longer', async () => {
      const name = await createStream(service.sdk, service.streamName())
      for (const [period, message] of [
        [23, 'Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.'],
        [
          25,
          `Requested retention period (25 hours) for stream ${name} can not be longer than existing retention period (24 hours). Use IncreaseRetentionPeriod API.`,
        ],
      ] as const)
        expect(await refusal(decrease(name, period))).toEqual({
          name: 'InvalidArgumentException',
          message,
          status: 400,
        })
    })

    it('looks for the stream before it looks at the period', async () => {
      expect(await refusal(decrease('nobody', 23))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
