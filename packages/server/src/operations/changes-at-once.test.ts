/** Control operations that come at the same time: none loses to another one of the same server, and puts wait for none. */
import {
  CreateChannel,
  CreateStream,
  DeleteStream,
  DescribeStreamSummary,
  ListShards,
  ListStreamConsumers,
  PutRecord,
  RegisterStreamConsumer,
  SplitShard,
  UpdateShardCount,
  UpdateStreamMode,
} from '@millrace/protocol'
import { deferred } from '@millrace/std'
import { expect, it } from 'vitest'

import type { Engine, MetaStore } from '../engine/engine.ts'
import { metaWith } from '../testing/meta-with.ts'
import { bytesOf, ServiceHarness } from '../testing/service-harness.ts'

const NAMES = Array.from({ length: 8 }, (_, i) => `new${i}`)
const HALF = (2n ** 127n).toString()
const arnOf = (name: string): string => `arn:aws:kinesis:us-east-1:123456789012:stream/${name}`

const channelOf = (name: string) =>
  ({
    ChannelName: 'c',
    ServiceExecutionRoleARN: 'arn:aws:iam::123456789012:role/deliver',
    StreamConfigurationList: [{ StreamARN: arnOf(name), RecordConfiguration: { RecordFormatType: 'BYTE_ARRAY' } }],
    S3DestinationConfiguration: {
      StorageConfiguration: {
        BucketARN: 'arn:aws:s3:::records',
        ExpectedBucketOwner: '123456789012',
        CompressionType: 'NONE',
      },
    },
  }) as const

function withCas(engine: Engine, cas: (meta: MetaStore) => MetaStore['cas']): Engine {
  const { meta } = engine
  return { ...engine, meta: metaWith(meta, { cas: cas(meta) }) }
}

/** A service that counts the changes it lost to another. */
async function countingLosses(): Promise<{ readonly harness: ServiceHarness; lost(): number }> {
  let lost = 0
  const harness = await ServiceHarness.open({
    wrap: (engine) =>
      withCas(engine, (meta) => async (changes, options) => {
        const result = await meta.cas(changes, options)
        if (!result.ok) lost++
        return result
      }),
  })
  for (const StreamName of ['split', 'scaled', 'read', 'again'])
    await harness.call(CreateStream, { StreamName, ShardCount: 2 })
  return { harness, lost: () => lost }
}

it('makes eight streams, splits, scales and registers consumers at once, and loses nothing on the way', async () => {
  const { harness, lost } = await countingLosses()
  await using _ = harness
  const consumers = ['a', 'b', 'c', 'd', 'e']
  await Promise.all([
    ...NAMES.map((StreamName) => harness.call(CreateStream, { StreamName, ShardCount: 3 })),
    harness.call(SplitShard, {
      StreamName: 'split',
      ShardToSplit: 'shardId-000000000001',
      NewStartingHashKey: (3n * 2n ** 126n).toString(),
    }),
    harness.call(UpdateShardCount, {
      StreamName: 'scaled',
      TargetShardCount: 4,
      ScalingType: 'UNIFORM_SCALING',
    }),
    ...consumers.map((ConsumerName) =>
      harness.call(RegisterStreamConsumer, { StreamARN: arnOf('read'), ConsumerName }),
    ),
  ])
  expect(lost()).toBe(0)
  const open = async (StreamName: string): Promise<unknown> =>
    (await harness.call(DescribeStreamSummary, { StreamName })).StreamDescriptionSummary
  for (const name of NAMES) expect(await open(name)).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 3 })
  expect(await open('split')).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 3 })
  expect(await open('scaled')).toMatchObject({ StreamStatus: 'ACTIVE', OpenShardCount: 4 })
  const { Consumers = [] } = await harness.call(ListStreamConsumers, { StreamARN: arnOf('read') })
  expect(Consumers.map(({ ConsumerName }) => ConsumerName).sort()).toEqual(consumers)
})

it('keeps to the quota of shards when streams are made at once', async () => {
  await using harness = await ServiceHarness.open({ settings: { quotas: { shards: 5 } } })
  const faults = await Promise.all(
    NAMES.map((StreamName) => harness.fault(CreateStream, { StreamName, ShardCount: 1 })),
  )
  expect(faults.filter((fault) => fault === 'no error')).toHaveLength(5)
  expect(faults.filter((fault) => fault.startsWith('LimitExceededException'))).toHaveLength(3)
})

