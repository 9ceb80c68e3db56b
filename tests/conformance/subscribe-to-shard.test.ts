/** SubscribeToShard through the official SDK (HTTP/2 and HTTP/1.1) and by hand. Time limits have twins on the virtual clock. */
import { connect } from 'node:http2'
import { setTimeout as delay } from 'node:timers/promises'
import {
  DeregisterStreamConsumerCommand,
  type KinesisClient,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  type ShardIteratorType,
  SplitShardCommand,
  type StartingPosition,
  type SubscribeToShardEvent,
  SubscribeToShardCommand,
} from '@aws-sdk/client-kinesis'
import { decodeSequenceNumber, EventMessageDecoder } from '@millrace/protocol'
import { describe, expect, it } from 'vitest'
import { register } from './support/consumers.ts'
import { bytes, createStream, HASH_KEY_MAX, shardsOf, textOf } from './support/records.ts'
import { onEveryEngine, refusal, type Service } from './support/service.ts'
import { headersOf, post } from './support/wire.ts'

const SHARD = 'shardId-000000000000'

async function consumerOf(service: Service, stream: string, name = 'c'): Promise<string> {
  return (await register(service, service.streamArn(stream), name)).ConsumerARN ?? expect.unreachable()
}

async function* events(
  sdk: KinesisClient,
  ConsumerARN: string,
  StartingPosition: StartingPosition,
  ShardId = SHARD,
): AsyncGenerator<SubscribeToShardEvent, void, undefined> {
  const { EventStream } = await sdk.send(new SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition }))
  for await (const event of EventStream ?? expect.unreachable())
    if (event.SubscribeToShardEvent !== undefined) yield event.SubscribeToShardEvent
}

/** Reads until `count` records came, and leaves. */
async function take(stream: AsyncGenerator<SubscribeToShardEvent, void, undefined>, count: number): Promise<string[]> {
  const texts: string[] = []
  for await (const event of stream) {
    texts.push(...(event.Records ?? []).map(textOf))
    if (texts.length >= count) break
  }
  return texts
}

const put = (service: Service, StreamName: string, text: string) =>
  service.sdk.send(new PutRecordCommand({ StreamName, PartitionKey: 'k', Data: bytes(text) }))

