import {
  AddTagsToStream,
  CreateStream,
  DeleteResourcePolicy,
  DeleteStream,
  DescribeAccountSettings,
  DescribeLimits,
  DescribeStreamSummary,
  DisableEnhancedMonitoring,
  EnableEnhancedMonitoring,
  GetResourcePolicy,
  ListTagsForResource,
  ListTagsForStream,
  PutRecord,
  PutResourcePolicy,
  RegisterStreamConsumer,
  RemoveTagsFromStream,
  TagResource,
  UntagResource,
  UpdateAccountSettings,
  UpdateMaxRecordSize,
} from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { ServiceHarness } from '../testing/service-harness.ts'

const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/s'
const NOT_FOUND = 'ResourceNotFoundException: Stream s under account 123456789012 not found.'
const StreamName = 's'

async function withStream(settings = {}): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open({ settings })
  await harness.call(CreateStream, { StreamName, ShardCount: 1 })
  return harness
}

function numbered(count: number, from = 0): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`key-${from + i}`, 'v']))
}

describe('tags of a stream', () => {
  it('are added, replaced, listed by code point, and removed; keys that are not there are passed over', async () => {
    await using harness = await withStream()
    await harness.call(AddTagsToStream, {
      StreamName,
      Tags: { b: '1', 'a/é+=-@:._ ': '', '\u{1d538}': '2', '\uff21': '3' },
    })
    await harness.call(TagResource, { ResourceARN: ARN, Tags: { b: '4' } })
    expect(await harness.call(ListTagsForStream, { StreamName })).toEqual({
      Tags: [
        { Key: 'a/é+=-@:._ ', Value: '' },
        { Key: 'b', Value: '4' },
        { Key: '\uff21', Value: '3' },
        { Key: '\u{1d538}', Value: '2' },
      ],
      HasMoreTags: false,
    })
    await harness.call(RemoveTagsFromStream, { StreamName, TagKeys: ['b', 'nobody'] })
    await harness.call(UntagResource, { ResourceARN: ARN, TagKeys: ['\uff21'] })
    const { Tags } = await harness.call(ListTagsForResource, { ResourceARN: ARN })
    expect(Tags?.map(({ Key }) => Key)).toEqual(['a/é+=-@:._ ', '\u{1d538}'])
  })

  it('come in pages, from behind a key that need not be there', async () => {
    await using harness = await withStream()
    await harness.call(AddTagsToStream, { StreamName, Tags: { a: '', c: '', d: '' } })
    const page = await harness.call(ListTagsForStream, { StreamName, Limit: 1, ExclusiveStartTagKey: 'b' })
    expect(page).toEqual({ Tags: [{ Key: 'c', Value: '' }], HasMoreTags: true })
  })

  it('are 50 at most, counting those that are there', async () => {
    await using harness = await withStream()
    await harness.call(AddTagsToStream, { StreamName, Tags: numbered(49) })
    const one = { StreamName, Tags: { 'key-0': 'again', more: '' } }
    await harness.call(AddTagsToStream, one)
    await harness.call(AddTagsToStream, one)
    expect(await harness.fault(AddTagsToStream, { StreamName, Tags: { another: '' } })).toBe(
      'InvalidArgumentException: Failed to add tags to stream s under account 123456789012 because a given stream ' +
        'cannot have more than 50 tags associated with it.',
    )
    expect((await harness.call(ListTagsForStream, { StreamName })).Tags).toHaveLength(50)
    expect(await harness.fault(CreateStream, { StreamName: 't', ShardCount: 1, Tags: numbered(51) })).toContain(
      'cannot have more than 50 tags',
    )
  })

  it.each([
    ['a;b', 'Some tags contain invalid characters.'],
    ['a,b', 'Some tags contain invalid characters.'],
    ['a\tb', 'Some tags contain invalid characters.'],
    ['a\nb', 'Some tags contain invalid characters.'],
    ['100%;', 'Some tags contain invalid characters.'],
    ['100%', 'some tags contained illegal characters.'],
  ])('%j is refused as a key, as a value and for removal', async (text, words) => {
    await using harness = await withStream()
    for (const Tags of [{ [text]: '' }, { good: text }] as Record<string, string>[]) {
      expect(await harness.fault(AddTagsToStream, { StreamName, Tags })).toContain(words)
      expect(await harness.fault(CreateStream, { StreamName: 't', ShardCount: 1, Tags })).toContain(words)
    }
    expect(await harness.fault(RemoveTagsFromStream, { StreamName, TagKeys: [text] })).toContain(words)
    expect(await harness.fault(AddTagsToStream, { StreamName: 'nobody', Tags: { [text]: '' } })).toContain('not found')
  })

  it.each(['aws:cloudformation:stack-name', 'AWS:x', 'aws:'])(
    '%j is no key for callers to give or take',
    async (key) => {
      await using harness = await withStream()
      const words = "keys that begin with 'aws:' are reserved for AWS."
      const added = `InvalidArgumentException: Failed to add tags to stream s under account 123456789012 because ${words}`
      const Tags = { good: '', [key]: '' }
      expect(await harness.fault(AddTagsToStream, { StreamName, Tags })).toBe(added)
      expect(await harness.fault(TagResource, { ResourceARN: ARN, Tags })).toBe(added)
      expect(await harness.fault(CreateStream, { StreamName: 't', ShardCount: 1, Tags })).toContain(words)
      const consumer = { StreamARN: ARN, ConsumerName: 'c', Tags }
      expect(await harness.fault(RegisterStreamConsumer, consumer)).toContain(words)
      const removed = added.replace('add tags to', 'remove tags from')
      expect(await harness.fault(RemoveTagsFromStream, { StreamName, TagKeys: [key] })).toBe(removed)
      expect(await harness.fault(UntagResource, { ResourceARN: ARN, TagKeys: [key] })).toBe(removed)
      await harness.call(AddTagsToStream, { StreamName, Tags: { good: 'aws:', awsome: '' } })
    },
  )

  it('of what an ARN does not name are not found', async () => {
    await using harness = await withStream()
    await harness.call(DeleteStream, { StreamName })
    expect(await harness.fault(TagResource, { ResourceARN: ARN, Tags: { a: '' } })).toBe(NOT_FOUND)
    expect(await harness.fault(ListTagsForResource, { ResourceARN: ARN })).toBe(NOT_FOUND)
    const consumer = `${ARN}/consumer/c:1`
    expect(await harness.fault(UntagResource, { ResourceARN: consumer, TagKeys: ['a'] })).toBe(
      `ResourceNotFoundException: Consumer ${consumer}, account 123456789012 not found.`,
    )
    const foreign = ARN.replace('123456789012', '210987654321')
    expect(await harness.fault(ListTagsForResource, { ResourceARN: foreign })).toContain('AccessDeniedException')
  })
})

