import { setTimeout as delay } from 'node:timers/promises'
import { GetRecordsCommand, PutRecordCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, iteratorAt, pagesFrom } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const shard = 'shardId-000000000000'

describe('GetRecords', () => {
  onEveryEngine((service) => {
    it('answers an empty page with a fresh iterator when there is nothing', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const iterator = await iteratorAt(service.sdk, name, shard)
      const page = await service.sdk.send(new GetRecordsCommand({ ShardIterator: iterator }))
      expect(page.Records).toEqual([])
      expect(page.MillisBehindLatest).toBe(0)
      expect(page.NextShardIterator).toBeTypeOf('string')
      expect(page.NextShardIterator).not.toBe(iterator)
      expect(page).not.toHaveProperty('ChildShards')
    })

    it('pages by Limit without a gap or a double', async () => {
      const name = await createStream(service.sdk, service.streamName())
      for (let call = 0; call < 3; call++) {
        const Records = Array.from({ length: 41 }, (_, i) => ({
          Data: bytes(String(call * 41 + i)),
          PartitionKey: 'k',
        }))
        await service.sdk.send(new PutRecordsCommand({ StreamName: name, Records }))
      }
      const pages = await pagesFrom(service.sdk, await iteratorAt(service.sdk, name, shard), 10)
      expect(pages.every((page) => (page.Records?.length ?? 0) <= 10)).toBe(true)
      const texts = pages.flatMap((page) => (page.Records ?? []).map((r) => Buffer.from(r.Data ?? []).toString()))
      expect(texts).toEqual(Array.from({ length: 123 }, (_, i) => String(i)))
      const numbers = pages.flatMap((page) => (page.Records ?? []).map((r) => BigInt(r.SequenceNumber ?? 0)))
      expect(numbers).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)))
    })

    it('says how far behind a reader is', async () => {
      const name = await createStream(service.sdk, service.streamName())
      for (let i = 0; i < 2; i++)
        await service.sdk.send(new PutRecordCommand({ StreamName: name, Data: bytes('x'), PartitionKey: 'k' }))
      await new Promise((resolve) => setTimeout(resolve, 20))
      const first = await service.sdk.send(
        new GetRecordsCommand({ ShardIterator: await iteratorAt(service.sdk, name, shard), Limit: 1 }),
      )
      expect(first.MillisBehindLatest).toBeGreaterThanOrEqual(15)
      const second = await service.sdk.send(new GetRecordsCommand({ ShardIterator: first.NextShardIterator }))
      expect(second.Records).toHaveLength(1)
      expect(second.MillisBehindLatest).toBe(0)
    })

    it('tells arrival within seconds of the number', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await service.sdk.send(new PutRecordCommand({ StreamName: name, Data: bytes('x'), PartitionKey: 'k' }))
      const ShardIterator = await iteratorAt(service.sdk, name, shard)
      const [record] = (await service.sdk.send(new GetRecordsCommand({ ShardIterator }))).Records ?? []
      // The second of a record: nine of the last 18 hexadecimal digits of its number.
      const second = Number.parseInt(
        BigInt(record?.SequenceNumber ?? 0)
          .toString(16)
          .slice(29, 38),
        16,
      )
      const laterMs = (record?.ApproximateArrivalTimestamp?.getTime() ?? 0) - second * 1_000
      expect(laterMs).toBeGreaterThanOrEqual(0)
      expect(laterMs).toBeLessThan(3_000)
    })

    it('takes an iterator in double quotes, and the same one again', async () => {
      const name = await createStream(service.sdk, service.streamName())
      await service.sdk.send(new PutRecordCommand({ StreamName: name, Data: bytes('x'), PartitionKey: 'k' }))
      const iterator = await iteratorAt(service.sdk, name, shard)
      for (const ShardIterator of [`"${iterator}"`, iterator, iterator])
        expect((await service.sdk.send(new GetRecordsCommand({ ShardIterator }))).Records).toHaveLength(1)
    })

    it.each(['garbage', 'AAAAAAAAAAE=', 'AAAAAAAAAAF'.padEnd(152, 'A')])(
      'refuses the iterator %s',
      async (ShardIterator) => {
        expect(await refusal(service.sdk.send(new GetRecordsCommand({ ShardIterator })))).toEqual({
          name: 'InvalidArgumentException',
          message: 'Invalid ShardIterator.',
          status: 400,
        })
      },
    )

    // Its twin on the virtual clock: `takes an iterator in quotes, for five minutes` in packages/server/src/operations.
    it('takes an iterator for five minutes, and tells both times when it is too old', { tags: ['slow'] }, async () => {
      const name = await createStream(service.sdk, service.streamName())
      const ShardIterator = await iteratorAt(service.sdk, name, shard)
      const read = () => service.sdk.send(new GetRecordsCommand({ ShardIterator }))
      await delay(290_000)
      expect((await read()).Records).toEqual([])
      await delay(20_000)
      const { name: type, message } = await refusal(read())
      expect(type).toBe('ExpiredIteratorException')
      const time = String.raw`\w{3} \w{3} \d{2} \d{2}:\d{2}:\d{2} UTC \d{4}`
      expect(message).toMatch(
        new RegExp(
          `^Iterator expired\\. The iterator was created at time ${time} while right now it is ${time} which is further in the future than the tolerated delay of 300000 milliseconds\\.$`,
        ),
      )
    })

    it('refuses an iterator of which one bit was changed', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const token = Buffer.from(await iteratorAt(service.sdk, name, shard), 'base64')
      for (const at of [8, token.length >> 1, token.length - 1]) {
        const forged = Buffer.from(token)
        forged[at] = (forged[at] ?? 0) ^ 1
        const refused = await refusal(
          service.sdk.send(new GetRecordsCommand({ ShardIterator: forged.toString('base64') })),
        )
        expect(refused.message).toBe('Invalid ShardIterator.')
      }
    })

    it('refuses a Limit over 10,000', async () => {
      const refused = await refusal(service.sdk.send(new GetRecordsCommand({ ShardIterator: 'x', Limit: 10_001 })))
      expect(refused).toMatchObject({
        name: 'ValidationException',
        message:
          "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000",
      })
    })

    it('answers at most 10 MiB, and goes on from there', async () => {
      const name = await createStream(service.sdk, service.streamName())
      for (let i = 0; i < 12; i++)
        await service.sdk.send(
          new PutRecordCommand({ StreamName: name, Data: new Uint8Array(1_000_000).fill(i), PartitionKey: 'k' }),
        )
      const pages = await pagesFrom(service.sdk, await iteratorAt(service.sdk, name, shard))
      const sizes = pages.map((page) => (page.Records ?? []).reduce((sum, r) => sum + (r.Data?.length ?? 0), 0))
      expect(Math.max(...sizes)).toBeLessThanOrEqual(10 * 1024 * 1024)
      expect(sizes.reduce((a, b) => a + b, 0)).toBe(12_000_000)
    })
  })

  describe('with the shard limits of AWS', () => {
    onEveryEngine(
      (service) => {
        it('refuses more than five reads a second of a shard', async () => {
          const name = await createStream(service.sdk, service.streamName())
          const ShardIterator = await iteratorAt(service.sdk, name, shard)
          const reads = Array.from({ length: 12 }, () => service.sdk.send(new GetRecordsCommand({ ShardIterator })))
          const refused = (await Promise.allSettled(reads)).filter((result) => result.status === 'rejected')
          expect(refused.length).toBeGreaterThan(0)
          expect(refused[0]?.reason).toMatchObject({ name: 'ProvisionedThroughputExceededException' })
        })
      },
      { shardLimits: 'aws' },
    )
  })
})
