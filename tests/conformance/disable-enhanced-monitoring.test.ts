import {
  DisableEnhancedMonitoringCommand,
  EnableEnhancedMonitoringCommand,
  type MetricsName,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { streamNotFound } from './support/answers.ts'
import { createStream } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

describe('DisableEnhancedMonitoring', () => {
  onEveryEngine((service) => {
    const disable = (StreamName: string, ...ShardLevelMetrics: MetricsName[]) =>
      service.sdk.send(new DisableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics }))

    it('takes away some, then ALL that are left, then nothing', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const ShardLevelMetrics: MetricsName[] = ['IncomingBytes', 'OutgoingBytes']
      await service.sdk.send(new EnableEnhancedMonitoringCommand({ StreamName, ShardLevelMetrics }))
      expect(await disable(StreamName, 'OutgoingBytes')).toMatchObject({
        StreamName,
        StreamARN: service.streamArn(StreamName),
        CurrentShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'],
        DesiredShardLevelMetrics: ['IncomingBytes'],
      })
      expect(await disable(StreamName, 'ALL')).toMatchObject({
        CurrentShardLevelMetrics: ['IncomingBytes'],
        DesiredShardLevelMetrics: [],
      })
      expect(await disable(StreamName, 'ALL')).toMatchObject({ DesiredShardLevelMetrics: [] })
    })

    it('refuses a stream that is not there', async () => {
      expect(await refusal(disable('nobody', 'ALL'))).toEqual(streamNotFound(service, 'nobody'))
    })
  })
})
