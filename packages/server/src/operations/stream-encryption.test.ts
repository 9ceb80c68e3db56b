import {
  CreateStream,
  DeleteStream,
  DescribeStream,
  DescribeStreamSummary,
  GetRecords,
  type GetRecordsOutput,
  GetShardIterator,
  PutRecord,
  PutRecords,
  SplitShard,
  StartStreamEncryption,
  StopStreamEncryption,
} from '@millrace/protocol'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it, vi } from 'vitest'

import { DataOpener } from '../encryption/record-seal.ts'
import { createMemoryEngine } from '../engine/memory/memory-engine.ts'
import { DATA_KEYS_MAX } from '../streams/encryption.ts'
import { type Crash, crashingEngine } from '../testing/crashing-engine.ts'
import { deafEngine } from '../testing/deaf-engine.ts'
import { KEY_A, KEY_B, KeyRing, material } from '../testing/key-ring.ts'
import { lendingEngine } from '../testing/lending-engine.ts'
import { bytesOf, type HarnessOptions, ServiceHarness, textOf } from '../testing/service-harness.ts'

const StreamName = 's'
const ARN_A = `arn:aws:kms:us-east-1:123456789012:key/${KEY_A}`
const A = { id: KEY_A, material: material(1), aliases: ['alias/orders'] }
const B = { id: KEY_B, material: material(2) }
const HOUR_MS = 3_600_000

async function withStream(ring: KeyRing, options: HarnessOptions = {}): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open({ masterKeys: ring, ...options })
  await harness.call(CreateStream, { StreamName, ShardCount: 1 })
  return harness
}

const start = (harness: ServiceHarness, KeyId: string) =>
  harness.call(StartStreamEncryption, { StreamName, EncryptionType: 'KMS', KeyId })
const stop = (harness: ServiceHarness, KeyId: string) =>
  harness.call(StopStreamEncryption, { StreamName, EncryptionType: 'KMS', KeyId })
const put = (harness: ServiceHarness, text: string) =>
  harness.call(PutRecord, { StreamName, PartitionKey: 'key', Data: bytesOf(text) })
const refusedStart = (harness: ServiceHarness, KeyId: string, EncryptionType: 'KMS' | 'NONE' = 'KMS') =>
  harness.fault(StartStreamEncryption, { StreamName, EncryptionType, KeyId })
const refusedPut = (harness: ServiceHarness) =>
  harness.fault(PutRecord, { StreamName, PartitionKey: 'key', Data: bytesOf('x') })

async function iterator(harness: ServiceHarness, StartingSequenceNumber?: string): Promise<string> {
  const { ShardIterator = '' } = await harness.call(GetShardIterator, {
    StreamName,
    ShardId: 'shardId-000000000000',
    ...(StartingSequenceNumber === undefined
      ? { ShardIteratorType: 'TRIM_HORIZON' }
      : { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber }),
  })
  return ShardIterator
}

async function read(harness: ServiceHarness, from?: string): Promise<GetRecordsOutput> {
  return harness.call(GetRecords, { ShardIterator: await iterator(harness, from) })
}

async function texts(harness: ServiceHarness, from?: string): Promise<readonly string[]> {
  const { Records } = await read(harness, from)
  return Records.map(({ Data, EncryptionType }) => `${textOf(Data)} ${EncryptionType ?? 'NONE'}`)
}

const refusedRead = async (harness: ServiceHarness) =>
  harness.fault(GetRecords, { ShardIterator: await iterator(harness) })

/** Everything that the engine holds of the stream's first shard. */
async function stored(harness: ServiceHarness): Promise<string> {
  const options = { recordsMax: 1000, bytesMax: 1e9, visibleFromMs: 0, deadlineMs: Infinity }
  const { frames } = await harness.memory.shards.read(1, { commit: 0, index: 0 }, options)
  return Buffer.concat(frames.map(({ bytes }) => bytes)).toString('latin1')
}