it('keeps to the quota of on-demand streams when streams become so and are made so at once', async () => {
  await using harness = await ServiceHarness.open({ settings: { quotas: { onDemandStreams: 3 } } })
  for (const StreamName of NAMES) await harness.call(CreateStream, { StreamName, ShardCount: 1 })
  const StreamModeDetails = { StreamMode: 'ON_DEMAND' } as const
  const faults = await Promise.all([
    ...NAMES.slice(0, 4).map((name) => harness.fault(UpdateStreamMode, { StreamARN: arnOf(name), StreamModeDetails })),
    harness.fault(CreateStream, { StreamName: 'made', StreamModeDetails }),
    ...NAMES.slice(4).map((name) => harness.fault(UpdateStreamMode, { StreamARN: arnOf(name), StreamModeDetails })),
  ])
  expect(faults.filter((fault) => fault === 'no error')).toHaveLength(3)
  expect(faults.filter((fault) => fault.startsWith('LimitExceededException'))).toHaveLength(6)
})

it('keeps to the quota of streams in DELETING when streams are deleted at once', async () => {
  await using harness = await ServiceHarness.open({ settings: { statusDelayMs: 1_000 } })
  for (const StreamName of NAMES) {
    await harness.call(CreateStream, { StreamName, ShardCount: 1 })
    await harness.advance(2_000, 1_000)
  }
  const faults = await Promise.all(NAMES.map((StreamName) => harness.fault(DeleteStream, { StreamName })))
  expect(faults.filter((fault) => fault === 'no error')).toHaveLength(5)
  expect(faults.filter((fault) => fault.startsWith('LimitExceededException'))).toHaveLength(3)
})

it('gives a name to one channel of an account only when channels of several streams are made at once', async () => {
  await using harness = await ServiceHarness.open()
  for (const StreamName of NAMES) {
    await harness.call(CreateStream, { StreamName, StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
  }
  const faults = await Promise.all(NAMES.map((name) => harness.fault(CreateChannel, channelOf(name))))
  expect(faults.filter((fault) => fault === 'no error')).toHaveLength(1)
  expect(faults.filter((fault) => fault.startsWith('ResourceInUseException'))).toHaveLength(7)
})

it('makes a stream whose like is deleted at the same time, or says that it is there', async () => {
  const { harness, lost } = await countingLosses()
  await using _ = harness
  const [deleted, made] = await Promise.all([
    harness.fault(DeleteStream, { StreamName: 'again' }),
    harness.fault(CreateStream, { StreamName: 'again', ShardCount: 1 }),
  ])
  expect(deleted).toBe('no error')
  expect(made).toBe('ResourceInUseException: Stream again under account 123456789012 already exists.')
  expect(await harness.fault(CreateStream, { StreamName: 'again', ShardCount: 1 })).toBe('no error')
  expect((await harness.call(ListShards, { StreamName: 'again' })).Shards).toHaveLength(1)
  expect(lost()).toBe(0)
})

it('finishes the split that a put runs into while creations hang', async () => {
  const gate = deferred<void>()
  await using harness = await ServiceHarness.open({
    // The split is shown for longer than the test takes: nobody finishes it but the put.
    settings: { statusDelayMs: 60_000 },
    wrap: (engine) =>
      withCas(engine, (meta) => async (changes, options) => {
        if (changes.some(({ key }) => key.includes('/new'))) await gate.promise
        return meta.cas(changes, options)
      }),
  })
  await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
  await harness.advance(61_000, 1_000)
  await harness.call(SplitShard, {
    StreamName: 's',
    ShardToSplit: 'shardId-000000000000',
    NewStartingHashKey: HALF,
  })
  const creations = Promise.all(NAMES.slice(0, 5).map((StreamName) => harness.call(CreateStream, { StreamName })))
  // The first shard of all has ref 1.
  await harness.memory.shards.close([1], { deadlineMs: harness.clock.monotonic() + 1_000 })
  const { ShardId } = await harness.call(PutRecord, {
    StreamName: 's',
    PartitionKey: 'key',
    ExplicitHashKey: '0',
    Data: bytesOf('x'),
  })
  expect(ShardId).toBe('shardId-000000000001')
  gate.resolve()
  await creations
})
