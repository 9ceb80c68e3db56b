import { PutRecordCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, iteratorAt, pagesFrom, shardsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'

const shard = 'shardId-000000000000'

describe('GetShardIterator', () => {
  onEveryEngine((service) => {
    /** A stream of one shard with the records 0 … count-1; returns its name and their sequence numbers. */
    async function streamOf(count: number): Promise<{ name: string; numbers: string[] }> {
      const name = await createStream(service.sdk, service.streamName())
      const numbers: string[] = []
      for (let i = 0; i < count; i++) {
        const put = await service.sdk.send(
          new PutRecordCommand({ StreamName: name, Data: bytes(String(i)), PartitionKey: 'k' }),
        )
        numbers.push(put.SequenceNumber ?? '')
      }
      return { name, numbers }
    }
    const read = async (iterator: string): Promise<string> =>
      (await pagesFrom(service.sdk, iterator))
        .flatMap((page) => (page.Records ?? []).map((record) => Buffer.from(record.Data ?? []).toString()))
        .join(' ')

    it('stands at the oldest record, just after the newest, at a record, and just after one', async () => {
      const { name, numbers } = await streamOf(4)
      const at = async (
        ...where: Parameters<typeof iteratorAt> extends [unknown, unknown, unknown, ...infer R] ? R : never
      ): Promise<string> => read(await iteratorAt(service.sdk, name, shard, ...where))
      expect(await at('TRIM_HORIZON')).toBe('0 1 2 3')
      expect(await at('LATEST')).toBe('')
      expect(await at('AT_SEQUENCE_NUMBER', { StartingSequenceNumber: numbers[2] ?? '' })).toBe('2 3')
      expect(await at('AFTER_SEQUENCE_NUMBER', { StartingSequenceNumber: numbers[2] ?? '' })).toBe('3')
    })

    it('fixes LATEST when it is issued', async () => {
      const { name } = await streamOf(1)
      const iterator = await iteratorAt(service.sdk, name, shard, 'LATEST')
      await service.sdk.send(new PutRecordCommand({ StreamName: name, Data: bytes('new'), PartitionKey: 'k' }))
      expect(await read(iterator)).toBe('new')
      expect(await read(iterator)).toBe('new')
    })

    it('takes the starting number of the shard for the trim horizon', async () => {
      const { name } = await streamOf(2)
      const [first] = await shardsOf(service.sdk, name)
      const StartingSequenceNumber = first?.SequenceNumberRange?.StartingSequenceNumber ?? ''
      expect(
        await read(await iteratorAt(service.sdk, name, shard, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber })),
      ).toBe('0 1')
    })

    it('seeks by time', async () => {
      const { name } = await streamOf(3)
      const pages = await pagesFrom(service.sdk, await iteratorAt(service.sdk, name, shard))
      const times = pages.flatMap((page) => (page.Records ?? []).map((r) => r.ApproximateArrivalTimestamp))
      const Timestamp = times[1] ?? new Date(0)
      const expected = ['0', '1', '2'].filter((_, i) => (times[i]?.getTime() ?? 0) >= Timestamp.getTime()).join(' ')
      expect(await read(await iteratorAt(service.sdk, name, shard, 'AT_TIMESTAMP', { Timestamp }))).toBe(expected)
      expect(await read(await iteratorAt(service.sdk, name, shard, 'AT_TIMESTAMP', { Timestamp: new Date(0) }))).toBe(
        '0 1 2',
      )
    })

    it('answers two different tokens for one position, of at most 512 characters', async () => {
      const name = await createStream(service.sdk, `${service.streamName()}-`.padEnd(128, 'x'))
      const [a, b] = [await iteratorAt(service.sdk, name, shard), await iteratorAt(service.sdk, name, shard)]
      expect(a).not.toBe(b)
      expect(a.length).toBeLessThanOrEqual(512)
      expect(Buffer.from(a, 'base64').subarray(0, 8)).toEqual(Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]))
    })

    it.each(['0', 'foo-0', '-0', 'shardId-0'])('takes %s for the first shard', async (id) => {
      const { name } = await streamOf(1)
      expect(await read(await iteratorAt(service.sdk, name, id))).toBe('0')
    })

    it.each([
      ['an id that is no number', 'ABC', `Could not find shard ABC in stream S under account ${service.account}.`],
      [
        'a shard that is not there',
        'shardId-000000000007',
        `Shard shardId-000000000007 in stream S under account ${service.account} does not exist`,
      ],
    ])('refuses %s', async (_what, id, message) => {
      const { name } = await streamOf(0)
      expect(await refusal(iteratorAt(service.sdk, name, id))).toEqual({
        name: 'ResourceNotFoundException',
        message: message.replace('stream S', `stream ${name}`),
        status: 400,
      })
    })

    it('says of a missing stream that its shard does not exist', async () => {
      expect(await refusal(iteratorAt(service.sdk, 'nobody', '0'))).toEqual({
        name: 'ResourceNotFoundException',
        message: `Shard ${shard} in stream nobody under account ${service.account} does not exist`,
        status: 400,
      })
    })

    it('prints a shard field whose top bit is set as it is', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const [first] = await shardsOf(service.sdk, name)
      const start = BigInt(first?.SequenceNumberRange?.StartingSequenceNumber ?? 0)
      const StartingSequenceNumber = String(start + (0x8000_0000n << 4n))
      const refused = refusal(iteratorAt(service.sdk, name, shard, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber }))
      expect((await refused).message).toBe(
        `Invalid StartingSequenceNumber. It encodes shardId--02147483648, while it was used in a call to a shard with ${shard}`,
      )
    })

    it('reads an unparsable shard id before it looks for the stream', async () => {
      expect((await refusal(iteratorAt(service.sdk, 'nobody', 'ABC'))).message).toMatch(/^Could not find shard ABC/)
    })

    const must =
      'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified'
    it.each([
      [
        'TRIM_HORIZON' as const,
        { StartingSequenceNumber: '0' },
        `${must} TRIM_HORIZON and also a StartingSequenceNumber.`,
      ],
      ['LATEST' as const, { StartingSequenceNumber: '0' }, `${must} LATEST and also a StartingSequenceNumber.`],
      ['AT_SEQUENCE_NUMBER' as const, {}, `${must} AT_SEQUENCE_NUMBER and no StartingSequenceNumber.`],
      ['AFTER_SEQUENCE_NUMBER' as const, {}, `${must} AFTER_SEQUENCE_NUMBER and no StartingSequenceNumber.`],
      [
        'AT_TIMESTAMP' as const,
        {},
        'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.',
      ],
    ])('refuses %s with %j', async (type, rest, message) => {
      const { name } = await streamOf(0)
      expect(await refusal(iteratorAt(service.sdk, name, shard, type, rest))).toEqual({
        name: 'InvalidArgumentException',
        message,
        status: 400,
      })
    })

    it('refuses a time in the future', async () => {
      const { name } = await streamOf(0)
      const refused = await refusal(
        iteratorAt(service.sdk, name, shard, 'AT_TIMESTAMP', { Timestamp: new Date(Date.now() + 3_600_000) }),
      )
      expect(refused.message).toMatch(
        /^The timestampInMillis parameter cannot be greater than the currentTimestampInMillis\. timestampInMillis: \d+, currentTimestampInMillis: \d+$/,
      )
    })

    it('refuses a number of another shard, of another stream, and one that is none', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      const [, second] = await shardsOf(service.sdk, name)
      const of = async (StartingSequenceNumber: string): Promise<string> =>
        (await refusal(iteratorAt(service.sdk, name, shard, 'AT_SEQUENCE_NUMBER', { StartingSequenceNumber }))).message
      expect(await of(second?.SequenceNumberRange?.StartingSequenceNumber ?? '')).toBe(
        'Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard with shardId-000000000000',
      )
      // The worked value of KINESIS.md §11: a well-formed number of a stream made in 2023.
      expect(await of('49646437577108476416916876405825929425585429676275269634')).toBe(
        `StartingSequenceNumber 49646437577108476416916876405825929425585429676275269634 used in GetShardIterator on shard ${shard} in stream ${name} under account ${service.account} is invalid because it did not come from this stream.`,
      )
      expect(await of('9'.repeat(56))).toBe(
        `StartingSequenceNumber ${'9'.repeat(56)} used in GetShardIterator on shard ${shard} in stream ${name} under account ${service.account} is invalid.`,
      )
    })
  })
})