describe('an encrypted stream', () => {
  it('seals what is written while encryption is on; what was written before and after stays as it was', async () => {
    await using harness = await withStream(new KeyRing(A))
    expect(await put(harness, 'before')).not.toHaveProperty('EncryptionType')
    await start(harness, 'alias/orders')
    expect(await put(harness, 'while')).toMatchObject({ EncryptionType: 'KMS' })
    const Records = ['one', 'two'].map((text) => ({ PartitionKey: text, Data: bytesOf(text) }))
    expect(await harness.call(PutRecords, { StreamName, Records })).toMatchObject({ EncryptionType: 'KMS' })
    await stop(harness, 'alias/orders')
    expect(await put(harness, 'after')).not.toHaveProperty('EncryptionType')
    expect(await texts(harness)).toEqual(['before NONE', 'while KMS', 'one KMS', 'two KMS', 'after NONE'])
    const bytes = await stored(harness)
    expect(['before', 'while', 'after'].map((text) => bytes.includes(text))).toEqual([true, false, true])
  })

  it('says so in both descriptions, with the key as it was named', async () => {
    await using harness = await withStream(new KeyRing(A))
    await start(harness, ARN_A)
    const { StreamDescription } = await harness.call(DescribeStream, { StreamName })
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName })
    for (const description of [StreamDescription, StreamDescriptionSummary])
      expect(description).toMatchObject({ EncryptionType: 'KMS', KeyId: ARN_A, StreamStatus: 'ACTIVE' })
    await stop(harness, 'alias/orders')
    const after = await harness.call(DescribeStream, { StreamName })
    expect(after.StreamDescription.EncryptionType).toBe('NONE')
    expect(after.StreamDescription).not.toHaveProperty('KeyId')
  })

  it('is answered in bytes as in values', async () => {
    await using harness = await withStream(new KeyRing(A))
    await put(harness, 'plain')
    await start(harness, KEY_A)
    // Large enough to be shared with other readers, when there are some.
    await put(harness, 'large'.repeat(2000))
    const ShardIterator = await iterator(harness)
    const opened = vi.spyOn(DataOpener.prototype, 'open')
    const answers: string[] = []
    for (let reader = 1; reader <= 3; reader++) {
      const { Records } = await harness.call(GetRecords, { ShardIterator }, { codec: 'json' })
      const { elements } = Records as unknown as { readonly elements: readonly Uint8Array[] }
      answers.push(`[${Buffer.concat(elements).toString().slice(1)}]`)
    }
    const [once = ''] = answers
    const records = JSON.parse(once) as readonly object[]
    expect(records.map((record) => ('EncryptionType' in record ? record.EncryptionType : undefined))).toEqual([
      undefined,
      'KMS',
    ])
    expect(answers).toEqual([once, once, once])
    // The third is sent what was opened for the second.
    expect(opened).toHaveBeenCalledTimes(2)
    opened.mockRestore()
  })

  it('is UPDATING for as long as the status delay says, and changes nothing before', async () => {
    await using harness = await ServiceHarness.open({ masterKeys: new KeyRing(A), settings: { statusDelayMs: 1000 } })
    await harness.call(CreateStream, { StreamName, ShardCount: 1 })
    await harness.advance(2000, 100)
    await start(harness, KEY_A)
    const { StreamDescriptionSummary: during } = await harness.call(DescribeStreamSummary, { StreamName })
    expect(during).toMatchObject({ StreamStatus: 'UPDATING', EncryptionType: 'NONE' })
    expect(await put(harness, 'a')).not.toHaveProperty('EncryptionType')
    expect(await refusedStart(harness, KEY_A)).toContain('ResourceInUseException')
    await harness.advance(2000, 100)
    const { StreamDescriptionSummary: then } = await harness.call(DescribeStreamSummary, { StreamName })
    expect(then).toMatchObject({ StreamStatus: 'ACTIVE', EncryptionType: 'KMS', KeyId: KEY_A })
    expect(await texts(harness)).toEqual(['a NONE'])
  })

  it('keeps its children encrypted through a reshard', async () => {
    await using harness = await withStream(new KeyRing(A))
    await start(harness, KEY_A)
    const NewStartingHashKey = (2n ** 127n).toString()
    await harness.call(SplitShard, { StreamName, ShardToSplit: 'shardId-000000000000', NewStartingHashKey })
    expect(await put(harness, 'x')).toMatchObject({ EncryptionType: 'KMS' })
  })

  it('forgets its keys with the stream', async () => {
    await using harness = await withStream(new KeyRing(A))
    await start(harness, KEY_A)
    await harness.call(DeleteStream, { StreamName })
    const left = await harness.memory.meta.list('catalog/streams/')
    expect(left).toEqual([])
    await harness.call(CreateStream, { StreamName, ShardCount: 1 })
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName })
    expect(StreamDescriptionSummary.EncryptionType).toBe('NONE')
  })
})

