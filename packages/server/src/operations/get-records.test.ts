import {
  type Codec,
  CreateStream,
  decodeResponse,
  DecreaseStreamRetentionPeriod,
  DeleteStream,
  encodeResponsePieces,
  endingSequenceNumber,
  GetRecords,
  type GetRecordsInput,
  type GetRecordsOutput,
  GetShardIterator,
  type GetShardIteratorInput,
  IncreaseStreamRetentionPeriod,
  ListShards,
  MergeShards,
  PutRecord,
  PutRecords,
  SplitShard,
  startingSequenceNumber,
} from '@millrace/protocol'
import { silentLogger } from '@millrace/std'
import { describe, expect, it } from 'vitest'

import { silentServiceMetrics } from '../telemetry/service-metrics.ts'
import { bytesOf, type HarnessOptions, ServiceHarness, textOf } from '../testing/service-harness.ts'
import { readShard } from '../testing/whole-stream.ts'

const HOUR_MS = 3_600_000
const MIB = 1024 * 1024
const SHARD = 'shardId-000000000000'
const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/s'
const GONE =
  'ResourceNotFoundException: Shard shardId-000000000000 in stream s under account 123456789012 does not exist'

async function withStream(options: HarnessOptions = {}, shards = 1): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open(options)
  await harness.call(CreateStream, { StreamName: 's', ShardCount: shards })
  return harness
}

async function put(harness: ServiceHarness, ...texts: readonly string[]): Promise<readonly string[]> {
  const { Records } = await harness.call(PutRecords, {
    StreamName: 's',
    Records: texts.map((text) => ({ PartitionKey: 'k', Data: bytesOf(text) })),
  })
  return Records.map(({ SequenceNumber }) => SequenceNumber ?? '')
}

type Start = Omit<GetShardIteratorInput, 'StreamName' | 'ShardId'>

const HORIZON: Start = { ShardIteratorType: 'TRIM_HORIZON' }

async function iteratorAt(harness: ServiceHarness, start: Start = HORIZON, ShardId = SHARD): Promise<string> {
  const { ShardIterator } = await harness.call(GetShardIterator, { StreamName: 's', ShardId, ...start })
  return ShardIterator ?? ''
}

const texts = ({ Records }: GetRecordsOutput): readonly string[] => Records.map(({ Data }) => textOf(Data))

async function read(harness: ServiceHarness, start?: Start, limit?: number): Promise<readonly string[]> {
  const input: GetRecordsInput = {
    ShardIterator: await iteratorAt(harness, start),
    ...(limit === undefined ? {} : { Limit: limit }),
  }
  return texts(await harness.call(GetRecords, input))
}

