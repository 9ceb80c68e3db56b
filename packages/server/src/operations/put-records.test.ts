import {
  CreateStream,
  decodeSequenceNumber,
  HASH_KEY_MAX,
  PutRecord,
  PutRecords,
  type PutRecordsInput,
  SplitShard,
} from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import type { PutEvent } from '../telemetry/service-metrics.ts'
import { silentServiceMetrics } from '../telemetry/service-metrics.ts'
import { bytesOf, type HarnessOptions, idle, ServiceHarness } from '../testing/service-harness.ts'
import { readStream } from '../testing/whole-stream.ts'

const MIB = 1024 * 1024
const NOT_FOUND = 'ResourceNotFoundException: Stream t under account 123456789012 not found.'
const X = bytesOf('x')

async function withStream(shards = 1, options: HarnessOptions = {}): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open(options)
  await harness.call(CreateStream, { StreamName: 's', ShardCount: shards })
  return harness
}

type Entries = PutRecordsInput['Records']

const entries = (count: number, data: Uint8Array = X): Entries =>
  Array.from({ length: count }, (_, i) => ({ PartitionKey: `k${i}`, Data: data }))

async function outcomes(harness: ServiceHarness, Records: Entries): Promise<readonly string[]> {
  const output = await harness.call(PutRecords, { StreamName: 's', Records })
  const list = output.Records.map(({ ShardId, ErrorCode, ErrorMessage }) => ShardId ?? `${ErrorCode}: ${ErrorMessage}`)
  expect(output.FailedRecordCount).toBe(list.filter((outcome) => !outcome.startsWith('shardId')).length)
  return list
}

describe('PutRecord', () => {
  it('answers with the shard of the key and a number that leads to the record', async () => {
    await using harness = await withStream(4)
    const output = await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'a', Data: X })
    // MD5 of `a` is 0x0cc1…: the lowest quarter.
    expect(output.ShardId).toBe('shardId-000000000000')
    expect(output).not.toHaveProperty('EncryptionType')
    expect(decodeSequenceNumber(output.SequenceNumber)).toMatchObject({
      shard: 0,
      birthS: 1_700_000_000,
      timeS: 1_700_000_000,
      index: 0,
    })
  })

  it('places by an explicit hash key, and keeps the partition key', async () => {
    await using harness = await withStream(4)
    const { ShardId } = await harness.call(PutRecord, {
      StreamName: 's',
      PartitionKey: 'a',
      ExplicitHashKey: HASH_KEY_MAX.toString(),
      Data: X,
    })
    expect(ShardId).toBe('shardId-000000000003')
    expect(await readStream(harness, 's')).toMatchObject([{ key: 'a', text: 'x' }])
  })

  it('refuses a partition key that has no bytes of its own, and takes any that has', async () => {
    await using harness = await withStream()
    const put = { StreamName: 's', Data: X }
    const violated = (path: string): string =>
      `ValidationException: 1 validation error detected: Value at '${path}partitionKey' failed to satisfy constraint: ` +
      'Member must be Unicode text, without unpaired surrogates'
    expect(await harness.fault(PutRecord, { ...put, PartitionKey: 'a\ud800' })).toBe(violated(''))
    const Records = [
      { PartitionKey: 'fine', Data: X },
      { PartitionKey: '\udc00a', Data: X },
    ]
    expect(await harness.fault(PutRecords, { StreamName: 's', Records })).toBe(violated('records.2.member.'))
    await harness.call(PutRecord, { ...put, PartitionKey: '\u{1f600}' })
    expect((await readStream(harness, 's')).map(({ key }) => key)).toEqual(['\u{1f600}'])
  })

  it('stores empty data', async () => {
    await using harness = await withStream()
    await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'a', Data: new Uint8Array() })
    expect(await readStream(harness, 's')).toMatchObject([{ key: 'a', text: '' }])
  })

  const future = '49646437577108476416916876407035855245200043782152976386'
  const big = new Uint8Array(MIB)
  // Each input has all the faults of those below it.
  it.each([
    [
      'no partition key',
      { StreamName: 't', Data: big },
      "ValidationException: 1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: " +
        'Member must not be null',
    ],
    [
      'a missing stream',
      { StreamName: 't', PartitionKey: 'k', Data: big, ExplicitHashKey: `${HASH_KEY_MAX}0` },
      NOT_FOUND,
    ],
    [
      'data and key above the maximum together',
      { StreamName: 's', PartitionKey: 'k', Data: big, ExplicitHashKey: (HASH_KEY_MAX + 1n).toString() },
      "ValidationException: 1 validation error detected: Value at 'data' failed to satisfy constraint: " +
        'Member must have length less than or equal to 1048576',
    ],
    [
      'an explicit hash key of 2^128',
      {
        StreamName: 's',
        PartitionKey: 'k',
        Data: X,
        ExplicitHashKey: (HASH_KEY_MAX + 1n).toString(),
        SequenceNumberForOrdering: '1'.repeat(80),
      },
      'InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. ' +
        'Specified value was 340282366920938463463374607431768211456',
    ],
    [
      'a number to follow that is none',
      { StreamName: 's', PartitionKey: 'k', Data: X, SequenceNumberForOrdering: '1'.repeat(80), DryRun: true },
      `InvalidArgumentException: ExclusiveMinimumSequenceNumber ${'1'.repeat(80)} used in PutRecord on stream s under account 123456789012 is invalid.`,
    ],
    [
      'a number to follow that is from the future',
      { StreamName: 's', PartitionKey: 'k', Data: X, SequenceNumberForOrdering: future, DryRun: true },
      `InvalidArgumentException: ExclusiveMinimumSequenceNumber ${future} used in PutRecord on stream s under account 123456789012 is invalid.`,
    ],
    [
      'DryRun',
      { StreamName: 's', PartitionKey: 'k', Data: X, DryRun: true },
      'DryRunOperationException: Request would have succeeded, but the DryRun flag is set.',
    ],
  ])('refuses %s', async (_, input, fault) => {
    await using harness = await withStream()
    expect(await harness.fault(PutRecord, input)).toBe(fault)
    expect(await readStream(harness, 's')).toEqual([])
  })

  it('follows any number it gave, also one of another shard', async () => {
    await using harness = await withStream(2)
    const put = (hash: string, after?: string): Promise<{ readonly SequenceNumber: string }> =>
      harness.call(PutRecord, {
        StreamName: 's',
        PartitionKey: 'k',
        ExplicitHashKey: hash,
        Data: X,
        ...(after === undefined ? {} : { SequenceNumberForOrdering: after }),
      })
    const first = await put('0')
    const second = await put('0', first.SequenceNumber)
    await put(HASH_KEY_MAX.toString(), second.SequenceNumber)
    expect(BigInt(second.SequenceNumber)).toBeGreaterThan(BigInt(first.SequenceNumber))
  })

  it('does not find a stream that is being created', async () => {
    await using harness = await withStream(1, { settings: { statusDelayMs: 1000 } })
    expect(await harness.fault(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: X })).toBe(
      NOT_FOUND.replace('t under', 's under'),
    )
  })

  it.each(['unavailable', 'unknown', 'no-space'] as const)('answers 500 when the engine says %s', async (failure) => {
    await using harness = await withStream()
    harness.memory.faults.failCommits(failure)
    const call = harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: X })
    await expect(call).rejects.toMatchObject({ type: 'InternalFailure', status: 500 })
    await harness.call(PutRecord, { StreamName: 's', PartitionKey: 'k', Data: X })
  })
})