describe('another master key', () => {
  it('seals the next records; the earlier ones open with the one they were sealed under', async () => {
    const ring = new KeyRing(A, B)
    await using harness = await withStream(ring)
    await start(harness, KEY_A)
    await put(harness, 'under A')
    await start(harness, KEY_B)
    const { SequenceNumber } = await put(harness, 'under B')
    expect(await texts(harness)).toEqual(['under A KMS', 'under B KMS'])
    ring.set(B)
    expect(await texts(harness, SequenceNumber)).toEqual(['under B KMS'])
    expect(await refusedRead(harness)).toBe(`KMSNotFoundException: Key '${ARN_A}' does not exist`)
  })

  it('is taken within a minute when an alias means it, and so is newer material', async () => {
    const ring = new KeyRing(A, B)
    await using harness = await withStream(ring)
    await start(harness, 'alias/orders')
    await put(harness, 'first')
    ring.set({ ...A, aliases: [] }, { ...B, aliases: ['alias/orders'] })
    await harness.advance(61_000)
    await put(harness, 'second')
    ring.set(
      { ...A, aliases: [] },
      { ...B, material: material(3), olderMaterial: [B.material], aliases: ['alias/orders'] },
    )
    await harness.advance(61_000)
    await put(harness, 'third')
    await harness.advance(61_000)
    expect(await texts(harness)).toEqual(['first KMS', 'second KMS', 'third KMS'])
    expect(await dataKeys(harness)).toHaveLength(3)
    // The material in between is gone: what was sealed under it, and nothing else, is lost.
    ring.set({ ...A, aliases: [] }, { ...B, material: material(3), aliases: ['alias/orders'] })
    expect(await refusedRead(harness)).toContain('KMSInvalidStateException')
    await put(harness, 'fourth')
  })
})

async function dataKeys(harness: ServiceHarness): Promise<readonly { readonly id: number }[]> {
  const [entry] = await harness.memory.meta.list('catalog/streams/123456789012/us-east-1/s/data-keys')
  const { dataKeys: keys } = JSON.parse(textOf(entry?.value ?? bytesOf('{"dataKeys":[]}'))) as {
    readonly dataKeys: readonly { readonly id: number }[]
  }
  return keys
}

describe('a key that cannot be used', () => {
  it.each([
    ['lost', [B], `KMSNotFoundException: Key '${ARN_A}' does not exist`],
    ['disabled', [{ ...A, state: 'disabled' }], `KMSDisabledException: ${ARN_A} is disabled.`],
    [
      'another',
      [{ ...A, material: material(9) }],
      `KMSInvalidStateException: ${ARN_A} has no material that opens the data keys of stream s under account 123456789012.`,
    ],
    [
      'another account’s',
      [{ ...A, account: '999999999999' }],
      'KMSAccessDeniedException: User: arn:aws:iam::123456789012:root is not authorized to perform: kms:Decrypt on ' +
        `resource: arn:aws:kms:us-east-1:999999999999:key/${KEY_A}`,
    ],
  ])(
    'because it is %s refuses reading and writing, also of what was shared, until it is back',
    async (_, keys, text) => {
      const ring = new KeyRing(A)
      await using harness = await withStream(ring)
      await start(harness, 'alias/orders')
      await put(harness, 'secret'.repeat(1000))
      const ShardIterator = await iterator(harness)
      // Shared from the second on.
      for (let i = 0; i < 2; i++) await harness.call(GetRecords, { ShardIterator }, { codec: 'json' })
      ring.set(...keys)
      // However long it is so: no key is made under what is wrong.
      await harness.advance(180_000, 30_000)
      expect(await refusedRead(harness)).toBe(text)
      expect(await harness.fault(GetRecords, { ShardIterator }, { codec: 'json' })).toBe(text)
      const ofWriting = text.replace('kms:Decrypt', 'kms:GenerateDataKey')
      expect(await refusedPut(harness)).toBe(ofWriting)
      // Only what would have succeeded is a dry run's success.
      expect(await harness.fault(GetRecords, { ShardIterator, DryRun: true })).toBe(text)
      const record = { PartitionKey: 'key', Data: bytesOf('x') }
      expect(await harness.fault(PutRecord, { StreamName, ...record, DryRun: true })).toBe(ofWriting)
      expect(await harness.fault(PutRecords, { StreamName, Records: [record], DryRun: true })).toBe(ofWriting)
      ring.set(A)
      await put(harness, 'again')
      expect((await texts(harness)).at(-1)).toBe('again KMS')
    },
  )

  it('does not keep one from stopping, and then from writing', async () => {
    const ring = new KeyRing(A)
    await using harness = await withStream(ring)
    await start(harness, 'alias/orders')
    ring.set()
    await stop(harness, 'alias/orders')
    const { SequenceNumber } = await put(harness, 'plain')
    expect(await texts(harness, SequenceNumber)).toEqual(['plain NONE'])
  })

  it('is none to start with', async () => {
    await using harness = await withStream(new KeyRing({ ...A, state: 'disabled' }, { ...B, account: '999999999999' }))
    expect(await refusedStart(harness, KEY_A)).toBe(`KMSDisabledException: ${ARN_A} is disabled.`)
    expect(await refusedStart(harness, KEY_B)).toContain('KMSAccessDeniedException')
    expect(await refusedStart(harness, 'alias/none')).toBe(
      'KMSNotFoundException: Alias arn:aws:kms:us-east-1:123456789012:alias/none is not found.',
    )
    expect(await refusedStart(harness, 'orders')).toBe('KMSNotFoundException: Invalid keyId orders')
    expect(await refusedStart(harness, ARN_A.replace('us-east-1', 'eu-west-1'))).toBe(
      `KMSNotFoundException: Key '${ARN_A.replace('us-east-1', 'eu-west-1')}' does not exist`,
    )
    expect(await refusedStart(harness, ARN_A.replace('123456789012', '999999999999'))).toContain(
      'KMSAccessDeniedException',
    )
    expect(await put(harness, 'x')).not.toHaveProperty('EncryptionType')
  })
})