describe('GetShardIterator', () => {
  it('stands where each type says', async () => {
    await using harness = await withStream()
    const [, second] = await put(harness, 'a', 'b', 'c')
    await harness.advance(10)
    const betweenMs = harness.clock.now()
    await harness.advance(10)
    await put(harness, 'd')
    const StartingSequenceNumber = second ?? ''
    expect(await read(harness, HORIZON)).toEqual(['a', 'b', 'c', 'd'])
    expect(await read(harness, { ShardIteratorType: 'LATEST' })).toEqual([])
    expect(await read(harness, { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber })).toEqual([
      'b',
      'c',
      'd',
    ])
    expect(await read(harness, { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber })).toEqual([
      'c',
      'd',
    ])
    expect(await read(harness, { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: betweenMs })).toEqual(['d'])
    expect(await read(harness, { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 0 })).toEqual(['a', 'b', 'c', 'd'])
    expect(await read(harness, { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: harness.clock.now() })).toEqual(['d'])
  })

  it('fixes LATEST when it is issued', async () => {
    await using harness = await withStream()
    await put(harness, 'a')
    const ShardIterator = await iteratorAt(harness, { ShardIteratorType: 'LATEST' })
    await put(harness, 'b')
    expect(texts(await harness.call(GetRecords, { ShardIterator }))).toEqual(['b'])
  })

  it('takes any well-formed number of the shard, a record’s or not', async () => {
    await using harness = await withStream()
    await put(harness, 'a')
    const identity = { birthS: 1_700_000_000, shard: 0 }
    const at = (StartingSequenceNumber: string): Promise<readonly string[]> =>
      read(harness, { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber })
    expect(await at(startingSequenceNumber(identity))).toEqual(['a'])
    expect(await at(endingSequenceNumber(identity, 1_700_000_100))).toEqual([])
  })

  it('after the last number of an open shard still sees what comes later', async () => {
    await using harness = await withStream()
    const [last = ''] = await put(harness, 'a')
    const ShardIterator = await iteratorAt(harness, {
      ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
      StartingSequenceNumber: last,
    })
    await put(harness, 'b')
    expect(texts(await harness.call(GetRecords, { ShardIterator }))).toEqual(['b'])
  })

  const either =
    'InvalidArgumentException: Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and ' +
    'StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified '
  const used = (number: string): string =>
    `InvalidArgumentException: StartingSequenceNumber ${number} used in GetShardIterator on shard ${SHARD} in stream s under account 123456789012 is invalid`
  const elsewhere = startingSequenceNumber({ birthS: 1_700_000_000, shard: 5 })
  const earlier = startingSequenceNumber({ birthS: 1_600_000_000, shard: 0 })

  it.each<[string, GetShardIteratorInput, string]>([
    [
      'an id that is none, before the stream',
      { StreamName: 't', ShardId: 'shard-2.14E4', ...HORIZON },
      'ResourceNotFoundException: Could not find shard shard-2.14E4 in stream t under account 123456789012.',
    ],
    ['a missing stream', { StreamName: 't', ShardId: '0', ...HORIZON }, GONE.replace('stream s', 'stream t')],
    ['a missing shard', { StreamName: 's', ShardId: '1', ...HORIZON }, GONE.replace('00000 in', '00001 in')],
    [
      'TRIM_HORIZON with a number',
      { StreamName: 's', ShardId: '0', ...HORIZON, StartingSequenceNumber: '5' },
      `${either}TRIM_HORIZON and also a StartingSequenceNumber.`,
    ],
    [
      'AT_SEQUENCE_NUMBER without one',
      { StreamName: 's', ShardId: '0', ShardIteratorType: 'AT_SEQUENCE_NUMBER' },
      `${either}AT_SEQUENCE_NUMBER and no StartingSequenceNumber.`,
    ],
    [
      'a number that is none',
      {
        StreamName: 's',
        ShardId: '0',
        ShardIteratorType: 'AT_SEQUENCE_NUMBER',
        StartingSequenceNumber: '7'.repeat(60),
      },
      `${used('7'.repeat(60))}.`,
    ],
    [
      'another shard’s number',
      { StreamName: 's', ShardId: '0', ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: elsewhere },
      'InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000005, while it was used in a call to a shard with shardId-000000000000',
    ],
    [
      'an old short number of another shard',
      { StreamName: 's', ShardId: '0', ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: '5' },
      'InvalidArgumentException: Invalid StartingSequenceNumber. It encodes shardId-000000000005, while it was used in a call to a shard with shardId-000000000000',
    ],
    [
      'a number of another stream',
      { StreamName: 's', ShardId: '0', ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: earlier },
      `${used(earlier)} because it did not come from this stream.`,
    ],
    [
      'a number of layout 0 for this shard',
      { StreamName: 's', ShardId: '0', ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: '0' },
      `${used('0')} because it did not come from this stream.`,
    ],
    [
      'AT_TIMESTAMP without a timestamp',
      { StreamName: 's', ShardId: '0', ShardIteratorType: 'AT_TIMESTAMP' },
      'InvalidArgumentException: Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.',
    ],
    [
      'a future timestamp',
      { StreamName: 's', ShardId: '0', ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 1_700_000_000_001 },
      'InvalidArgumentException: The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: 1700000000001, currentTimestampInMillis: 1700000000000',
    ],
    [
      'DryRun',
      { StreamName: 's', ShardId: '0', ...HORIZON, DryRun: true },
      'DryRunOperationException: Request would have succeeded, but the DryRun flag is set.',
    ],
  ])('refuses %s', async (_, input, fault) => {
    await using harness = await withStream()
    expect(await harness.fault(GetShardIterator, input)).toBe(fault)
  })

  it('does not look at a timestamp that its type has no use for', async () => {
    await using harness = await withStream()
    const input = { StreamName: 's', ShardId: '0', ...HORIZON, Timestamp: 1_800_000_000_000 }
    expect(await harness.call(GetShardIterator, input)).toHaveProperty('ShardIterator')
  })

  it('does not find shards of a stream that is being created', async () => {
    await using harness = await withStream({ settings: { statusDelayMs: 1000 } })
    expect(await harness.fault(GetShardIterator, { StreamName: 's', ShardId: '0', ...HORIZON })).toBe(GONE)
  })
})

