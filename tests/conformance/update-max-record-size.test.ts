import { DescribeStreamSummaryCommand, PutRecordCommand, UpdateMaxRecordSizeCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { newStream } from './support/consumers.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('UpdateMaxRecordSize', () => {
  onEveryEngine((service) => {
    const update = (StreamARN: string, MaxRecordSizeInKiB: number) =>
      service.sdk.send(new UpdateMaxRecordSizeCommand({ StreamARN, MaxRecordSizeInKiB }))

    it('raises the largest record at once, and is told by the summary', async () => {
      const StreamARN = await newStream(service)
      const put = new PutRecordCommand({ StreamARN, PartitionKey: 'k', Data: new Uint8Array(2 * 1024 * 1024) })
      expect(await refusal(service.sdk.send(put))).toMatchObject({ name: 'ValidationException' })
      await update(StreamARN, 10_240)
      expect((await service.sdk.send(put)).SequenceNumber).toMatch(/^\d{56}$/)
      const { StreamDescriptionSummary } = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamARN }))
      expect(StreamDescriptionSummary?.MaxRecordSizeInKiB).toBe(10_240)
    })

    it.each([1_023, 10_241])('refuses %i KiB', async (size) => {
      expect(await refusal(update(await newStream(service), size))).toMatchObject({ name: 'ValidationException' })
    })

    it('refuses a stream that is not there', async () => {
      expect(await refusal(update(service.streamArn('nobody'), 1_024))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