describe('what is refused', () => {
  it('NONE, another key at the stop, a stream that is not there', async () => {
    await using harness = await withStream(new KeyRing(A, B))
    expect(await refusedStart(harness, KEY_A, 'NONE')).toBe('InvalidArgumentException: EncryptionType must be KMS.')
    await start(harness, KEY_A)
    const none = { StreamName, EncryptionType: 'NONE', KeyId: KEY_A } as const
    expect(await harness.fault(StopStreamEncryption, none)).toBe(
      'InvalidArgumentException: EncryptionType must be KMS.',
    )
    expect(await harness.fault(StopStreamEncryption, { ...none, EncryptionType: 'KMS', KeyId: KEY_B })).toBe(
      `InvalidArgumentException: KeyId ${KEY_B} is not the key that stream s under account 123456789012 is encrypted with.`,
    )
    const other = { StreamName: 'none', EncryptionType: 'KMS', KeyId: KEY_A } as const
    for (const operation of [StartStreamEncryption, StopStreamEncryption])
      expect(await harness.fault(operation, other)).toContain('ResourceNotFoundException')
  })

  it('the 26th start, and the 26th stop, in a day, also after a restart; a stop of nothing does not count', async () => {
    const ring = new KeyRing(A)
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    await using harness = await withStream(ring, { clock, memory })
    for (let i = 0; i < 26; i++) await stop(harness, KEY_A)
    for (let i = 0; i < 25; i++) {
      await start(harness, KEY_A)
      await stop(harness, KEY_A)
    }
    await using second = await ServiceHarness.open({ masterKeys: ring, clock, memory })
    expect(await refusedStart(second, KEY_A)).toBe(
      'LimitExceededException: StartStreamEncryption can be called at most 25 times in 24 hours for stream s under ' +
        'account 123456789012.',
    )
    await second.advance(24 * HOUR_MS)
    await start(second, KEY_A)
  })
})

