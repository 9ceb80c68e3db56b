/** What each operation needs, that each is asked for it, and that what was remembered never outlives its reasons. */
import { isWildcardOnlyAction } from '@cloud-copilot/iam-simulate'
import {
  AddTagsToStream,
  channelArn,
  consumerArn,
  CreateStream,
  DescribeStreamConsumer,
  GetRecords,
  GetResourcePolicy,
  GetShardIterator,
  ListShards,
  PutRecord,
  PutResourcePolicy,
  RegisterStreamConsumer,
  streamArn,
} from '@millrace/protocol'
import { seededRandom } from '@millrace/std/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { applicationHandlers } from '../../applications/operations/registry.ts'
import { handlers } from '../../operations/registry.ts'
import { TokenSeal } from '../../streams/sealed-token.ts'
import { ACCOUNT, REGION, ServiceHarness } from '../../testing/service-harness.ts'
import { allowEverything, compilePolicy, type Policy } from './policy.ts'
import { type Principal, rootOf, userOf } from './principal.ts'
import { requiredAccess } from './required-access.ts'

const STREAM = streamArn({ account: ACCOUNT, region: REGION, name: 's' })
const OTHER = '999988887777'

const identity = (...statements: unknown[]): Policy =>
  compilePolicy({ Version: '2012-10-17', Statement: statements }, 'identity')
const allow = (Action: string | string[], Resource = '*', Condition?: unknown): Policy =>
  identity({ Effect: 'Allow', Action, Resource, ...(Condition === undefined ? {} : { Condition }) })
const ann = (...policies: Policy[]): { principal: Principal } => ({ principal: userOf(ACCOUNT, 'ann', policies) })

let harness: ServiceHarness
beforeEach(async () => {
  harness = await ServiceHarness.open()
  await harness.call(CreateStream, { StreamName: 's', ShardCount: 1, Tags: { Team: 'sea' } })
})
afterEach(() => harness[Symbol.asyncDispose]())