describe('GetRecords', () => {
  it('gives every record as it was put, with its number and time', async () => {
    await using harness = await withStream()
    const [number] = await put(harness, 'a')
    const { Records } = await harness.call(GetRecords, { ShardIterator: await iteratorAt(harness) })
    expect(Records).toEqual([
      {
        ApproximateArrivalTimestamp: harness.clock.now(),
        Data: bytesOf('a'),
        PartitionKey: 'k',
        SequenceNumber: number,
      },
    ])
  })

  it('goes on exactly where it stopped, for every limit', async () => {
    await using harness = await withStream()
    const all = Array.from({ length: 23 }, (_, i) => `r${i}`)
    await put(harness, ...all.slice(0, 10))
    await put(harness, ...all.slice(10, 11))
    await put(harness, ...all.slice(11))
    for (const limit of [1, 2, 7, 10, 11, 22, 23, 1000]) {
      const { records } = await readShard(harness, 's', SHARD, limit)
      expect(records.map(({ text }) => text)).toEqual(all)
    }
  })

  it('can be repeated with the same iterator', async () => {
    await using harness = await withStream()
    await put(harness, 'a', 'b')
    const ShardIterator = await iteratorAt(harness)
    for (let i = 0; i < 3; i++)
      expect(texts(await harness.call(GetRecords, { ShardIterator, Limit: 1 }))).toEqual(['a'])
  })

  it('stops at 10,000 records and at 10 MiB of data and keys, but gives one record however large', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1, MaxRecordSizeInKiB: 10_240 })
    const large = { StreamName: 's', PartitionKey: 'k', Data: new Uint8Array(10 * MIB - 1) }
    for (let i = 0; i < 2; i++) await harness.call(PutRecord, large)
    for (let i = 0; i < 21; i++) await put(harness, ...Array.from({ length: 500 }, () => 'x'))
    const counts: number[] = []
    let iterator: string | undefined = await iteratorAt(harness)
    for (let page = 0; page < 4 && iterator !== undefined; page++) {
      const output: GetRecordsOutput = await harness.call(GetRecords, { ShardIterator: iterator })
      counts.push(output.Records.length)
      iterator = output.NextShardIterator
    }
    expect(counts).toEqual([1, 1, 10_000, 500])
  })

  it('says how far behind the tip it is, by the age of the last record', async () => {
    await using harness = await withStream()
    const empty = await harness.call(GetRecords, { ShardIterator: await iteratorAt(harness) })
    expect(empty).toMatchObject({ MillisBehindLatest: 0, Records: [] })
    await put(harness, 'a')
    await harness.advance(5_000)
    await put(harness, 'b')
    const ShardIterator = await iteratorAt(harness)
    expect(await harness.call(GetRecords, { ShardIterator, Limit: 1 })).toMatchObject({ MillisBehindLatest: 5_000 })
    expect(await harness.call(GetRecords, { ShardIterator, Limit: 2 })).toMatchObject({ MillisBehindLatest: 0 })
  })

  // Readers that go by 0 stopped before the end, or took a stream of this very millisecond for read.
  it('is never 0 ms behind while something is left, however young that is', async () => {
    await using harness = await withStream()
    await put(harness, 'a', 'b')
    harness.clock.stepWall(-5_000)
    const ShardIterator = await iteratorAt(harness)
    expect(await harness.call(GetRecords, { ShardIterator, Limit: 1 })).toMatchObject({ MillisBehindLatest: 1 })
    expect(await harness.call(GetRecords, { ShardIterator, Limit: 2 })).toMatchObject({ MillisBehindLatest: 0 })
  })

  it.each([
    ['garbage', () => 'garbage'],
    ['a changed one', (iterator: string) => iterator.replace(/.{6}$/, 'AAAAA=')],
    ['an empty quote', () => '""'],
  ])('refuses an iterator that is %s', async (_, change) => {
    await using harness = await withStream()
    const ShardIterator = change(await iteratorAt(harness))
    expect(await harness.fault(GetRecords, { ShardIterator })).toBe('InvalidArgumentException: Invalid ShardIterator.')
  })

  it('takes an iterator in quotes, for five minutes, from its own account and region', async () => {
    await using harness = await withStream()
    await put(harness, 'a')
    const ShardIterator = await iteratorAt(harness)
    await harness.advance(300_000)
    expect(texts(await harness.call(GetRecords, { ShardIterator: `"${ShardIterator}"` }))).toEqual(['a'])
    for (const context of [{ account: '000000000000' }, { region: 'eu-west-1' }])
      expect(await harness.fault(GetRecords, { ShardIterator }, context)).toBe(
        'InvalidArgumentException: Invalid ShardIterator.',
      )
    await harness.advance(1)
    expect(await harness.fault(GetRecords, { ShardIterator })).toBe(
      'ExpiredIteratorException: Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while ' +
        'right now it is Tue Nov 14 22:18:20 UTC 2023 which is further in the future than the tolerated delay of ' +
        '300000 milliseconds.',
    )
  })

  it('refuses an iterator from the future', async () => {
    await using harness = await withStream()
    const ShardIterator = await iteratorAt(harness)
    harness.clock.stepWall(-60_000)
    expect(await harness.fault(GetRecords, { ShardIterator })).toBe('InvalidArgumentException: Invalid ShardIterator.')
  })

  it('takes the ARN of its stream, and of no other', async () => {
    await using harness = await withStream()
    const ShardIterator = await iteratorAt(harness)
    await harness.call(GetRecords, { ShardIterator, StreamARN: ARN })
    expect(await harness.fault(GetRecords, { ShardIterator, StreamARN: `${ARN}t` })).toBe(
      `InvalidArgumentException: StreamARN ${ARN}t and ShardIterator do not refer to the same stream.`,
    )
    expect(await harness.fault(GetRecords, { ShardIterator, DryRun: true })).toContain('DryRunOperationException')
  })

  it('never opens a stream that was made again under the same name', async () => {
    await using harness = await withStream()
    const ShardIterator = await iteratorAt(harness)
    await harness.call(DeleteStream, { StreamName: 's' })
    expect(await harness.fault(GetRecords, { ShardIterator })).toBe(GONE)
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1 })
    expect(await harness.fault(GetRecords, { ShardIterator })).toBe(GONE)
  })

  it('answers damage with 500, names it in the log and counts it, and gives what stands before it', async () => {
    const lines: string[] = []
    const damaged: string[] = []
    await using harness = await withStream({
      logger: { ...silentLogger, error: (message, fields) => void lines.push(`${message} ${JSON.stringify(fields)}`) },
      metrics: { ...silentServiceMetrics, damage: (_, shardId) => void damaged.push(shardId) },
    })
    await put(harness, 'a')
    const { end } = await harness.memory.shards.bounds(1)
    await put(harness, 'b')
    await put(harness, 'c')
    const from = { commit: end.commit + 1, index: 0 }
    harness.memory.faults.damage(1, { from, to: { commit: from.commit + 1, index: 0 }, reason: 'checksum' })
    const first = await harness.call(GetRecords, { ShardIterator: await iteratorAt(harness) })
    expect(texts(first)).toEqual(['a'])
    expect(first.MillisBehindLatest).toBe(1)
    expect(await harness.fault(GetRecords, { ShardIterator: first.NextShardIterator ?? '' })).toBe('InternalFailure')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"shardId":"shardId-000000000000"')
    expect(damaged).toEqual([SHARD])
    expect(await read(harness, { ShardIteratorType: 'LATEST' })).toEqual([])
  })
})