describe('data keys', () => {
  it('are let go when their records have expired, and not before', async () => {
    await using harness = await withStream(new KeyRing(A))
    await start(harness, KEY_A)
    await put(harness, 'first')
    await harness.advance(HOUR_MS)
    await start(harness, KEY_A)
    await harness.advance(23 * HOUR_MS)
    await start(harness, KEY_A)
    expect((await dataKeys(harness)).map(({ id }) => id)).toEqual([1, 2, 3])
    await harness.advance(3 * HOUR_MS)
    await start(harness, KEY_A)
    expect((await dataKeys(harness)).map(({ id }) => id)).toEqual([2, 3, 4])
  })

  it('of records that came before a clock stepped back are kept as long as those', async () => {
    const clock = new VirtualClock()
    await using harness = await withStream(new KeyRing(A), { clock })
    await start(harness, KEY_A)
    await harness.advance(100 * HOUR_MS)
    await put(harness, 'late')
    clock.stepWall(-90 * HOUR_MS)
    await start(harness, KEY_A)
    clock.stepWall(90 * HOUR_MS)
    await harness.advance(HOUR_MS)
    await start(harness, KEY_A)
    expect((await dataKeys(harness)).map(({ id }) => id)).toEqual([1, 2, 3])
    expect(await texts(harness)).toEqual(['late KMS'])
  })

  it('are renewed after thirty days', async () => {
    await using harness = await withStream(new KeyRing(A))
    await start(harness, KEY_A)
    await harness.advance(30 * 24 * HOUR_MS + 61_000)
    expect((await dataKeys(harness)).map(({ id }) => id)).toContain(2)
  })

  it(`are ${DATA_KEYS_MAX} at most`, async () => {
    await using harness = await withStream(new KeyRing(A))
    await start(harness, KEY_A)
    const key = 'catalog/streams/123456789012/us-east-1/s/data-keys'
    const [entry] = await harness.memory.meta.list(key)
    const [first] = await dataKeys(harness)
    const many = Array.from({ length: DATA_KEYS_MAX }, (_, i) => ({ ...first, id: i + 1, sinceMs: 9e15 }))
    const value = bytesOf(JSON.stringify({ v: 1, dataKeys: many }))
    expect(value.length).toBeLessThan(100_000)
    await harness.memory.meta.cas([{ key, value, expect: entry?.revision ?? 0 }], { deadlineMs: Infinity })
    expect(await refusedStart(harness, KEY_A)).toContain('LimitExceededException: Stream s under account 123456789012')
  })
})

describe('two servers', () => {
  it('read what the other sealed, also with a key of which they have not heard', async () => {
    const clock = new VirtualClock()
    const memory = createMemoryEngine({ clock })
    const masterKeys = new KeyRing(A)
    await using first = await withStream(masterKeys, { clock, memory })
    await using second = await ServiceHarness.open({ clock, memory, masterKeys, wrap: deafEngine, seed: 2 })
    await start(first, KEY_A)
    await put(first, 'one')
    expect(await texts(second)).toEqual(['one KMS'])
    await start(first, KEY_A)
    const { SequenceNumber } = await put(first, 'two')
    expect(await texts(second, SequenceNumber)).toEqual(['two KMS'])
  })
})

describe('a server that crashes', () => {
  it.each([0, 1, 2])(
    'after %i changes of a start leaves a stream that is encrypted, or not, and no record lost',
    async (changesLeft) => {
      const clock = new VirtualClock()
      const memory = createMemoryEngine({ clock })
      const masterKeys = new KeyRing(A, B)
      const crash: Crash = {}
      await using first = await withStream(masterKeys, {
        clock,
        memory,
        wrap: (engine) => crashingEngine(engine, crash),
      })
      await start(first, KEY_A)
      await put(first, 'before')
      crash.changesLeft = changesLeft
      await refusedStart(first, KEY_B)
      await put(first, 'between')
      await using second = await ServiceHarness.open({ clock, memory, masterKeys, seed: 2 })
      const { StreamDescriptionSummary: found } = await second.call(DescribeStreamSummary, { StreamName })
      expect(found).toMatchObject({ StreamStatus: 'ACTIVE', KeyId: changesLeft === 0 ? KEY_A : KEY_B })
      await put(second, 'after')
      expect(await texts(second)).toEqual(['before KMS', 'between KMS', 'after KMS'])
    },
  )
})

describe('what is stored', () => {
  it('is damage when it was changed: not answered, and logged', async () => {
    const lines: string[] = []
    const note = (message: string): void => void lines.push(message)
    const logger = { debug: note, info: note, warn: note, error: note }
    const ring = new KeyRing(A)
    await using harness = await withStream(ring, {
      logger,
      wrap: (engine) => {
        const append: typeof engine.shards.append = (parts, options) => {
          const bytes = parts[0]?.bytes ?? Buffer.of()
          if (bytes.length > 60) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
          return engine.shards.append(parts, options)
        }
        const { shards } = lendingEngine(engine)
        return { ...deafEngine(engine), shards: { ...shards, append } }
      },
    })
    await start(harness, KEY_A)
    await put(harness, 'fine')
    const { SequenceNumber } = await put(harness, 'changed on its way to the disk')
    expect(await texts(harness)).toEqual(['fine KMS'])
    const ShardIterator = await iterator(harness, SequenceNumber)
    expect(await harness.fault(GetRecords, { ShardIterator })).toBe('InternalFailure')
    expect(lines).toContain('a reader met stored data that cannot be read')
  })
})