describe('what an operation needs', () => {
  const lookup = {
    account: ACCOUNT,
    region: REGION,
    catalog: { find: () => undefined, withChannels: () => [] },
    seal: new TokenSeal(new Uint8Array(32), seededRandom(1)),
  }
  const needs = (operation: string, input: Parameters<typeof requiredAccess>[1]) =>
    requiredAccess(operation, input, lookup).map(({ action, target }) => `${action} ${target.resource}`)
  const named = { StreamName: 's' }

  it.each([...handlers.keys()])('%s: its own action, on what it names or on *', async (operation) => {
    const isToken = operation === 'GetRecords'
    // Of its own, below.
    if (operation === 'CreateChannel') return
    // Which actions are about no resource, an independent list of AWS's says.
    const resource = isToken || (await isWildcardOnlyAction('kinesis', operation)) ? '*' : STREAM
    expect(needs(operation, isToken ? { ShardIterator: 'none' } : named)).toEqual([`kinesis:${operation} ${resource}`])
  })

  it.each([...handlers.keys()])('%s is refused to who may do nothing', async (operation) => {
    const context = {
      account: ACCOUNT,
      region: REGION,
      requestId: 'request',
      deadlineMs: 1e9,
      signal: new AbortController().signal,
    }
    const call = harness.service.execute(operation, named, { ...context, principal: rootOf(ACCOUNT, []) })
    await expect(call).rejects.toThrow(
      `User: arn:aws:iam::${ACCOUNT}:root is not authorized to perform: kinesis:${operation} on resource: `,
    )
  })

  it.each([...applicationHandlers.keys()])(
    '%s: an action of our own, on the application it names',
    async (operation) => {
      const ARN = `arn:aws:millrace:${REGION}:${ACCOUNT}:application/orders`
      expect(needs(operation, { ApplicationName: 'orders' })).toEqual([`millrace:${operation} ${ARN}`])
      expect(needs(operation, {})).toEqual([`millrace:${operation} *`])
      const context = { account: ACCOUNT, region: REGION, requestId: 'r', deadlineMs: 1e9, signal: new AbortController().signal } // prettier-ignore
      const call = (Action: string, Resource: string) => {
        const allowing = compilePolicy(
          { Version: '2012-10-17', Statement: { Effect: 'Allow', Action, Resource } },
          'identity',
        )
        const principal = rootOf(ACCOUNT, [allowing])
        return harness.service.execute(operation, { ApplicationName: 'orders', Worker: 'w', Leases: [], Updates: [], TtlMs: 500 }, { ...context, principal }) // prettier-ignore
      }
      await expect(call('kinesis:*', '*')).rejects.toThrow(
        `User: arn:aws:iam::${ACCOUNT}:root is not authorized to perform: millrace:${operation} on resource: ${ARN}`,
      )
      await expect(call('millrace:*', `${ARN}-2`)).rejects.toThrow('is not authorized')
      const allowed = await call('millrace:*', ARN).then(() => '', String)
      expect(allowed).not.toContain('AccessDenied')
    },
  )

  it('tags at birth need their own action too', () => {
    const Tags = { a: 'b' }
    expect(needs('CreateStream', { ...named, Tags })).toEqual([
      `kinesis:CreateStream ${STREAM}`,
      `kinesis:AddTagsToStream ${STREAM}`,
    ])
    expect(needs('RegisterStreamConsumer', { StreamARN: STREAM, ConsumerName: 'c', Tags })).toEqual([
      `kinesis:RegisterStreamConsumer ${STREAM}`,
      `kinesis:TagResource ${STREAM}/consumer/c:*`,
    ])
    expect(needs('CreateStream', { ...named, Tags: {} })).toHaveLength(1)
  })

  it('channels are named by their ARN; one to be made needs its stream, too', () => {
    const ChannelARN = channelArn({ account: ACCOUNT, region: REGION, id: 'abc' })
    expect(needs('DescribeChannel', { ChannelARN })).toEqual([`kinesis:DescribeChannel ${ChannelARN}`])
    expect(needs('TagResource', { ResourceARN: ChannelARN })).toEqual([`kinesis:TagResource ${ChannelARN}`])
    const any = channelArn({ account: ACCOUNT, region: REGION, id: '*' })
    const input = { StreamConfigurationList: [{ StreamARN: STREAM }], Tags: { a: 'b' } }
    expect(needs('CreateChannel', input)).toEqual([
      `kinesis:CreateChannel ${any}`,
      `kinesis:AssociateStreamsWithChannel ${STREAM}`,
      `kinesis:TagResource ${any}`,
    ])
  })

  it('consumers are named by their ARN, or by the stream and their name', () => {
    const ConsumerARN = consumerArn({
      stream: { account: ACCOUNT, region: REGION, name: 's' },
      consumer: 'c',
      createdS: 7,
    })
    for (const operation of ['DescribeStreamConsumer', 'SubscribeToShard'])
      expect(needs(operation, { ConsumerARN })).toEqual([`kinesis:${operation} ${ConsumerARN}`])
    expect(needs('TagResource', { ResourceARN: ConsumerARN })).toEqual([`kinesis:TagResource ${ConsumerARN}`])
    expect(needs('DescribeStreamConsumer', { StreamARN: STREAM, ConsumerName: 'c' })).toEqual([
      `kinesis:DescribeStreamConsumer ${STREAM}/consumer/c:*`,
    ])
  })
})

