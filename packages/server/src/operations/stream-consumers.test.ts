import {
  CreateStream,
  DeleteStream,
  DeregisterStreamConsumer,
  DescribeStreamConsumer,
  ListStreamConsumers,
  RegisterStreamConsumer,
  streamArn,
  UpdateAccountSettings,
  UpdateStreamMode,
} from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { ACCOUNT, REGION, ServiceHarness } from '../testing/service-harness.ts'

const StreamARN = streamArn({ account: ACCOUNT, region: REGION, name: 's' })

async function withStream(statusDelayMs: number): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open({ settings: { statusDelayMs } })
  await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
  await harness.advance(statusDelayMs * 2, 100)
  return harness
}

const register = (harness: ServiceHarness, ConsumerName: string) =>
  harness.call(RegisterStreamConsumer, { StreamARN, ConsumerName })

async function statusOf(harness: ServiceHarness, ConsumerName: string): Promise<string> {
  const { ConsumerDescription } = await harness.call(DescribeStreamConsumer, { StreamARN, ConsumerName })
  return ConsumerDescription.ConsumerStatus
}

it('a stream has as many consumers as the quota says', async () => {
  await using harness = await ServiceHarness.open({ settings: { quotas: { consumers: 60 } } })
  await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
  for (let i = 0; i < 60; i++) await register(harness, `c${i}`)
  expect(await harness.fault(RegisterStreamConsumer, { StreamARN, ConsumerName: 'c60' })).toContain('Limit: 60.')
})

describe('registered consumers with a status delay', () => {
  it('are CREATING, then ACTIVE, then DELETING, then gone', async () => {
    await using harness = await withStream(1000)
    await register(harness, 'c')
    expect(await statusOf(harness, 'c')).toBe('CREATING')
    await harness.advance(900, 100)
    expect(await statusOf(harness, 'c')).toBe('CREATING')
    await harness.advance(300, 100)
    expect(await statusOf(harness, 'c')).toBe('ACTIVE')
    await harness.call(DeregisterStreamConsumer, { StreamARN, ConsumerName: 'c' })
    expect(await statusOf(harness, 'c')).toBe('DELETING')
    // Its name is taken until it is gone.
    const again = { StreamARN, ConsumerName: 'c' }
    expect(await harness.fault(RegisterStreamConsumer, again)).toContain('ResourceInUseException')
    await harness.advance(1200, 100)
    expect(await harness.fault(DescribeStreamConsumer, again)).toBe(
      `ResourceNotFoundException: Consumer c under stream s under account ${ACCOUNT} not found.`,
    )
  })

  it('may be CREATING five at once', async () => {
    await using harness = await withStream(1000)
    for (let i = 0; i < 5; i++) await register(harness, `c${i}`)
    const sixth = { StreamARN, ConsumerName: 'c5' }
    expect(await harness.fault(RegisterStreamConsumer, sixth)).toContain('LimitExceededException')
    await harness.advance(1200, 100)
    await register(harness, 'c5')
  })

  it('may be CREATING five at once, also of several streams that are asked for at the same time', async () => {
    await using harness = await withStream(1000)
    const names = Array.from({ length: 8 }, (_, i) => `s${i}`)
    for (const StreamName of names) {
      await harness.call(CreateStream, { StreamName, ShardCount: 1 })
      await harness.advance(1200, 100)
    }
    const faults = await Promise.all(
      names.map((name) =>
        harness.fault(RegisterStreamConsumer, {
          StreamARN: streamArn({ account: ACCOUNT, region: REGION, name }),
          ConsumerName: 'c',
        }),
      ),
    )
    expect(faults.filter((fault) => fault === 'no error')).toHaveLength(5)
    expect(faults.filter((fault) => fault.startsWith('LimitExceededException'))).toHaveLength(3)
  })

  it('need a stream that is ACTIVE', async () => {
    await using harness = await ServiceHarness.open({ settings: { statusDelayMs: 1000 } })
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    const input = { StreamARN, ConsumerName: 'c' }
    expect(await harness.fault(RegisterStreamConsumer, input)).toBe(
      `ResourceInUseException: Stream s under account ${ACCOUNT} not ACTIVE, instead in state CREATING`,
    )
  })
})

