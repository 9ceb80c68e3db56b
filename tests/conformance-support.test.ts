/** That the helpers of the conformance suite hide no failure, and do not wait without end. */
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DeregisterStreamConsumerCommand,
  GetRecordsCommand,
  KinesisClient,
  RegisterStreamConsumerCommand,
} from '@aws-sdk/client-kinesis'
import { readSignature, SigningKeyCache, verifySignature } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'

import { removeStreams } from './conformance/support/cleaning.ts'
import { patient } from './conformance/support/patient.ts'
import { iteratorAt, pagesFrom, shardsOf, textOf } from './conformance/support/records.ts'
import { refusal } from './conformance/support/service.ts'
import { settling } from './conformance/support/settling.ts'
import { headersOf } from './conformance/support/wire.ts'

const get = new GetRecordsCommand({ ShardIterator: 'x' })

/** A client whose every call is answered like this. */
function answering(answer: (operation: string, input: object) => object): KinesisClient {
  const sdk = new KinesisClient({ region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })
  sdk.middlewareStack.add(
    (_, { commandName = '' }) =>
      async ({ input }) => {
        const output = { $metadata: {}, ...answer(commandName.slice(0, -'Command'.length), input) }
        return { response: {}, output }
      },
    { step: 'initialize', priority: 'low' },
  )
  return sdk
}

const fails =
  (name: string, $metadata?: object, message = 'no') =>
  (): never => {
    throw Object.assign(new Error(message), { name, $metadata })
  }
const notFound = fails('ResourceNotFoundException')