describe('enhanced monitoring', () => {
  it('tells what was reported before and after, and Describe tells it too', async () => {
    await using harness = await withStream()
    const some = { StreamName, ShardLevelMetrics: ['OutgoingBytes', 'IncomingBytes'] as const }
    expect(await harness.call(EnableEnhancedMonitoring, some)).toEqual({
      StreamName,
      StreamARN: ARN,
      CurrentShardLevelMetrics: [],
      DesiredShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'],
    })
    const all = await harness.call(EnableEnhancedMonitoring, { StreamName, ShardLevelMetrics: ['ALL'] })
    expect(all.CurrentShardLevelMetrics).toEqual(['IncomingBytes', 'OutgoingBytes'])
    expect(all.DesiredShardLevelMetrics).toHaveLength(7)
    const less = await harness.call(DisableEnhancedMonitoring, { ...some, StreamName: undefined, StreamARN: ARN })
    expect(less.DesiredShardLevelMetrics).toHaveLength(5)
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName })
    expect(StreamDescriptionSummary.EnhancedMonitoring).toEqual([{ ShardLevelMetrics: less.DesiredShardLevelMetrics }])
    const none = await harness.call(DisableEnhancedMonitoring, { StreamName, ShardLevelMetrics: ['ALL'] })
    expect(none.DesiredShardLevelMetrics).toEqual([])
  })

  it('is refused while the stream is being made', async () => {
    await using harness = await withStream({ statusDelayMs: 1_000 })
    expect(await harness.fault(EnableEnhancedMonitoring, { StreamName, ShardLevelMetrics: ['ALL'] })).toContain(
      'not ACTIVE, instead in state CREATING',
    )
  })
})