describe('an authorised request', () => {
  it('is judged by the stream of its iterator and of its token, even when these have expired', async () => {
    const { ShardIterator = '' } = await harness.call(GetShardIterator, {
      StreamName: 's',
      ShardId: 'shardId-000000000000',
      ShardIteratorType: 'LATEST',
    })
    const readOther = ann(allow('kinesis:*', `${STREAM}-other`))
    expect(await harness.fault(GetRecords, { ShardIterator }, readOther)).toContain(`on resource: ${STREAM} because`)
    await harness.advance(301_000)
    expect(await harness.fault(GetRecords, { ShardIterator }, readOther)).toContain('AccessDeniedException')
    const reader = ann(allow('kinesis:GetRecords', STREAM))
    expect(await harness.fault(GetRecords, { ShardIterator }, reader)).toContain('ExpiredIteratorException')
    await harness.call(CreateStream, { StreamName: 'two', ShardCount: 2 })
    const { NextToken = '' } = await harness.call(ListShards, { StreamName: 'two', MaxResults: 1 })
    expect(await harness.fault(ListShards, { NextToken }, ann(allow('kinesis:*', STREAM)))).toContain('stream/two')
    const { Shards } = await harness.call(
      ListShards,
      { NextToken },
      ann(allow('kinesis:ListShards', `${STREAM.slice(0, -1)}two`)),
    )
    expect(Shards).toHaveLength(1)
  })

  it('is judged by tags of the resource, tags of its own, time, place and transport', async () => {
    const put = { StreamName: 's', Data: new Uint8Array(1), PartitionKey: 'k' }
    const when = (condition: unknown) => ann(allow('kinesis:*', '*', condition))
    expect(await harness.fault(PutRecord, put, when({ StringEquals: { 'aws:ResourceTag/team': 'sea' } }))).toBe(
      'no error',
    )
    expect(await harness.fault(PutRecord, put, when({ StringEquals: { 'aws:ResourceTag/Team': 'air' } }))).toContain(
      'Denied',
    )
    const tag = { StreamName: 's', Tags: { Cost: '1' } }
    expect(
      await harness.fault(
        AddTagsToStream,
        tag,
        when({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['Cost', 'Team'] } }),
      ),
    ).toBe('no error')
    expect(
      await harness.fault(AddTagsToStream, tag, when({ 'ForAllValues:StringEquals': { 'aws:TagKeys': 'Team' } })),
    ).toContain('Denied')
    expect(await harness.fault(AddTagsToStream, tag, when({ StringEquals: { 'aws:RequestTag/Cost': '1' } }))).toBe(
      'no error',
    )
    const peer = { address: '203.0.113.9', isSecure: true }
    const inside = when({ IpAddress: { 'aws:SourceIp': '0.0.0.0/0' }, Bool: { 'aws:SecureTransport': 'true' } })
    expect(await harness.fault(PutRecord, put, { ...inside, peer })).toBe('no error')
    expect(await harness.fault(PutRecord, put, inside)).toContain('Denied')
    const before = when({ DateLessThan: { 'aws:CurrentTime': new Date(harness.clock.now() + 5_000).toISOString() } })
    expect(await harness.fault(PutRecord, put, before)).toBe('no error')
    await harness.advance(5_000)
    expect(await harness.fault(PutRecord, put, before)).toContain('Denied')
  })

  it('is judged anew when the policy of the resource changes', async () => {
    const put = { StreamARN: STREAM, Data: new Uint8Array(1), PartitionKey: 'k' }
    const stranger = { account: OTHER, principal: rootOf(OTHER, [allowEverything]) }
    expect(await harness.fault(PutRecord, put, stranger)).toContain('because no resource-based policy allows')
    const statement = { Effect: 'Allow', Principal: { AWS: OTHER }, Action: 'kinesis:PutRecord', Resource: STREAM }
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: statement })
    await harness.call(PutResourcePolicy, { ResourceARN: STREAM, Policy })
    expect(await harness.fault(PutRecord, put, stranger)).toBe('no error')
    const denying = JSON.stringify({ Version: '2012-10-17', Statement: { ...statement, Effect: 'Deny' } })
    await harness.call(PutResourcePolicy, { ResourceARN: STREAM, Policy: denying })
    expect(await harness.fault(PutRecord, put, stranger)).toContain('explicit deny in a resource-based policy')
    // The owner's own answer was remembered as well.
    const owner = ann(allowEverything)
    expect(await harness.fault(GetResourcePolicy, { ResourceARN: STREAM }, owner)).toBe('no error')
    expect(await harness.fault(GetResourcePolicy, { ResourceARN: STREAM }, ann())).toContain('Denied')
  })

  it('finds a consumer by name only where a policy for its ARN allows it', async () => {
    const { Consumer } = await harness.call(RegisterStreamConsumer, { StreamARN: STREAM, ConsumerName: 'c' })
    const input = { StreamARN: STREAM, ConsumerName: 'c' }
    const byArn = ann(allow('kinesis:DescribeStreamConsumer', Consumer.ConsumerARN))
    expect(await harness.fault(DescribeStreamConsumer, input, byArn)).toBe('no error')
    const ofStream = ann(allow('kinesis:DescribeStreamConsumer', STREAM))
    expect(await harness.fault(DescribeStreamConsumer, input, ofStream)).toContain(Consumer.ConsumerARN)
  })

  it.each([
    [{ Condition: { StringEqualsMaybe: { 'aws:username': 'ann' } } }, 'operators like StringEquals or ArnLike'],
    [{ Principal: { AWS: 'arn:aws:iam::*:user/ann' } }, 'without wildcards'],
    [{ NotAction: 'kinesis:*' }, 'Action or NotAction, and not both'],
    [{ Extra: 1 }, 'nothing but Sid, Effect'],
  ])('a policy with %j is not taken for a resource', async (change, message) => {
    const statement = { Effect: 'Allow', Principal: '*', Action: 'kinesis:PutRecord', Resource: STREAM, ...change }
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
    expect(await harness.fault(PutResourcePolicy, { ResourceARN: STREAM, Policy })).toContain(message)
  })
})