describe('SubscribeToShard', () => {
  onEveryEngine((service) => {
    it.each(['http/2', 'http/1.1'] as const)('pushes what is there and what comes, over %s', async (version) => {
      const name = await createStream(service.sdk, service.streamName())
      const sdk = version === 'http/2' ? service.sdk : service.newClient(version)
      await put(service, name, 'before')
      const stream = events(sdk, await consumerOf(service, name), { Type: 'TRIM_HORIZON' })
      const first = (await stream.next()).value
      expect(first?.Records).toMatchObject([{ PartitionKey: 'k', Data: new Uint8Array(bytes('before')) }])
      expect(first?.ContinuationSequenceNumber).toBe(first?.Records?.[0]?.SequenceNumber)
      expect(first?.MillisBehindLatest).toBe(0)
      const { SequenceNumber } = await put(service, name, 'after')
      const second = (await stream.next()).value
      expect(second?.Records?.map((record) => record.SequenceNumber)).toEqual([SequenceNumber])
      await stream.return()
      if (sdk !== service.sdk) sdk.destroy()
    })

    it('begins at every kind of position', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const numbers: string[] = []
      for (const text of ['a', 'b', 'c']) numbers.push((await put(service, name, text)).SequenceNumber ?? '')
      const from = async (consumer: string, position: StartingPosition, count: number): Promise<string[]> =>
        take(events(service.sdk, await consumerOf(service, name, consumer), position), count)
      expect(await from('a', { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: numbers[1] }, 2)).toEqual(['b', 'c'])
      expect(await from('b', { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: numbers[1] }, 1)).toEqual(['c'])
      expect(await from('c', { Type: 'AT_TIMESTAMP', Timestamp: new Date('2015-01-01') }, 3)).toEqual(['a', 'b', 'c'])
      const latest = events(service.sdk, await consumerOf(service, name, 'd'), { Type: 'LATEST' })
      const first = (await latest.next()).value
      // At once and empty: it tells where to go on from.
      expect(first).toMatchObject({ Records: [], MillisBehindLatest: 0, ContinuationSequenceNumber: numbers[2] })
      await put(service, name, 'd')
      expect(await take(latest, 1)).toEqual(['d'])
    })

    it('goes on from a continuation number without loss or repeat, also from one of an empty shard', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const empty = events(service.sdk, await consumerOf(service, name, 'a'), { Type: 'TRIM_HORIZON' })
      const { ContinuationSequenceNumber: start } = (await empty.next()).value ?? {}
      await empty.return()
      const first = await put(service, name, '0')
      expect(BigInt(start ?? 0) < BigInt(first.SequenceNumber ?? 0)).toBe(true)
      for (let i = 1; i < 50; i++) await put(service, name, String(i))
      const read: string[] = []
      let SequenceNumber = start
      for (const consumer of ['b', 'c', 'd']) {
        const position: StartingPosition = { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber }
        for await (const event of events(service.sdk, await consumerOf(service, name, consumer), position)) {
          read.push(...(event.Records ?? []).map((record) => Buffer.from(record.Data ?? []).toString()))
          SequenceNumber = event.ContinuationSequenceNumber
          break
        }
        await put(service, name, `after ${consumer}`)
      }
      expect(read).toEqual([...Array.from({ length: 50 }, (_, i) => String(i)), 'after b', 'after c'])
    })

    it('ends a shard that was split or merged with its children, and no continuation', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const arn = await consumerOf(service, name)
      await put(service, name, 'parent')
      const stream = events(service.sdk, arn, { Type: 'TRIM_HORIZON' })
      await stream.next()
      const half = String(HASH_KEY_MAX / 2n)
      await service.sdk.send(new SplitShardCommand({ StreamName: name, ShardToSplit: SHARD, NewStartingHashKey: half }))
      const rest: SubscribeToShardEvent[] = []
      for await (const event of stream) rest.push(event)
      const end = rest.at(-1)
      expect(end?.ContinuationSequenceNumber).toBeUndefined()
      expect(end?.ChildShards?.map((child) => [child.ShardId, child.ParentShards])).toEqual([
        ['shardId-000000000001', [SHARD]],
        ['shardId-000000000002', [SHARD]],
      ])
      const child = events(service.sdk, arn, { Type: 'TRIM_HORIZON' }, 'shardId-000000000001')
      await child.next()
      await service.sdk.send(
        new MergeShardsCommand({
          StreamName: name,
          ShardToMerge: 'shardId-000000000001',
          AdjacentShardToMerge: 'shardId-000000000002',
        }),
      )
      const last: SubscribeToShardEvent[] = []
      for await (const event of child) last.push(event)
      expect(last.at(-1)?.ChildShards?.map((merged) => merged.ParentShards)).toEqual([
        ['shardId-000000000001', 'shardId-000000000002'],
      ])
    })

    it('refuses a second call within five seconds, whether or not the first is still read', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const arn = await consumerOf(service, name)
      const first = events(service.sdk, arn, { Type: 'LATEST' })
      await first.next()
      const taken = {
        name: 'ResourceInUseException',
        message: `Another active subscription exists for this consumer: ${service.account}:${name}:${SHARD}:c`,
        status: 400,
      }
      expect(await refusal(events(service.sdk, arn, { Type: 'LATEST' }).next())).toEqual(taken)
      await first.return()
      expect(await refusal(events(service.sdk, arn, { Type: 'LATEST' }).next())).toEqual(taken)
      // Another consumer is another matter.
      const other = events(service.sdk, await consumerOf(service, name, 'd'), { Type: 'LATEST' })
      expect((await other.next()).value?.Records).toEqual([])
      await other.return()
    })

    // The twins of these two on the virtual clock: `SubscribeToShard in time` in packages/server/src/operations.
    it('says something every five seconds, and ends cleanly after five minutes', { tags: ['slow'] }, async () => {
      const name = await createStream(service.sdk, service.streamName())
      const startedAt = performance.now()
      let lastAt = startedAt
      for await (const event of events(service.sdk, await consumerOf(service, name), { Type: 'LATEST' })) {
        expect(event.Records).toEqual([])
        expect(performance.now() - lastAt).toBeLessThan(6_000)
        lastAt = performance.now()
      }
      expect(Math.abs(performance.now() - startedAt - 300_000)).toBeLessThan(10_000)
    })

    it('is taken over five seconds after it began', { tags: ['slow'] }, async () => {
      const name = await createStream(service.sdk, service.streamName())
      const arn = await consumerOf(service, name)
      const older = events(service.sdk, arn, { Type: 'LATEST' })
      await older.next()
      await delay(5_500)
      const newer = events(service.sdk, arn, { Type: 'LATEST' })
      expect((await newer.next()).value?.Records).toEqual([])
      const over = async () => {
        for await (const event of older) expect(event.Records).toEqual([])
      }
      expect(await refusal(over())).toMatchObject({
        name: 'ResourceInUseException',
        message: `Another active subscription exists for this consumer: ${service.account}:${name}:${SHARD}:c`,
      })
      await newer.return()
    })

    it('ends with an exception inside the stream when its consumer is deregistered', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const ConsumerARN = await consumerOf(service, name)
      const stream = events(service.sdk, ConsumerARN, { Type: 'LATEST' })
      await stream.next()
      await service.sdk.send(new DeregisterStreamConsumerCommand({ ConsumerARN }))
      const { name: type, message } = await refusal(stream.next())
      expect([type, message]).toEqual([
        'ResourceNotFoundException',
        `Consumer ${ConsumerARN}, account ${service.account} not found.`,
      ])
    })

    it('is refused before it begins, in the order of the service', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const ConsumerARN = await consumerOf(service, name)
      const call = (input: {
        ConsumerARN?: string
        ShardId?: string
        Type?: ShardIteratorType
        SequenceNumber?: string
        DryRun?: boolean
      }) =>
        refusal(
          service.sdk.send(
            new SubscribeToShardCommand({
              ConsumerARN: input.ConsumerARN ?? ConsumerARN,
              ShardId: input.ShardId ?? SHARD,
              StartingPosition: { Type: input.Type ?? 'LATEST', SequenceNumber: input.SequenceNumber },
              DryRun: input.DryRun,
            }),
          ),
        )
      const unknown = `${service.streamArn(name)}/consumer/nobody:1`
      expect(await call({ ConsumerARN: unknown, ShardId: 'shardId-000000000009' })).toMatchObject({
        name: 'ResourceNotFoundException',
        message: `Consumer ${unknown}, account ${service.account} not found.`,
      })
      expect((await call({ ShardId: 'shardId-000000000009', Type: 'AT_SEQUENCE_NUMBER' })).name).toBe(
        'ResourceNotFoundException',
      )
      for (const input of [
        { Type: 'AT_SEQUENCE_NUMBER' },
        { Type: 'AFTER_SEQUENCE_NUMBER' },
        { Type: 'AT_TIMESTAMP' },
        { Type: 'LATEST', SequenceNumber: '1' },
        { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: '49590338271490256608559692538361571095921575989136588898' },
      ] as const)
        expect((await call(input)).name).toBe('InvalidArgumentException')
      expect((await call({ DryRun: true })).name).toBe('DryRunOperationException')
    })

    it('serves 16 shards to 20 consumers over few connections, each in order', async () => {
      const name = await createStream(service.sdk, service.streamName(), 16)
      const shards = (await shardsOf(service.sdk, name)).map((shard) => shard.ShardId ?? '')
      const arns = await Promise.all([...'abcdefghijklmnopqrst'].map((consumer) => consumerOf(service, name, consumer)))
      const count = 400
      const sdk = service.newClient()
      const readers = arns.map(async (arn) => {
        const seen = new Map<string, string[]>()
        let left = count
        await new Promise<void>((resolve, reject) => {
          for (const shard of shards) {
            const follow = async (): Promise<void> => {
              for await (const event of events(sdk, arn, { Type: 'TRIM_HORIZON' }, shard)) {
                const numbers = (event.Records ?? []).map((record) => record.SequenceNumber ?? '')
                seen.set(shard, [...(seen.get(shard) ?? []), ...numbers])
                if ((left -= numbers.length) <= 0) resolve()
              }
            }
            // At the end they break off with their client, below, which is nothing to who has read all.
            follow().catch(reject)
          }
        })
        return seen
      })
      const sent = new Map<string, string[]>()
      for (let batch = 0; batch < count / 100; batch++) {
        const Records = Array.from({ length: 100 }, (_, i) => ({ PartitionKey: `${batch}-${i}`, Data: bytes('x') }))
        const answer = await service.sdk.send(new PutRecordsCommand({ StreamName: name, Records }))
        for (const { ShardId = '', SequenceNumber = '' } of answer.Records ?? [])
          sent.set(ShardId, [...(sent.get(ShardId) ?? []), SequenceNumber])
      }
      for (const seen of await Promise.all(readers))
        for (const [shard, numbers] of sent) expect(seen.get(shard)).toEqual(numbers)
      sdk.destroy()
    })
  })

  onEveryEngine((service) => {
    it('says initial-response first, byte for byte, whatever the encoding of the request', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await put(service, name, 'a')
      const stream = connect(service.endpoint).on('error', () => {})
      const ConsumerARN = await consumerOf(service, name)
      const body = JSON.stringify({ ConsumerARN, ShardId: SHARD, StartingPosition: { Type: 'TRIM_HORIZON' } })
      const request = stream.request({
        ':method': 'POST',
        ':path': '/',
        ...headersOf(service, 'SubscribeToShard', body),
      })
      request.end(body)
      const decoder = new EventMessageDecoder()
      let contentType: unknown
      request.on('response', (headers) => (contentType = headers['content-type']))
      let raw = Buffer.alloc(0)
      const messages = []
      for await (const chunk of request as AsyncIterable<Buffer>) {
        raw = Buffer.concat([raw, chunk])
        messages.push(...decoder.push(chunk))
        if (messages.length >= 2) break
      }
      stream.destroy()
      expect(contentType).toBe('application/vnd.amazon.eventstream')
      expect(raw.subarray(0, 12).toString('hex')).toBe('0000007200000060ab820d9e')
      expect(raw.subarray(108, 114).toString('hex')).toBe('7b7dacae6b7d')
      expect([...(messages[1]?.headers ?? [])]).toEqual([
        [':event-type', 'SubscribeToShardEvent'],
        [':content-type', 'application/json'],
        [':message-type', 'event'],
      ])
      const event = JSON.parse(Buffer.from(messages[1]?.payload ?? []).toString()) as SubscribeToShardEvent
      expect(event.Records?.[0]).toMatchObject({ PartitionKey: 'k', Data: 'YQ==' })
      expect(decodeSequenceNumber(event.ContinuationSequenceNumber ?? '')?.shard).toBe(0)
      expect(typeof event.Records?.[0]?.ApproximateArrivalTimestamp).toBe('number')
    })

    it('answers a call that cannot be taken as any other operation', async () => {
      const answer = await post(service, 'SubscribeToShard', '{"ConsumerARN":"x"}')
      expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/x-amz-json-1.1'])
      expect(answer.body.toString()).toContain('ValidationException')
    })
  })
})