describe('UpdateMaxRecordSize', () => {
  it('counts at once, and lets stored records be', async () => {
    await using harness = await withStream()
    const put = { StreamName, PartitionKey: 'k', Data: new Uint8Array(1_048_577) }
    expect(await harness.fault(PutRecord, put)).toContain('ValidationException')
    await harness.call(UpdateMaxRecordSize, { StreamARN: ARN, MaxRecordSizeInKiB: 2_048 })
    await harness.call(PutRecord, put)
    const { StreamDescriptionSummary } = await harness.call(DescribeStreamSummary, { StreamName })
    expect(StreamDescriptionSummary.MaxRecordSizeInKiB).toBe(2_048)
    await harness.call(UpdateMaxRecordSize, { StreamARN: ARN, MaxRecordSizeInKiB: 1_024 })
    expect(await harness.fault(PutRecord, put)).toContain('ValidationException')
  })

  it('wants a stream that is there and ACTIVE', async () => {
    await using harness = await withStream({ statusDelayMs: 1_000 })
    expect(await harness.fault(UpdateMaxRecordSize, { StreamARN: ARN, MaxRecordSizeInKiB: 2_048 })).toContain(
      'CREATING',
    )
    const other = `${ARN}x`
    expect(await harness.fault(UpdateMaxRecordSize, { StreamARN: other, MaxRecordSizeInKiB: 2_048 })).toContain(
      'not found',
    )
    expect(await harness.fault(UpdateMaxRecordSize, { MaxRecordSizeInKiB: 2_048 })).toContain(
      'InvalidArgumentException',
    )
  })
})

describe('resource policies', () => {
  const statement = { Effect: 'Allow', Principal: { AWS: '210987654321' }, Action: 'kinesis:GetRecords', Resource: ARN }
  const policy = (Statement: unknown): string => JSON.stringify({ Version: '2012-10-17', Statement }, undefined, 2)

  it('are given back letter for letter, replaced and deleted; none is {}', async () => {
    await using harness = await withStream()
    const get = async (): Promise<string> => (await harness.call(GetResourcePolicy, { ResourceARN: ARN })).Policy
    expect(await get()).toBe('{}')
    await harness.call(PutResourcePolicy, { ResourceARN: ARN, Policy: policy(statement) })
    expect(await get()).toBe(policy(statement))
    const two = policy([statement, { ...statement, Effect: 'Deny', Action: ['kinesis:PutRecord', 'kinesis:*'] }])
    await harness.call(PutResourcePolicy, { ResourceARN: ARN, Policy: two })
    expect(await get()).toBe(two)
    await harness.call(DeleteResourcePolicy, { ResourceARN: ARN })
    expect(await get()).toBe('{}')
    expect(await harness.fault(DeleteResourcePolicy, { ResourceARN: ARN })).toBe(
      `ResourceNotFoundException: No resource policy found for resource ARN ${ARN}.`,
    )
  })

  it.each([
    ['{', 'it is not JSON'],
    ['[]', 'it is not a JSON object'],
    ['{"Version":"2008-10-17"}', "its Version must be '2012-10-17'"],
    [policy([]), 'it has no Statement'],
    [policy('x'), 'Statement 1: it is not a JSON object'],
    [policy([statement, { ...statement, Effect: 'allow' }]), "Statement 2: its Effect must be 'Allow' or 'Deny'"],
    [policy({ ...statement, Principal: undefined }), 'Statement 1: it has no Principal'],
    [
      policy({ ...statement, Action: 's3:GetObject' }),
      "Statement 1: its Action must be one or more actions of 'kinesis'",
    ],
    [policy({ ...statement, Resource: '*' }), `Statement 1: its Resource must be ${ARN}`],
    [`${policy(statement)}${' '.repeat(20_480)}`, 'a policy may have at most 20480'],
  ])('%j is refused in a sentence', async (Policy, words) => {
    await using harness = await withStream()
    const fault = await harness.fault(PutResourcePolicy, { ResourceARN: ARN, Policy })
    expect(fault).toContain(`InvalidArgumentException: The policy of ${ARN} cannot be taken: `)
    expect(fault).toContain(words)
  })

  it('of a stream that is not there are not found', async () => {
    await using harness = await ServiceHarness.open()
    expect(await harness.fault(GetResourcePolicy, { ResourceARN: ARN })).toBe(NOT_FOUND)
    expect(await harness.fault(PutResourcePolicy, { ResourceARN: ARN, Policy: '{' })).toBe(NOT_FOUND)
    expect(await harness.fault(DeleteResourcePolicy, { ResourceARN: ARN })).toBe(NOT_FOUND)
  })
})

