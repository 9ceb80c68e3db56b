import { ListStreamsCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createStream } from './support/records.ts'
import { onEveryEngine } from './support/service.ts'

describe('ListStreams', () => {
  onEveryEngine((service) => {
    it('lists names in order, in pages, with their summaries', async () => {
      const names = Array.from({ length: 3 }, () => service.streamName()).sort()
      for (const name of names.toReversed()) await createStream(service.sdk, name)
      const first = await service.sdk.send(
        new ListStreamsCommand({ Limit: 2, ExclusiveStartStreamName: names[0]?.slice(0, -1) }),
      )
      expect(first.StreamNames).toEqual(names.slice(0, 2))
      expect(first.HasMoreStreams).toBe(true)
      expect(first.StreamSummaries?.map((summary) => summary.StreamARN)).toEqual(
        names.slice(0, 2).map(service.streamArn),
      )
      expect(first.StreamSummaries?.[0]).toMatchObject({
        StreamName: names[0],
        StreamStatus: 'ACTIVE',
        StreamModeDetails: { StreamMode: 'PROVISIONED' },
      })
      const second = await service.sdk.send(new ListStreamsCommand({ NextToken: first.NextToken, Limit: 100 }))
      expect(second.StreamNames?.slice(0, 1)).toEqual(names.slice(2))
      if (service.ownAccount) expect(second.HasMoreStreams).toBe(false)
      if (service.ownAccount) expect(second).not.toHaveProperty('NextToken')
    })
  })
})