describe.each<Codec>(['json', 'cbor'])('GetRecords written straight into %s', (codec) => {
  /** The answer as bytes and back, which must be the answer as values. */
  async function same(harness: ServiceHarness, input: GetRecordsInput): Promise<GetRecordsOutput> {
    const values = await harness.call(GetRecords, input)
    const output = await harness.call(GetRecords, input, { codec })
    const bytes = Buffer.concat(encodeResponsePieces(GetRecords, codec, output))
    const decoded = decodeResponse(GetRecords, codec, bytes)
    const plain = (record: GetRecordsOutput['Records'][number]): object => ({ ...record, Data: textOf(record.Data) })
    expect({ ...decoded, Records: decoded.Records.map(plain), NextShardIterator: '' }).toEqual({
      ...values,
      Records: values.Records.map(plain),
      NextShardIterator: '',
    })
    return decoded
  }

  it('says what the values say, page for page, whatever the limit', async () => {
    await using harness = await withStream()
    const all = Array.from({ length: 40 }, (_, i) => `record ${i} ${'x'.repeat(i * 7)}`)
    for (let at = 0; at < all.length; at += 8) {
      await put(harness, ...all.slice(at, at + 8))
      await harness.advance(1_500)
    }
    for (const Limit of [1, 3, 8, 11, 40, 10_000]) {
      const found: string[] = []
      let ShardIterator: string = await iteratorAt(harness)
      while (found.length < all.length) {
        const output = await same(harness, { ShardIterator, Limit })
        found.push(...texts(output))
        ShardIterator = output.NextShardIterator ?? ''
      }
      expect(found).toEqual(all)
    }
  })

  it('is the same for whoever comes later', async () => {
    await using harness = await withStream()
    await put(harness, ...Array.from({ length: 200 }, (_, i) => `record ${i} ${'x'.repeat(100)}`))
    const ShardIterator = await iteratorAt(harness)
    const first = await same(harness, { ShardIterator })
    await put(harness, 'more')
    for (let reader = 0; reader < 3; reader++) {
      expect(texts(await same(harness, { ShardIterator }))).toEqual([...texts(first), 'more'])
      expect(texts(await same(harness, { ShardIterator, Limit: 150 }))).toEqual(texts(first).slice(0, 150))
    }
  })

  it('hides what expired from those who come later, too', async () => {
    await using harness = await withStream()
    await put(harness, ...Array.from({ length: 200 }, (_, i) => `record ${i} ${'x'.repeat(100)}`))
    const ShardIterator = await iteratorAt(harness)
    expect((await same(harness, { ShardIterator })).Records).toHaveLength(200)
    await harness.advance(24 * HOUR_MS + 1, HOUR_MS)
    await put(harness, 'b')
    expect(texts(await same(harness, { ShardIterator: await iteratorAt(harness) }))).toEqual(['b'])
  })

  it('tells of children and of an empty shard', async () => {
    await using harness = await withStream()
    expect((await same(harness, { ShardIterator: await iteratorAt(harness) })).Records).toEqual([])
    await put(harness, 'a')
    await harness.call(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1000' })
    const output = await same(harness, { ShardIterator: await iteratorAt(harness) })
    expect(texts(output)).toEqual(['a'])
    expect(output.ChildShards).toHaveLength(2)
  })
})

describe('reading to the end of a shard', () => {
  it('ends both parents of a merge in the same child, which names both', async () => {
    await using harness = await withStream({}, 2)
    await harness.call(MergeShards, { StreamName: 's', ShardToMerge: '0', AdjacentShardToMerge: '1' })
    for (const shardId of [SHARD, 'shardId-000000000001']) {
      const output = await harness.call(GetRecords, { ShardIterator: await iteratorAt(harness, HORIZON, shardId) })
      expect(output).not.toHaveProperty('NextShardIterator')
      expect(output.ChildShards).toEqual([
        {
          ShardId: 'shardId-000000000002',
          ParentShards: [SHARD, 'shardId-000000000001'],
          HashKeyRange: { StartingHashKey: '0', EndingHashKey: '340282366920938463463374607431768211455' },
        },
      ])
    }
  })

  it('tells of children with the last records and not before, whatever the limit', async () => {
    await using harness = await withStream()
    await put(harness, 'a', 'b', 'c')
    await harness.call(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1000' })
    for (const limit of [1, 2, 3, 4]) {
      const { records, children } = await readShard(harness, 's', SHARD, limit)
      expect(records.map(({ text }) => text)).toEqual(['a', 'b', 'c'])
      expect(children).toEqual(['shardId-000000000001', 'shardId-000000000002'])
    }
    const latest = await harness.call(GetRecords, {
      ShardIterator: await iteratorAt(harness, { ShardIteratorType: 'LATEST' }),
    })
    expect(latest.ChildShards).toHaveLength(2)
  })

  it('keeps giving iterators while a reshard is not committed', async () => {
    await using harness = await withStream()
    await put(harness, 'a')
    await harness.memory.shards.close([1], { deadlineMs: 1000 })
    const output = await harness.call(GetRecords, { ShardIterator: await iteratorAt(harness) })
    expect(texts(output)).toEqual(['a'])
    expect(output.NextShardIterator).toBeDefined()
    expect(output).not.toHaveProperty('ChildShards')
  })
})

describe('read limits', () => {
  const exceeded =
    'ProvisionedThroughputExceededException: Rate exceeded for Shard - 123456789012/s/shardId-000000000000'

  it('allow five calls a second and shard', async () => {
    await using harness = await withStream({ settings: { shardLimits: 'aws' } })
    const ShardIterator = await iteratorAt(harness)
    for (let i = 0; i < 5; i++) await harness.call(GetRecords, { ShardIterator })
    expect(await harness.fault(GetRecords, { ShardIterator })).toBe(exceeded)
    await harness.advance(200)
    await harness.call(GetRecords, { ShardIterator })
  })

  it('block a shard for five seconds after 10 MiB', async () => {
    await using harness = await withStream({ settings: { shardLimits: { writeBytes: 100 * MIB } } })
    for (let i = 0; i < 10; i++)
      await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: new Uint8Array(MIB - 1) })
    const ShardIterator = await iteratorAt(harness)
    expect((await harness.call(GetRecords, { ShardIterator })).Records).toHaveLength(10)
    await harness.advance(4_999)
    expect(await harness.fault(GetRecords, { ShardIterator })).toBe(exceeded)
    await harness.advance(1)
    expect((await harness.call(GetRecords, { ShardIterator })).Records).toHaveLength(10)
  })
})