/** Answers call by call, whatever is called; tells what was. */
function scripted(script: readonly (object | (() => never))[]): { sdk: KinesisClient; called: string[] } {
  const called: string[] = []
  const sdk = answering((operation) => {
    const next = script[called.length]
    called.push(operation)
    if (next === undefined) throw new Error(`expected no ${operation}`)
    return typeof next === 'function' ? (next as () => never)() : next
  })
  return { sdk, called }
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

describe('a settling client', () => {
  const at = { againMs: 0 }
  const stream = (StreamStatus: string) => ({ StreamDescriptionSummary: { StreamStatus } })
  const consumer = (ConsumerStatus: string) => ({ ConsumerDescription: { ConsumerStatus } })
  const create = new CreateStreamCommand({ StreamName: 's', ShardCount: 1 })
  const limit = (message: string) => fails('LimitExceededException', { httpStatusCode: 400 }, message)
  const tooManyAtOnce = limit('the number of streams that can simultaneously be in CREATING or DELETING')

  it('answers when what was made is ACTIVE', async () => {
    const { sdk, called } = scripted([{}, notFound, stream('CREATING'), limit('Rate exceeded'), stream('ACTIVE')])
    await settling(sdk, at).send(create)
    expect(called).toEqual(['CreateStream', ...Array.from({ length: 4 }, () => 'DescribeStreamSummary')])
    const registered = scripted([{ Consumer: { ConsumerARN: 'c' } }, consumer('CREATING'), consumer('ACTIVE')])
    await settling(registered.sdk, at).send(new RegisterStreamConsumerCommand({ StreamARN: 's', ConsumerName: 'c' }))
    expect(registered.called).toHaveLength(3)
  })

  it('answers when what was deleted is gone', async () => {
    const { sdk, called } = scripted([{}, stream('ACTIVE'), stream('DELETING'), notFound])
    await settling(sdk, at).send(new DeleteStreamCommand({ StreamName: 's' }))
    expect(called).toHaveLength(4)
    const gone = scripted([{}, consumer('DELETING'), notFound])
    await settling(gone.sdk, at).send(new DeregisterStreamConsumerCommand({ ConsumerARN: 'c' }))
    expect(gone.called).toHaveLength(3)
  })

  it('calls again where too much is under way or asked at once, and not where there may be no more', async () => {
    const { sdk } = scripted([tooManyAtOnce, tooManyAtOnce, {}, stream('ACTIVE')])
    await settling(sdk, at).send(create)
    const asked = scripted([limit('Rate exceeded for stream s under account 000000000000.'), { Records: [] }])
    expect((await settling(asked.sdk, at).send(get)).Records).toEqual([])
    const full = settling(scripted([limit('This request would exceed the shard limit')]).sdk, at)
    expect((await refusal(full.send(create))).name).toBe('LimitExceededException')
  })

  it('says what it waited for in vain', async () => {
    const soon = { againMs: 0, patienceMs: 1 }
    const never = settling(
      answering((operation) => (operation === 'CreateStream' ? {} : stream('CREATING'))),
      soon,
    )
    await expect(never.send(create)).rejects.toThrow('waited 1 ms in vain for the end of CreateStreamCommand')
    const full = settling(answering(tooManyAtOnce), soon)
    await expect(full.send(create)).rejects.toThrow('in vain for the turn of CreateStreamCommand')
  })
})

describe('leaving a service', () => {
  const arn = (name: string): string => `arn:${name}`

  /** Streams in pages of two; each is in use once before it can be deleted. */
  function serviceOf(streams: readonly string[], undeletable?: string) {
    const left = new Set(streams)
    const used = new Set<string>()
    const sdk = answering((operation, input) => {
      const { StreamName = '', ExclusiveStartStreamName = '' } = input as Record<string, string>
      if (operation === 'ListChannels') return fails('UnknownOperationException')()
      if (operation === 'ListStreams') {
        const behind = [...left].sort().filter((name) => name > ExclusiveStartStreamName)
        return { StreamNames: behind.slice(0, 2), HasMoreStreams: behind.length > 2 }
      }
      if (StreamName === undeletable) return fails('AccessDeniedException')()
      if (!used.has(StreamName)) {
        used.add(StreamName)
        return fails('ResourceInUseException')()
      }
      left.delete(StreamName)
      return {}
    })
    return { sdk, left }
  }

  it('deletes all that begins so, also what is in use for a while, and nothing else', async () => {
    const { sdk, left } = serviceOf(['a', 'run-0', 'run-1', 'run-2', 'run-3', 'run-4', 'running', 'z'])
    await removeStreams(sdk, 'run-', arn, { againMs: 0 })
    expect([...left]).toEqual(['a', 'running', 'z'])
  })

  it('fails with what it has to leave behind, when it has deleted the rest', async () => {
    const { sdk, left } = serviceOf(['run-0', 'run-1'], 'run-0')
    await expect(removeStreams(sdk, 'run-', arn, { againMs: 0 })).rejects.toThrow(/left behind:\n.*run-0.*no/)
    expect([...left]).toEqual(['run-0'])
  })
})

describe('a request made by hand', () => {
  const target = {
    endpoint: 'http://127.0.0.1:4567/a?b=c',
    livesOn: false,
    region: 'eu-central-1',
    keys: { accessKeyId: 'AKID', secretAccessKey: 'sesame', sessionToken: 'token' },
  }

  it('has the signature of its keys where signatures are verified, and only the shape of one elsewhere', () => {
    const body = '{}'
    const signedAtMs = Date.now()
    const signed = headersOf({ ...target, signs: true }, 'ListStreams', body, { 'content-type': 'x' })
    expect(signed).toMatchObject({ 'content-type': 'x', 'x-amz-security-token': 'token' })
    const headers = { ...signed, host: '127.0.0.1:4567' }
    const request = { method: 'POST', url: '/a?b=c', headers, body: Buffer.from(body) }
    const claim = readSignature(request)
    expect(claim.scope).toMatchObject({ region: 'eu-central-1', service: 'kinesis' })
    const { secretAccessKey } = target.keys
    verifySignature(claim, request, { secretAccessKey, nowMs: signedAtMs, keys: new SigningKeyCache() })
    expect(headersOf({ ...target, signs: false }, 'ListStreams', body)['authorization']).toMatch(/Signature=0{64}$/)
  })
})
