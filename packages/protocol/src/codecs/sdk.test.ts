/** Our codecs between the official SDK and itself: what it sends we read, what we answer it reads. No socket. */
import {
  ListShardsCommand,
  GetRecordsCommand,
  KinesisClient,
  PutRecordsCommand,
  ResourceNotFoundException,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { KinesisError } from '../errors.ts'
import { GetRecords } from '../operations/get-records.ts'
import type { GetRecordsInput, GetRecordsOutput } from '../operations/get-records.ts'
import { ListShards } from '../operations/list-shards.ts'
import { PutRecords } from '../operations/put-records.ts'
import { SplitShard } from '../operations/split-shard.ts'
import type { Operation } from '../operation.ts'
import { readSignature } from '../sigv4/signature.ts'
import { SigningKeyCache } from '../sigv4/signing-key.ts'
import { verifySignature } from '../sigv4/verify.ts'
import { decodeRequest, encodeResponse } from './body.ts'
import { encodeError } from './error-body.ts'

interface SentRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

const secretAccessKey = 'secret'
const nowMs = Date.UTC(2026, 5, 1)

/** An SDK client whose requests are answered by `answer`. */
function clientOf<I, O>(operation: Operation<I, O>, answer: (input: I) => O): KinesisClient {
  const keys = new SigningKeyCache()
  const handle = (request: SentRequest) => {
    const body = typeof request.body === 'string' ? Buffer.from(request.body) : new Uint8Array(request.body)
    const signed = { method: request.method, url: request.path, headers: request.headers, body }
    verifySignature(readSignature(signed), signed, { secretAccessKey, nowMs, keys })
    expect(request.headers['x-amz-target']).toBe(`Kinesis_20131202.${operation.name}`)
    try {
      return respond(200, encodeResponse(operation, 'json', answer(decodeRequest(operation, 'json', body))))
    } catch (error) {
      if (!(error instanceof KinesisError)) throw error
      return respond(error.status, encodeError('json', error))
    }
  }
  return new KinesisClient({
    region: 'us-east-1',
    endpoint: 'http://localhost:4567',
    credentials: { accessKeyId: 'AK', secretAccessKey },
    maxAttempts: 1,
    systemClockOffset: nowMs - Date.now(),
    requestHandler: { handle: (request: SentRequest) => Promise.resolve(handle(request)) } as never,
  })
}

function respond(statusCode: number, body: Uint8Array) {
  return { response: { statusCode, headers: { 'content-type': 'application/x-amz-json-1.1' }, body } }
}

describe('the SDK', () => {
  it('puts records that we read', async () => {
    const client = clientOf(PutRecords, (input) => {
      expect(input).toEqual({
        StreamName: 's',
        Records: [
          { Data: Buffer.from([0, 255]), PartitionKey: 'ключ' },
          { Data: Buffer.alloc(0), PartitionKey: 'k', ExplicitHashKey: '7' },
        ],
      })
      return {
        FailedRecordCount: 1,
        Records: [{ SequenceNumber: '1', ShardId: 'x' }, { ErrorCode: 'InternalFailure' }],
      }
    })
    const Records = [
      { Data: new Uint8Array([0, 255]), PartitionKey: 'ключ' },
      { Data: new Uint8Array(0), PartitionKey: 'k', ExplicitHashKey: '7' },
    ]
    const answer = await client.send(new PutRecordsCommand({ StreamName: 's', Records }))
    expect(answer).toMatchObject({
      FailedRecordCount: 1,
      Records: [{ SequenceNumber: '1', ShardId: 'x' }, { ErrorCode: 'InternalFailure' }],
    })
  })

  it('reads records that we wrote', async () => {
    const output: GetRecordsOutput = {
      Records: [
        {
          SequenceNumber: '12',
          ApproximateArrivalTimestamp: 1_538_160_214_484,
          Data: Buffer.from('hi'),
          PartitionKey: 'a"\\\n',
        },
      ],
      MillisBehindLatest: 17,
      ChildShards: [{ ShardId: 's', ParentShards: ['p'], HashKeyRange: { StartingHashKey: '0', EndingHashKey: '1' } }],
    }
    const client = clientOf(GetRecords, (input: GetRecordsInput) => {
      expect(input).toEqual({ ShardIterator: 'it', Limit: 5 })
      return output
    })
    const answer = await client.send(new GetRecordsCommand({ ShardIterator: 'it', Limit: 5 }))
    expect(answer.Records?.[0]?.ApproximateArrivalTimestamp).toEqual(new Date(1_538_160_214_484))
    expect(Buffer.from(answer.Records?.[0]?.Data ?? []).toString()).toBe('hi')
    expect(answer.Records?.[0]).toMatchObject({ SequenceNumber: '12', PartitionKey: 'a"\\\n' })
    expect(answer).toMatchObject({ MillisBehindLatest: 17, ChildShards: output.ChildShards })
  })

  it('sends times that we read to the millisecond', async () => {
    const at = 1_700_000_000_123
    const client = clientOf(ListShards, (input) => {
      expect(input).toEqual({ StreamName: 's', ShardFilter: { Type: 'AT_TIMESTAMP', Timestamp: at } })
      return { Shards: [] }
    })
    const filter = { Type: 'AT_TIMESTAMP', Timestamp: new Date(at) } as const
    const answer = await client.send(new ListShardsCommand({ StreamName: 's', ShardFilter: filter }))
    expect(answer.Shards).toEqual([])
  })

  it('takes an answer without bytes, and our errors as its own', async () => {
    const split = new SplitShardCommand({ StreamName: 's', ShardToSplit: 'shardId-0', NewStartingHashKey: '5' })
    await clientOf(SplitShard, () => undefined).send(split)
    const client = clientOf(SplitShard, () => {
      throw new KinesisError('ResourceNotFoundException', 'Stream s under account 1 not found.')
    })
    await expect(client.send(split)).rejects.toThrow(ResourceNotFoundException)
    await expect(client.send(split)).rejects.toThrow('Stream s under account 1 not found.')
  })
})