describe('retention', () => {
  it('hides records from readers to the millisecond, whatever the sweep does', async () => {
    await using harness = await withStream()
    await put(harness, 'a')
    await harness.advance(1)
    await put(harness, 'b')
    await harness.advance(24 * HOUR_MS - 2, HOUR_MS)
    expect(await read(harness)).toEqual(['a', 'b'])
    await harness.advance(1)
    expect(await read(harness)).toEqual(['b'])
    await harness.advance(1)
    expect(await read(harness)).toEqual([])
  })

  it('made longer brings nothing back; made shorter trims at once', async () => {
    await using harness = await withStream()
    await harness.call(IncreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 48 })
    await put(harness, 'a')
    await harness.advance(25 * HOUR_MS, HOUR_MS)
    await put(harness, 'b')
    expect(await read(harness)).toEqual(['a', 'b'])
    await harness.call(DecreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 24 })
    expect(await read(harness)).toEqual(['b'])
    await harness.call(IncreaseStreamRetentionPeriod, { StreamName: 's', RetentionPeriodHours: 8760 })
    expect(await read(harness)).toEqual(['b'])
  })

  it('lets an iterator at trimmed records go on from the horizon', async () => {
    await using harness = await withStream()
    const [first = ''] = await put(harness, 'a')
    await harness.advance(23 * HOUR_MS, HOUR_MS)
    await put(harness, 'b')
    await harness.advance(2 * HOUR_MS, HOUR_MS)
    const start: Start = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: first }
    expect(await read(harness, start)).toEqual(['b'])
  })

  it('takes closed shards off the list when their last record is gone, and frees them', async () => {
    await using harness = await withStream()
    await put(harness, 'a')
    await harness.call(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1000' })
    const ids = async (): Promise<readonly string[]> =>
      ((await harness.call(ListShards, { StreamName: 's' })).Shards ?? []).map(({ ShardId }) => ShardId.slice(-1))
    await harness.advance(24 * HOUR_MS - 1, HOUR_MS)
    expect(await ids()).toEqual(['0', '1', '2'])
    await harness.advance(2)
    expect(await ids()).toEqual(['1', '2'])
    expect(harness.memory.shards.bounds(1)).toBeDefined()
    await harness.advance(3 * 60_000, 60_000)
    expect(() => harness.memory.shards.bounds(1)).toThrow('does not exist')
    expect(await harness.fault(GetShardIterator, { StreamName: 's', ShardId: '0', ...HORIZON })).toBe(GONE)
    expect(await ids()).toEqual(['1', '2'])
  })

  it.each([48 * HOUR_MS, 2 * 60_000 + 24 * HOUR_MS, -48 * HOUR_MS])(
    'hides and deletes nothing early when the clock steps by %i ms',
    async (stepMs) => {
      await using harness = await withStream()
      await put(harness, 'a')
      harness.clock.stepWall(stepMs)
      await harness.advance(10 * 60_000, 60_000)
      expect(await read(harness)).toEqual(['a'])
      await using reopened = await ServiceHarness.open({ clock: harness.clock, memory: harness.memory })
      await reopened.advance(5 * 60_000, 60_000)
      expect(await read(reopened)).toEqual(['a'])
    },
  )
})