describe('the account', () => {
  it('has limits, and open shards that count towards them', async () => {
    await using harness = await ServiceHarness.open({ settings: { quotas: { shards: 7 } } })
    await harness.call(CreateStream, { StreamName, ShardCount: 3 })
    await harness.call(CreateStream, { StreamName: 't', ShardCount: 2 })
    expect(await harness.call(DescribeLimits, {})).toMatchObject({ ShardLimit: 7, OpenShardCount: 5 })
    await harness.call(DeleteStream, { StreamName })
    expect(await harness.call(DescribeLimits, {})).toMatchObject({ OpenShardCount: 2, OnDemandStreamCount: 0 })
    expect(await harness.call(DescribeLimits, {}, { region: 'eu-west-1' })).toMatchObject({ OpenShardCount: 0 })
  })

  it('commits itself for a day at least', async () => {
    await using harness = await ServiceHarness.open()
    const told = async () => (await harness.call(DescribeAccountSettings, {})).MinimumThroughputBillingCommitment
    const set = async (Status: 'ENABLED' | 'DISABLED') =>
      (await harness.call(UpdateAccountSettings, { MinimumThroughputBillingCommitment: { Status } }))
        .MinimumThroughputBillingCommitment
    expect(await told()).toEqual({ Status: 'DISABLED' })
    expect(await set('DISABLED')).toEqual({ Status: 'DISABLED' })
    const StartedAt = harness.clock.now()
    const EarliestAllowedEndAt = StartedAt + 86_400_000
    expect(await set('ENABLED')).toEqual({ Status: 'ENABLED', StartedAt, EarliestAllowedEndAt })
    harness.clock.advance(1_000)
    const ending = { Status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END', StartedAt, EarliestAllowedEndAt }
    expect(await set('DISABLED')).toEqual(ending)
    expect(await set('ENABLED')).toEqual({ Status: 'ENABLED', StartedAt, EarliestAllowedEndAt })
    expect(await set('DISABLED')).toEqual(ending)
    harness.clock.advance(86_400_000)
    expect(await told()).toEqual({ Status: 'DISABLED', StartedAt, EndedAt: EarliestAllowedEndAt })
    expect(await set('ENABLED')).toMatchObject({ Status: 'ENABLED', StartedAt: harness.clock.now() })
    const elsewhere = await harness.call(DescribeAccountSettings, {}, { account: '210987654321' })
    expect(elsewhere.MinimumThroughputBillingCommitment).toEqual({ Status: 'DISABLED' })
  })
})
