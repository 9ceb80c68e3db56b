/** That the helpers of the conformance suite hide no failure, and do not wait without end. */
import { GetRecordsCommand, KinesisClient } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'

import { patient } from './conformance/support/patient.ts'
import { iteratorAt, pagesFrom, shardsOf, textOf } from './conformance/support/records.ts'
import { refusal } from './conformance/support/service.ts'

const get = new GetRecordsCommand({ ShardIterator: 'x' })

/** A client whose every call is answered like this. */
function answering(answer: () => object): KinesisClient {
  const sdk = new KinesisClient({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })
  sdk.middlewareStack.add(() => async () => ({ response: {}, output: { $metadata: {}, ...answer() } }), {
    step: 'initialize',
    priority: 'low',
  })
  return sdk
}

const fails = (name: string, $metadata?: object) => (): never => {
  throw Object.assign(new Error('no'), { name, $metadata })
}

describe('refusal', () => {
  it('is what the service answered', async () => {
    const call = answering(fails('LimitExceededException', { httpStatusCode: 400 })).send(get)
    expect(await refusal(call)).toEqual({ name: 'LimitExceededException', message: 'no', status: 400 })
  })

  it('is not a call that failed by itself, nor one that succeeded', async () => {
    await expect(refusal(Promise.reject(new TypeError('of our own')))).rejects.toThrow('of our own')
    await expect(refusal(Promise.resolve())).rejects.toThrow('expected the call to be refused')
  })
})

describe('reading a shard', () => {
  it('takes nothing for what is not there', async () => {
    const empty = answering(() => ({}))
    await expect(iteratorAt(empty, 's', 'shardId-0')).rejects.toThrow('expected an iterator of shardId-0 of s')
    await expect(shardsOf(empty, 's')).rejects.toThrow('expected all shards of s in one answer')
    const paged = answering(() => ({ Shards: [], NextToken: 'more' }))
    await expect(shardsOf(paged, 's')).rejects.toThrow('expected all shards of s in one answer')
    expect(() => textOf({ SequenceNumber: '7', Data: undefined, PartitionKey: 'k' })).toThrow('record 7')
  })

  it('ends with a word where the tip never comes', async () => {
    const endless = answering(() => ({ Records: [], MillisBehindLatest: 5, NextShardIterator: 'next' }))
    await expect(pagesFrom(endless, 'first')).rejects.toThrow('the shard has no end: 1000 pages, 5 ms behind')
  })
})

describe('a patient client', () => {
  it('says what it waited for in vain, and does not wait for anything else', async () => {
    const throttled = patient(answering(fails('ProvisionedThroughputExceededException')), 1)
    await expect(throttled.send(get)).rejects.toThrow('GetRecordsCommand: the shard had enough for 1 ms')
    const failing = patient(answering(fails('InternalFailure')), 60_000)
    await expect(failing.send(get)).rejects.toMatchObject({ name: 'InternalFailure' })
  })
})
