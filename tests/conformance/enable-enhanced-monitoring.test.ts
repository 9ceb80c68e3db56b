import { DescribeStreamCommand, EnableEnhancedMonitoringCommand, type MetricsName } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const EVERY_METRIC: MetricsName[] = [
  'IncomingBytes',
  'IncomingRecords',
  'IteratorAgeMilliseconds',
  'OutgoingBytes',
  'OutgoingRecords',
  'ReadProvisionedThroughputExceeded',
  'WriteProvisionedThroughputExceeded',
]

describe('EnableEnhancedMonitoring', () => {
  onEveryEngine((service) => {
    const enable = (StreamName: string, ...ShardLevelMetrics: MetricsName[]) =>
      service.sdk.send(new EnableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics }))

    it('tells what was reported before and what is from now on; again changes nothing', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      expect(await enable(StreamName, 'IncomingBytes')).toMatchObject({
        StreamName,
        StreamARN: service.streamArn(StreamName),
        CurrentShardLevelMetrics: [],
        DesiredShardLevelMetrics: ['IncomingBytes'],
      })
      expect(await enable(StreamName, 'IncomingBytes')).toMatchObject({
        CurrentShardLevelMetrics: ['IncomingBytes'],
        DesiredShardLevelMetrics: ['IncomingBytes'],
      })
      const { StreamDescription } = await service.sdk.send(new DescribeStreamCommand({ StreamName }))
      expect(StreamDescription?.EnhancedMonitoring).toEqual([{ ShardLevelMetrics: ['IncomingBytes'] }])
    })

    it('takes ALL for the seven', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const { DesiredShardLevelMetrics } = await enable(StreamName, 'ALL')
      expect(DesiredShardLevelMetrics?.toSorted()).toEqual(EVERY_METRIC)
    })

    it('refuses a stream that is not there', async () => {
      expect(await refusal(enable('nobody', 'ALL'))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
