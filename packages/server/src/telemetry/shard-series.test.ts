import {
  CreateStream,
  DisableEnhancedMonitoring,
  EnableEnhancedMonitoring,
  GetRecords,
  GetShardIterator,
  PutRecords,
} from '@millrace/protocol'
import { expect, it } from 'vitest'

import { bytesOf, ServiceHarness } from '../testing/service-harness.ts'
import { createPrometheusMetrics } from './prometheus.ts'
import { METRIC_SHARDS_MAX } from './shard-series.ts'

const IDLE = { connections: 0, requests: 0, bodyBytes: 0, answerBytes: 0, writable: true }
const THERE = { consumers: new Map() }
const label = { account: '123456789012', region: 'us-east-1', stream: 's' }

function series(text: string): string[] {
  return text.split('\n').filter((line) => line.startsWith('kinesis_shard_'))
}

it('only monitored streams have series of their shards, in the metrics they name', async () => {
  const metrics = createPrometheusMetrics(
    () => IDLE,
    () => THERE,
  )
  const printed = async (): Promise<string[]> => series((await metrics.print()).text)
  await using harness = await ServiceHarness.open({ metrics })
  const StreamName = 's'
  await harness.call(CreateStream, { StreamName, ShardCount: 2 })
  const put = (): Promise<unknown> =>
    harness.call(PutRecords, {
      StreamName,
      // 'a' belongs to the first of two shards, 'b' to the second.
      Records: ['a', 'b', 'b'].map((PartitionKey) => ({ PartitionKey, Data: bytesOf('1234') })),
    })
  await put()
  expect(await printed()).toEqual([])
  const ShardLevelMetrics = ['IncomingBytes', 'OutgoingRecords', 'IteratorAgeMilliseconds'] as const
  await harness.call(EnableEnhancedMonitoring, { StreamName, ShardLevelMetrics })
  await put()
  const { ShardIterator = '' } = await harness.call(GetShardIterator, {
    StreamName,
    ShardId: 'shardId-000000000000',
    ShardIteratorType: 'TRIM_HORIZON',
  })
  await harness.call(GetRecords, { ShardIterator })
  const of = (shard: number): string =>
    `stream="s",account="123456789012",region="us-east-1",shard="shardId-00000000000${shard}"`
  const one = [
    `kinesis_shard_incoming_bytes_total{${of(0)}} 5`,
    `kinesis_shard_incoming_bytes_total{${of(1)}} 10`,
    `kinesis_shard_outgoing_records_total{${of(0)}} 2`,
    `kinesis_shard_iterator_age_milliseconds{${of(0)}} 0`,
  ]
  expect(await printed()).toEqual(one)
  await harness.call(DisableEnhancedMonitoring, { StreamName, ShardLevelMetrics: ['ALL'] })
  await put()
  expect(await printed()).toEqual(one)
})

it('shards beyond the bound are counted together', async () => {
  const metrics = createPrometheusMetrics(
    () => IDLE,
    () => THERE,
  )
  for (let shard = 0; shard < METRIC_SHARDS_MAX + 3; shard++)
    metrics.shard(label, String(shard), { IncomingRecords: 1 })
  const lines = series((await metrics.print()).text)
  expect(lines).toHaveLength(METRIC_SHARDS_MAX + 1)
  expect(lines.at(-1)).toMatch(/shard="\(other\)"} 3$/)
})