describe('PutRecords', () => {
  it('answers in request order, each shard’s numbers ascending', async () => {
    await using harness = await withStream(3)
    const { Records, FailedRecordCount } = await harness.call(PutRecords, { StreamName: 's', Records: entries(500) })
    expect(FailedRecordCount).toBe(0)
    const last = new Map<string | undefined, bigint>()
    for (const { ShardId, SequenceNumber } of Records) {
      const number = BigInt(SequenceNumber ?? 0)
      expect(number).toBeGreaterThan(last.get(ShardId) ?? 0n)
      last.set(ShardId, number)
    }
    expect(last.size).toBe(3)
    const read = await readStream(harness, 's')
    const numberOf = new Map(read.map(({ key, sequenceNumber }) => [key, sequenceNumber]))
    expect(Records.map(({ SequenceNumber }, i) => numberOf.get(`k${i}`) === SequenceNumber)).not.toContain(false)
    expect(read).toHaveLength(500)
  })

  it.each([
    [
      'absent keys, ten of them named',
      Array.from({ length: 12 }, () => ({ Data: X })),
      `ValidationException: 10 validation errors detected: ${Array.from({ length: 10 }, (_, i) => `Value null at 'records.${i + 1}.member.partitionKey' failed to satisfy constraint: Member must not be null`).join('; ')}`,
    ],
    [
      'one record above the maximum',
      [
        { PartitionKey: 'k', Data: X },
        { PartitionKey: 'k', Data: new Uint8Array(MIB) },
      ],
      "ValidationException: 1 validation error detected: Value at 'records.2.member.data' failed to satisfy constraint: Member must have length less than or equal to 1048576",
    ],
    [
      'more than 10 MiB',
      entries(11, new Uint8Array(MIB - 10)),
      'InvalidArgumentException: Records size exceeds 10 MB limit',
    ],
    [
      'one explicit hash key out of range',
      [
        { PartitionKey: 'k', Data: X },
        { PartitionKey: 'k', Data: X, ExplicitHashKey: (HASH_KEY_MAX + 1n).toString() },
      ],
      'InvalidArgumentException: Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456',
    ],
  ])('fails as a whole with %s, and writes nothing', async (_, Records, fault) => {
    await using harness = await withStream()
    expect(await harness.fault(PutRecords, { StreamName: 's', Records })).toBe(fault)
    expect(await readStream(harness, 's')).toEqual([])
  })

  it('takes larger records into streams made for them', async () => {
    await using harness = await ServiceHarness.open()
    await harness.call(CreateStream, { StreamName: 's', ShardCount: 1, MaxRecordSizeInKiB: 10_240 })
    const large = { PartitionKey: 'k', Data: new Uint8Array(10 * MIB - 1) }
    expect(await outcomes(harness, [large])).toEqual(['shardId-000000000000'])
    expect(await harness.fault(PutRecords, { StreamName: 's', Records: [{ ...large, PartitionKey: 'kk' }] })).toContain(
      'Member must have length less than or equal to 10485760',
    )
  })

  it.each(['unavailable', 'unknown', 'no-space'] as const)(
    'tells per record when the engine says %s',
    async (failure) => {
      await using harness = await withStream(2)
      harness.memory.faults.failCommits(failure)
      const results = await outcomes(harness, entries(4))
      expect(new Set(results)).toEqual(new Set(['InternalFailure: Internal service failure.']))
    },
  )

  it('never sends again what may have been stored', async () => {
    await using harness = await withStream()
    harness.memory.faults.failCommits('unknown', { stored: true })
    await outcomes(harness, entries(1))
    expect(await readStream(harness, 's')).toHaveLength(1)
  })

  it('does not wait beyond the deadline of the request', async () => {
    await using harness = await withStream()
    const held = harness.memory.faults.holdSyncs()
    const input = { StreamName: 's', PartitionKey: 'k', Data: X }
    const pending = harness.fault(PutRecord, input, { deadlineMs: harness.clock.monotonic() + 100 })
    await held.reached
    await harness.advance(100)
    expect(await pending).toBe('InternalFailure')
    held.release()
    await idle()
  })

  it('never writes over what may still be stored: other records have other memory', async () => {
    await using harness = await withStream()
    const held = harness.memory.faults.holdSyncs()
    const large = (letter: string): Uint8Array => bytesOf(letter.repeat(30_000))
    const put = (letter: string, context = {}): Promise<unknown> =>
      harness.call(PutRecords, { StreamName: 's', Records: entries(2, large(letter)) }, context)
    const givenUp = put('a', { deadlineMs: harness.clock.monotonic() + 100 })
    await held.reached
    await harness.advance(100)
    expect(await givenUp).toMatchObject({ FailedRecordCount: 2 })
    const others = ['b', 'c'].map((letter) => put(letter))
    await idle()
    held.release()
    await Promise.all(others)
    const stored = await readStream(harness, 's')
    const letters = stored.map(({ text }) => /^(.)\1+$/.exec(text)?.[1])
    expect(letters.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
  })
})

describe('shard limits', () => {
  const aws: HarnessOptions = { settings: { shardLimits: 'aws' } }
  const exceeded =
    'ProvisionedThroughputExceededException: Rate exceeded for shard shardId-000000000000 in stream s under account 123456789012.'

  it('throttle the records of a full shard only, and those beyond what it holds', async () => {
    const events: PutEvent[] = []
    const metrics = { ...silentServiceMetrics, put: (_: unknown, event: PutEvent) => void events.push(event) }
    await using harness = await withStream(2, { ...aws, metrics })
    const at = (ExplicitHashKey: string): Entries[number] => ({ PartitionKey: 'k', ExplicitHashKey, Data: X })
    for (let i = 0; i < 3; i++)
      await outcomes(
        harness,
        Array.from({ length: 333 }, () => at('0')),
      )
    expect(await outcomes(harness, [at('0'), at(HASH_KEY_MAX.toString()), at('0'), at('0')])).toEqual([
      'shardId-000000000000',
      'shardId-000000000001',
      exceeded,
      exceeded,
    ])
    expect(events.at(-1)).toEqual({
      operation: 'PutRecords',
      records: 4,
      stored: 2,
      throttled: 2,
      failed: 0,
      bytesStored: 4,
      elapsedMs: 0,
    })
    expect(await readStream(harness, 's')).toHaveLength(1001)
    await harness.advance(1000)
    expect(await outcomes(harness, [at('0')])).toEqual(['shardId-000000000000'])
  })

  it('fail a PutRecord as a whole', async () => {
    await using harness = await withStream(1, aws)
    const input = { StreamName: 's', PartitionKey: 'k', Data: new Uint8Array(MIB - 1) }
    await harness.call(PutRecord, input)
    expect(await harness.fault(PutRecord, input)).toBe(exceeded)
    await harness.advance(1000)
    await harness.call(PutRecord, input)
  })

  it('can be set one by one', async () => {
    await using harness = await withStream(1, { settings: { shardLimits: { writeRecords: 2 } } })
    expect((await outcomes(harness, entries(3))).filter((outcome) => outcome === 'shardId-000000000000')).toHaveLength(
      2,
    )
  })

  it('start afresh in the children of a split', async () => {
    await using harness = await withStream(1, aws)
    const full = entries(500)
    await outcomes(harness, full)
    await outcomes(harness, full)
    expect(await outcomes(harness, entries(1))).toEqual([exceeded])
    await harness.call(SplitShard, { StreamName: 's', ShardToSplit: '0', NewStartingHashKey: '1000' })
    expect(await outcomes(harness, entries(1))).toEqual(['shardId-000000000002'])
  })
})
