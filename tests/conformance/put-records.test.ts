import { PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, shardsOf, textsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const records = (count: number, data = 'x'): { Data: Uint8Array; PartitionKey: string }[] =>
  Array.from({ length: count }, (_, i) => ({ Data: bytes(`${data}${i}`), PartitionKey: `key-${i}` }))

describe('PutRecords', () => {
  onEveryEngine((service) => {
    it('answers one result per record, in request order, each at its shard', async () => {
      const name = await createStream(service.sdk, service.streamName(), 4)
      const answer = await service.sdk.send(new PutRecordsCommand({ StreamName: name, Records: records(500) }))
      expect(answer.FailedRecordCount).toBe(0)
      expect(answer.Records).toHaveLength(500)
      expect(answer).not.toHaveProperty('EncryptionType')
      const stored = new Map<string, string[]>()
      for (const shard of await shardsOf(service.sdk, name))
        stored.set(shard.ShardId ?? '', await textsOf(service.sdk, name, shard.ShardId ?? ''))
      const expected = new Map<string, string[]>([...stored.keys()].map((id) => [id, []]))
      answer.Records?.forEach((result, i) => expected.get(result.ShardId ?? '')?.push(`x${i}`))
      expect(stored).toEqual(expected)
    })

    it('numbers the records of one shard in request order', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const answer = await service.sdk.send(new PutRecordsCommand({ StreamName: name, Records: records(50) }))
      const numbers = (answer.Records ?? []).map((result) => BigInt(result.SequenceNumber ?? 0))
      expect(numbers).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)))
      expect(new Set(numbers).size).toBe(50)
    })

    it('stores ten records of one mebibyte in one call', async ({ skip }) => {
      skip(service.shardLimits, 'puts at once what its shards take in five seconds')
      const name = await createStream(service.sdk, service.streamName(), 2)
      const Records = Array.from({ length: 10 }, (_, i) => ({
        Data: new Uint8Array(1_040_000).fill(i),
        PartitionKey: `key-${i}`,
      }))
      const answer = await service.sdk.send(new PutRecordsCommand({ StreamName: name, Records }))
      expect(answer.FailedRecordCount).toBe(0)
      let read = 0
      for (const shard of await shardsOf(service.sdk, name))
        read += (await textsOf(service.sdk, name, shard.ShardId ?? '')).filter(
          (text) => text.length === 1_040_000,
        ).length
      expect(read).toBe(10)
    })

    it.each([
      [
        '501 records',
        501,
        "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length less than or equal to 500",
      ],
      [
        'none',
        0,
        "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1",
      ],
    ])('refuses %s', async (_what, count, message) => {
      const call = service.sdk.send(new PutRecordsCommand({ StreamName: 'any', Records: records(count) }))
      expect(await refusal(call)).toEqual({ name: 'ValidationException', message, status: 400 })
    })

    it('refuses the whole call for one record that is too large, and stores nothing', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const Records = [...records(2), { Data: new Uint8Array(1_048_577), PartitionKey: 'k' }]
      expect(await refusal(service.sdk.send(new PutRecordsCommand({ StreamName: name, Records })))).toEqual({
        name: 'ValidationException',
        message:
          "1 validation error detected: Value at 'records.3.member.data' failed to satisfy constraint: Member must have length less than or equal to 1048576",
        status: 400,
      })
      expect(await textsOf(service.sdk, name, 'shardId-000000000000')).toEqual([])
    })

    it('refuses the whole call for one explicit hash key out of range, and stores nothing', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const Records = [...records(2), { Data: bytes('x'), PartitionKey: 'k', ExplicitHashKey: (2n ** 128n).toString() }]
      const refused = await refusal(service.sdk.send(new PutRecordsCommand({ StreamName: name, Records })))
      expect(refused.name).toBe('InvalidArgumentException')
      expect(await textsOf(service.sdk, name, 'shardId-000000000000')).toEqual([])
    })

    it('names the entry without a partition key', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const Records = [{ Data: bytes('x'), PartitionKey: 'k' }, { Data: bytes('x') }]
      expect(await refusal(service.sdk.send(new PutRecordsCommand({ StreamName: name, Records })))).toMatchObject({
        name: 'ValidationException',
        message:
          "1 validation error detected: Value null at 'records.2.member.partitionKey' failed to satisfy constraint: Member must not be null",
      })
    })
  })

  describe('with the shard limits of AWS', () => {
    onEveryEngine(
      (service) => {
        it('refuses what is beyond 1,000 records a second of a shard, record by record, with status 200', async () => {
          const name = await createStream(service.sdk, service.streamName())
          let throttled = 0
          let stored = 0
          // All at once, and again where they take so long that the shard's second is over.
          for (let round = 0; round < 5 && throttled === 0; round++) {
            const calls = Array.from({ length: 6 }, () =>
              service.sdk.send(new PutRecordsCommand({ StreamName: name, Records: records(500) })),
            )
            for (const answer of await Promise.all(calls)) {
              const refused = answer.Records?.filter((result) => result.ErrorCode !== undefined) ?? []
              expect(refused).toHaveLength(answer.FailedRecordCount ?? -1)
              for (const result of refused)
                expect(result).toEqual({
                  ErrorCode: 'ProvisionedThroughputExceededException',
                  ErrorMessage: `Rate exceeded for shard shardId-000000000000 in stream ${name} under account ${service.account}.`,
                })
              throttled += refused.length
              stored += 500 - refused.length
            }
          }
          expect(throttled).toBeGreaterThan(0)
          expect(stored).toBeGreaterThanOrEqual(1_000)
          expect(await textsOf(service.sdk, name, 'shardId-000000000000')).toHaveLength(stored)
        })
      },
      { shardLimits: 'aws' },
    )
  })
})
