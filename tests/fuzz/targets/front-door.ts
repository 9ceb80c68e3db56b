/**
 * The whole service behind its front door, without a socket: each input is one request to a new service that has one
 * stream with one record. Whatever is asked, the answer is one that the real service could give; never a 500.
 */
import { type Codec, encodeRequest, GetShardIterator, PutRecord } from '@millrace/protocol'
import { type Logger, silentLogger } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'

import { openFrontDesk } from '../../../packages/server/src/auth/front-desk.ts'
import { createMemoryEngine } from '../../../packages/server/src/engine/memory/memory-engine.ts'
import { BodyWorker } from '../../../packages/server/src/http/body-worker.ts'
import { createDispatch } from '../../../packages/server/src/http/dispatch.ts'
import { createHostPolicy } from '../../../packages/server/src/http/host-policy.ts'
import { createPages } from '../../../packages/server/src/http/pages.ts'
import { totalBytes } from '../../../packages/server/src/http/answer-body.ts'
import type { Dispatch, WireResponse } from '../../../packages/server/src/http/wire.ts'
import { Service } from '../../../packages/server/src/service.ts'
import { messageBytes, messageParts, parseMessage } from '../grammar/http-message.ts'
import { Broken, bytesOf, type Target } from '../support/target.ts'

const START_MS = Date.UTC(2026, 10, 22)
const ANSWER_BYTES_MAX = 1024 * 1024
const authorization =
  'AWS4-HMAC-SHA256 Credential=000000000000/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0'
const bodies = new BodyWorker({
  bytesMin: Number.POSITIVE_INFINITY,
  queueMax: 1,
  idleMs: 1,
  clock: new VirtualClock(START_MS),
  logger: silentLogger,
})

interface Door extends AsyncDisposable {
  readonly dispatch: Dispatch
  /** What was reported as failed inside. */
  readonly faults: readonly unknown[]
}

async function openDoor(): Promise<Door> {
  const clock = new VirtualClock(START_MS)
  const random = seededRandom(1)
  const service = await Service.open({ engine: createMemoryEngine({ clock }), clock, random })
  const faults: unknown[] = []
  const logger: Logger = { ...silentLogger, error: (_message, fields) => void faults.push(fields?.['error']) }
  const dispatch = createDispatch({
    service,
    ...openFrontDesk({
      mode: 'none',
      account: '000000000000',
      region: 'us-east-1',
      seal: service.seal,
      clock,
      random,
    }),
    bodies,
    hosts: createHostPolicy({ allowedHosts: [], corsOrigins: [] }),
    pages: createPages({
      readiness: () => ({ ready: true, notes: [] }),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    }),
    limits: { handlingMs: 20_000 },
    clock,
    random,
    logger,
    onAnswer: () => {},
  })
  return { dispatch, faults, [Symbol.asyncDispose]: () => service.close() }
}

async function ask(door: Door, input: Uint8Array): Promise<WireResponse> {
  const { signal } = new AbortController()
  return await door.dispatch({ id: 'request', signal, ...parseMessage(input) })
}

function call(name: string, body: Uint8Array, codec: Codec = 'json'): Uint8Array {
  return messageBytes({
    method: 'POST',
    url: '/',
    headers: [
      ['Host', 'localhost'],
      ['Content-Type', `application/x-amz-${codec}-1.1`],
      ['X-Amz-Target', `Kinesis_20131202.${name}`],
      ['X-Amz-Date', '20261122T000000Z'],
      ['Authorization', authorization],
    ],
    body,
  })
}

const createStream = call('CreateStream', bytesOf('{"StreamName":"stream","ShardCount":2}'))
const shardId = 'shardId-000000000000'
const putRecord = call(
  'PutRecord',
  encodeRequest(PutRecord, 'json', { StreamName: 'stream', PartitionKey: 'k', Data: bytesOf('data') }),
)
const iteratorOf = call(
  'GetShardIterator',
  encodeRequest(GetShardIterator, 'json', {
    StreamName: 'stream',
    ShardId: shardId,
    ShardIteratorType: 'TRIM_HORIZON',
  }),
)

/** Every service here has the same key, so its iterators are good in all of them. */
async function genuineIterator(): Promise<string> {
  await using door = await openDoor()
  await ask(door, createStream)
  const { body } = await ask(door, iteratorOf)
  const [bytes = new Uint8Array(0)] = body as readonly Uint8Array[]
  return (JSON.parse(Buffer.from(bytes).toString()) as { ShardIterator: string }).ShardIterator
}

const iterator = await genuineIterator()

export const frontDoor: Target = {
  name: 'front-door',
  specimens: [
    createStream,
    putRecord,
    iteratorOf,
    call('GetRecords', bytesOf(JSON.stringify({ ShardIterator: iterator }))),
    call(
      'GetRecords',
      bytesOf(
        JSON.stringify({
          ShardIterator: iterator,
          Limit: 1,
          StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/stream',
        }),
      ),
    ),
    call(
      'PutRecords',
      bytesOf(
        '{"StreamName":"stream","Records":[{"Data":"AA==","PartitionKey":"a"},{"Data":"","PartitionKey":"b","ExplicitHashKey":"0"}]}',
      ),
    ),
    call('SplitShard', bytesOf(`{"StreamName":"stream","ShardToSplit":"${shardId}","NewStartingHashKey":"5"}`)),
    call(
      'MergeShards',
      bytesOf(`{"StreamName":"stream","ShardToMerge":"${shardId}","AdjacentShardToMerge":"shardId-000000000001"}`),
    ),
    call('ListShards', bytesOf('{"StreamName":"stream","ShardFilter":{"Type":"AT_TIMESTAMP","Timestamp":1795000000}}')),
    call(
      'GetShardIterator',
      bytesOf(`{"StreamName":"stream","ShardId":"${shardId}","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1e300}`),
    ),
    call('DescribeStream', bytesOf('{"StreamName":"stream","Limit":1,"ExclusiveStartShardId":"shardId-1"}')),
    call('IncreaseStreamRetentionPeriod', bytesOf('{"StreamName":"stream","RetentionPeriodHours":48}')),
    call('DeleteStream', bytesOf('{"StreamName":"stream"}')),
  ],
  generate: (random) => messageBytes(messageParts(random)),
  words: [
    iterator,
    shardId,
    '"StreamName":"stream"',
    '"Limit":',
    '\r\n',
    'Origin: http://localhost\r\n',
    '__proto__',
    '1e308',
  ],
  executions: 4_000,
  async check(input) {
    await using door = await openDoor()
    await ask(door, createStream)
    await ask(door, putRecord)
    const { status, headers, body } = await ask(door, input)
    const [fault] = door.faults
    if (fault !== undefined) throw new Broken(`failed inside: ${fault instanceof Error ? fault.stack : String(fault)}`)
    if (![200, 400, 403, 404].includes(status)) throw new Broken(`answered ${status}`)
    if (headers['x-amzn-RequestId'] !== 'request') throw new Broken('an answer without the id of its request')
    if (Symbol.asyncIterator in body) return
    if (totalBytes(body) > ANSWER_BYTES_MAX + 3 * input.length)
      throw new Broken(`answered with ${totalBytes(body)} bytes`)
    for (const [name, value] of Object.entries(headers)) {
      // Node throws for a header that cannot be sent, outside every promise.
      if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw new Broken(`the header ${name} cannot be sent`)
    }
  },
}