describe('registered consumers', () => {
  it('outlive the service, and one that another server registers is known here', async () => {
    await using harness = await withStream(0)
    await using other = await ServiceHarness.open({ memory: harness.memory, clock: harness.clock })
    await register(harness, 'a')
    await register(other, 'b')
    await using later = await ServiceHarness.open({ memory: harness.memory, clock: harness.clock })
    for (const service of [harness, other, later]) {
      const { Consumers = [] } = await service.call(ListStreamConsumers, { StreamARN })
      expect(Consumers.map(({ ConsumerName }) => ConsumerName)).toEqual(['a', 'b'])
    }
  })

  it('are found by names of any partition that agree, and refused by their own where another account has them', async () => {
    await using harness = await withStream(0)
    const { Consumer } = await register(harness, 'c')
    const ofChina = (arn: string): string => arn.replace('arn:aws:', 'arn:aws-cn:')
    const input = { ConsumerARN: ofChina(Consumer.ConsumerARN), StreamARN: ofChina(StreamARN), ConsumerName: 'c' }
    const { ConsumerDescription } = await harness.call(DescribeStreamConsumer, input)
    expect(ConsumerDescription.ConsumerARN).toBe(Consumer.ConsumerARN)
    const foreign = Consumer.ConsumerARN.replace(ACCOUNT, '999999999999')
    expect(await harness.fault(DescribeStreamConsumer, { ConsumerARN: foreign })).toBe(
      `AccessDeniedException: User: arn:aws:iam::${ACCOUNT}:root is not authorized to perform: ` +
        `kinesis:DescribeStreamConsumer on resource: ${foreign} because no resource-based policy allows the ` +
        'kinesis:DescribeStreamConsumer action',
    )
  })

  it('get an ARN of their own also when their stream is made again in the same second', async () => {
    await using harness = await withStream(0)
    const arns = new Set<string>()
    for (let i = 0; i < 4; i++) {
      arns.add((await register(harness, 'c')).Consumer.ConsumerARN)
      await harness.call(DeleteStream, { StreamName: 's', EnforceConsumerDeletion: true })
      await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    }
    expect(arns.size).toBe(4)
  })

  it('registered by two servers at once never pass the quota', async () => {
    await using harness = await withStream(0)
    await using other = await ServiceHarness.open({ memory: harness.memory, clock: harness.clock })
    const results = await Promise.allSettled(
      Array.from({ length: 24 }, (_, i) => register(i % 2 === 0 ? harness : other, `c${i}`)),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(20)
  })

  it('may be fifty of an on-demand stream of an account with the commitment', async () => {
    await using harness = await withStream(0)
    await harness.call(UpdateAccountSettings, { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } })
    for (let i = 0; i < 20; i++) await register(harness, `c${i}`)
    const next = { StreamARN, ConsumerName: 'c20' }
    expect(await harness.fault(RegisterStreamConsumer, next)).toContain('Limit: 20.')
    await harness.call(UpdateStreamMode, { StreamARN, StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
    for (let i = 20; i < 50; i++) await register(harness, `c${i}`)
    const last = { StreamARN, ConsumerName: 'c50' }
    expect(await harness.fault(RegisterStreamConsumer, last)).toContain('Limit: 50.')
  })

  it('are not listed by a token of an earlier stream of the name', async () => {
    await using harness = await withStream(0)
    for (const name of ['a', 'b']) await register(harness, name)
    const { NextToken } = await harness.call(ListStreamConsumers, { StreamARN, MaxResults: 1 })
    await harness.call(DeleteStream, { StreamName: 's', EnforceConsumerDeletion: true })
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    const input = { StreamARN, NextToken }
    expect(await harness.fault(ListStreamConsumers, input)).toBe('InvalidArgumentException: Invalid NextToken.')
  })
})
