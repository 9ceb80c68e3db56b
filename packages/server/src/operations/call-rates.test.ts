import {
  CreateStream,
  DescribeLimits,
  DescribeStreamSummary,
  GetShardIterator,
  ListStreams,
  operations,
  PutRecord,
  RegisterStreamConsumer,
  streamArn,
  SubscribeToShard,
} from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { ACCOUNT, bytesOf, REGION, ServiceHarness } from '../testing/service-harness.ts'
import { CallRates } from './call-rates.ts'

const open = (apiLimits: 'aws' | 'off') => ServiceHarness.open({ settings: { apiLimits } })
const iterator = (ShardId: string) => ({ StreamName: 's', ShardId, ShardIteratorType: 'LATEST' }) as const

describe('call rates', () => {
  it('are five a second of an account for most operations, and come back by themselves', async () => {
    await using harness = await open('aws')
    for (let i = 0; i < 5; i++) await harness.call(ListStreams, {})
    const refused = `LimitExceededException: Rate exceeded for ListStreams under account ${ACCOUNT}.`
    expect(await harness.fault(ListStreams, {})).toBe(refused)
    // Another account, another region and another operation are other matters.
    expect(await harness.fault(ListStreams, {}, { account: '999999999999' })).toBe('no error')
    expect(await harness.fault(ListStreams, {}, { region: 'eu-west-1' })).toBe('no error')
    expect(await harness.fault(DescribeLimits, {})).toBe('no error')
    await harness.advance(200)
    await harness.call(ListStreams, {})
    expect(await harness.fault(ListStreams, {})).toBe(refused)
  })

  it('are counted per shard, per stream and per consumer where AWS does so', async () => {
    await using harness = await open('aws')
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 2 })
    for (let i = 0; i < 5; i++) await harness.call(GetShardIterator, iterator('0'))
    expect(await harness.fault(GetShardIterator, iterator('0'))).toBe(
      `ProvisionedThroughputExceededException: Rate exceeded for shard 0 in stream s under account ${ACCOUNT}.`,
    )
    await harness.call(GetShardIterator, iterator('1'))
    for (let i = 0; i < 20; i++) await harness.call(DescribeStreamSummary, { StreamName: 's' })
    expect(await harness.fault(DescribeStreamSummary, { StreamName: 's' })).toBe(
      `LimitExceededException: Rate exceeded for stream s under account ${ACCOUNT}.`,
    )
    const StreamARN = streamArn({ account: ACCOUNT, region: REGION, name: 's' })
    const { Consumer } = await harness.call(RegisterStreamConsumer, { StreamARN, ConsumerName: 'c' })
    const subscribe = {
      ConsumerARN: Consumer.ConsumerARN,
      ShardId: '0',
      StartingPosition: { Type: 'LATEST' },
    } as const
    await harness.call(SubscribeToShard, subscribe)
    expect(await harness.fault(SubscribeToShard, subscribe)).toContain('LimitExceededException')
    await harness.advance(1_000)
    expect(await harness.fault(SubscribeToShard, subscribe)).toContain('ResourceInUseException')
  })

  it('cannot be gone round by other ways to write a shard or a consumer', async () => {
    await using harness = await open('aws')
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 2 })
    const StreamARN = streamArn({ account: ACCOUNT, region: REGION, name: 's' })
    for (const id of ['0', '00', 'shardId-0', 'shardId-000000000000'])
      await harness.call(GetShardIterator, iterator(id))
    await harness.call(GetShardIterator, { StreamARN, ShardId: 'x-0', ShardIteratorType: 'LATEST' })
    expect(await harness.fault(GetShardIterator, iterator('000'))).toMatch(/^ProvisionedThroughputExceeded/)
    const { Consumer } = await harness.call(RegisterStreamConsumer, { StreamARN, ConsumerName: 'c' })
    const subscribe = (ShardId: string, ConsumerARN: string) =>
      harness.fault(SubscribeToShard, { ConsumerARN, ShardId, StartingPosition: { Type: 'LATEST' } })
    expect(await subscribe('1', Consumer.ConsumerARN)).toBe('no error')
    expect(await subscribe('01', Consumer.ConsumerARN)).toMatch(/^LimitExceeded/)
    expect(await subscribe('1', Consumer.ConsumerARN.replace('arn:aws:', 'arn:aws-cn:'))).toMatch(/^LimitExceeded/)
  })

  it('leave puts alone, and everything where they are off', async () => {
    await using harness = await open('aws')
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    for (let i = 0; i < 50; i++)
      await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: bytesOf('x') })
    await using free = await open('off')
    for (let i = 0; i < 50; i++) await free.call(ListStreams, {})
  })

  it('know every operation, and keep a bounded number of buckets', () => {
    const context = {
      account: ACCOUNT,
      region: REGION,
      requestId: 'r',
      deadlineMs: 0,
      signal: new AbortController().signal,
    }
    const isLimited = (name: string): boolean => {
      const rates = new CallRates()
      try {
        for (let i = 0; i < 1_001; i++) rates.admit(name, {}, context, 0)
        return false
      } catch {
        return true
      }
    }
    const unlimited = [...operations.keys()].filter((name) => !isLimited(name))
    expect(unlimited.sort()).toEqual(['GetRecords', 'PutRecord', 'PutRecords'])
    const rates = new CallRates()
    for (let i = 0; i < 30_000; i++) rates.admit('ListShards', { StreamName: `s${i}` }, context, i)
    expect(rates.size).toBeLessThanOrEqual(10_000)
  })
})
