import { GetRecordsCommand, PutRecordCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { bytes, createStream, iteratorAt, shardsOf, textsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { post } from './support/wire.ts'

describe('PutRecord', () => {
  onEveryEngine((service) => {
    it('stores a record that is read back byte for byte', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const data = Uint8Array.from({ length: 256 }, (_, i) => i)
      const put = await service.sdk.send(new PutRecordCommand({ StreamName: name, Data: data, PartitionKey: 'ключ' }))
      expect(put.ShardId).toBe('shardId-000000000000')
      expect(put.SequenceNumber).toMatch(/^\d{56}$/)
      expect(put).not.toHaveProperty('EncryptionType')
      const { Records } = await service.sdk.send(
        new GetRecordsCommand({ ShardIterator: await iteratorAt(service.sdk, name, put.ShardId ?? '') }),
      )
      expect(Records).toHaveLength(1)
      expect(Records?.[0]).toMatchObject({ PartitionKey: 'ключ', SequenceNumber: put.SequenceNumber })
      expect(Buffer.from(Records?.[0]?.Data ?? [])).toEqual(Buffer.from(data))
      const arrivedMsAgo = Date.now() - (Records?.[0]?.ApproximateArrivalTimestamp?.getTime() ?? 0)
      expect(Math.abs(arrivedMsAgo)).toBeLessThan(60_000)
      expect(Records?.[0]).not.toHaveProperty('EncryptionType')
    })

    // MD5 of the key as an unsigned integer: KINESIS.md §10.
    it.each([
      ['a', 16955237001963240173058271559858726497n],
      ['partition-1', 198019941650871988756153596255032211816n],
      ['ключ', 259726384039714788407059515981389908711n],
    ])('routes the partition key %s by its MD5', async (key, hash) => {
      const name = await createStream(service.sdk, service.streamName(), 7)
      const shards = await shardsOf(service.sdk, name)
      const { ShardId } = await service.sdk.send(
        new PutRecordCommand({ StreamName: name, Data: bytes('x'), PartitionKey: key }),
      )
      const range = shards.find((shard) => shard.ShardId === ShardId)?.HashKeyRange
      expect(BigInt(range?.StartingHashKey ?? 0) <= hash && hash <= BigInt(range?.EndingHashKey ?? 0)).toBe(true)
    })

    it('lets an explicit hash key decide, at both ends of the space', async () => {
      const name = await createStream(service.sdk, service.streamName(), 3)
      const put = async (ExplicitHashKey: string): Promise<string | undefined> =>
        (
          await service.sdk.send(
            new PutRecordCommand({ StreamName: name, Data: bytes('x'), PartitionKey: 'k', ExplicitHashKey }),
          )
        ).ShardId
      expect(await put('0')).toBe('shardId-000000000000')
      expect(await put('340282366920938463463374607431768211455')).toBe('shardId-000000000002')
      expect(await refusal(put('340282366920938463463374607431768211456'))).toEqual({
        name: 'InvalidArgumentException',
        message:
          'Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was 340282366920938463463374607431768211456',
        status: 400,
      })
    })

    it('gives each record of a shard a higher number than the one before', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const numbers: bigint[] = []
      for (let i = 0; i < 20; i++) {
        const put = await service.sdk.send(
          new PutRecordCommand({ StreamName: name, Data: bytes(String(i)), PartitionKey: String(i) }),
        )
        numbers.push(BigInt(put.SequenceNumber ?? 0))
      }
      expect(numbers).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)))
      expect(new Set(numbers).size).toBe(20)
      expect(await textsOf(service.sdk, name, 'shardId-000000000000')).toEqual(numbers.map((_, i) => String(i)))
    })

    it('takes an empty record and one of exactly 1 MiB with its key, and nothing larger', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const put = (size: number): Promise<unknown> =>
        service.sdk.send(new PutRecordCommand({ StreamName: name, Data: new Uint8Array(size), PartitionKey: 'k' }))
      await put(0)
      await put(1_048_575)
      expect(await refusal(put(1_048_577))).toEqual({
        name: 'ValidationException',
        message:
          "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less than or equal to 1048576",
        status: 400,
      })
    })

    it('addresses the stream by ARN as well', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const put = await service.sdk.send(
        new PutRecordCommand({ StreamARN: service.streamArn(name), Data: bytes('x'), PartitionKey: 'k' }),
      )
      expect(put.ShardId).toBe('shardId-000000000000')
    })

    it.each([
      [
        'a stream that does not exist',
        { StreamName: 'nobody' },
        'ResourceNotFoundException',
        `Stream nobody under account ${service.account} not found.`,
      ],
      [
        'its ARN',
        { StreamARN: service.streamArn('nobody') },
        'ResourceNotFoundException',
        `Stream nobody under account ${service.account} not found.`,
      ],
    ])('refuses %s', async (_what, stream, name, message) => {
      const call = service.sdk.send(new PutRecordCommand({ ...stream, Data: bytes('x'), PartitionKey: 'k' }))
      expect(await refusal(call)).toEqual({ name, message, status: 400 })
    })

    it('refuses a record without a partition key', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const refused = await refusal(service.sdk.send(new PutRecordCommand({ StreamName: name, Data: bytes('x') })))
      expect(refused).toMatchObject({
        name: 'ValidationException',
        message:
          "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null",
      })
    })

    it('takes a number to be larger than, and refuses one that cannot be', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const put = async (SequenceNumberForOrdering?: string): Promise<string> =>
        (
          await service.sdk.send(
            new PutRecordCommand({
              StreamName: name,
              Data: bytes('x'),
              PartitionKey: 'k',
              ...(SequenceNumberForOrdering === undefined ? {} : { SequenceNumberForOrdering }),
            }),
          )
        ).SequenceNumber ?? ''
      const first = await put()
      expect(BigInt(await put(first))).toBeGreaterThan(BigInt(first))
      const absurd = '9'.repeat(56)
      expect(await refusal(put(absurd))).toEqual({
        name: 'InvalidArgumentException',
        message: `ExclusiveMinimumSequenceNumber ${absurd} used in PutRecord on stream ${name} under account ${service.account} is invalid.`,
        status: 400,
      })
    })

    it('is told of types before constraints before the stream', async () => {
      const told = async (input: object) =>
        JSON.parse((await post(service, 'PutRecord', JSON.stringify(input))).body.toString()) as unknown
      expect(await told({ StreamName: 'nobody', Data: 1, PartitionKey: '' })).toEqual({
        __type: 'SerializationException',
        Message: 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to a Blob',
      })
      expect(await told({ StreamName: 'nobody', Data: '', PartitionKey: '' })).toEqual({
        __type: 'ValidationException',
        message:
          "1 validation error detected: Value '' at 'partitionKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
      })
      expect(await told({ StreamName: 'nobody', Data: '', PartitionKey: 'k' })).toEqual({
        __type: 'ResourceNotFoundException',
        message: `Stream nobody under account ${service.account} not found.`,
      })
    })

    it('takes a key of 256 characters, and none longer', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const put = (PartitionKey: string) =>
        service.sdk.send(new PutRecordCommand({ StreamName, Data: bytes('x'), PartitionKey }))
      expect((await put('ключ'.repeat(64))).ShardId).toBe('shardId-000000000000')
      expect((await refusal(put('k'.repeat(257)))).message).toMatch(
        /'partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256$/,
      )
    })

    it('counts the UTF-8 bytes of the key towards the largest record', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const put = (size: number, PartitionKey: string) =>
        service.sdk.send(new PutRecordCommand({ StreamName, Data: new Uint8Array(size), PartitionKey }))
      expect(await refusal(put(1_048_575, 'é'))).toMatchObject({ name: 'ValidationException' })
      await put(1_048_574, 'é')
    })

    it('stores a call that is sent twice, twice', async () => {
      const StreamName = await createStream(service.sdk, service.streamName())
      const command = new PutRecordCommand({ StreamName, Data: bytes('x'), PartitionKey: 'k' })
      const first = await service.sdk.send(command)
      expect((await service.sdk.send(command)).SequenceNumber).not.toBe(first.SequenceNumber)
      expect(await textsOf(service.sdk, StreamName, 'shardId-000000000000')).toEqual(['x', 'x'])
    })

    it('does nothing on a dry run, and says that it would have', async () => {
      const name = await createStream(service.sdk, service.streamName())
      const call = service.sdk.send(
        new PutRecordCommand({ StreamName: name, Data: bytes('x'), PartitionKey: 'k', DryRun: true }),
      )
      expect(await refusal(call)).toMatchObject({ name: 'DryRunOperationException', status: 400 })
      expect(await textsOf(service.sdk, name, 'shardId-000000000000')).toEqual([])
    })
  })
})
