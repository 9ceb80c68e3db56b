import { CreateStreamCommand, DescribeStreamCommand, DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import { createStream, HASH_KEY_MAX, shardsOf } from './support/records.ts'
import { onEveryEngine, refusal } from './support/service.ts'
import { post } from './support/wire.ts'

describe('CreateStream', () => {
  onEveryEngine((service) => {
    it('makes a stream that is described with the defaults of the service', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      const { StreamDescription } = await service.sdk.send(new DescribeStreamCommand({ StreamName: name }))
      expect(StreamDescription).toMatchObject({
        StreamName: name,
        StreamARN: service.streamArn(name),
        StreamStatus: 'ACTIVE',
        StreamModeDetails: { StreamMode: 'PROVISIONED' },
        HasMoreShards: false,
        RetentionPeriodHours: 24,
        EncryptionType: 'NONE',
        EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      })
      expect(StreamDescription).not.toHaveProperty('KeyId')
      const { StreamDescriptionSummary } = await service.sdk.send(
        new DescribeStreamSummaryCommand({ StreamName: name }),
      )
      expect(StreamDescriptionSummary).toMatchObject({ StreamName: name, OpenShardCount: 2, ConsumerCount: 0 })
      expect(StreamDescriptionSummary).not.toHaveProperty('StreamId')
    })

    it.each([
      [1, ['0']],
      [2, ['0', '170141183460469231731687303715884105728']],
      [3, ['0', '113427455640312821154458202477256070485', '226854911280625642308916404954512140970']],
      [
        5,
        [
          '0',
          '68056473384187692692674921486353642291',
          '136112946768375385385349842972707284582',
          '204169420152563078078024764459060926873',
          '272225893536750770770699685945414569164',
        ],
      ],
    ])('divides the key space into %i as the real service does', async (count, starts) => {
      const name = await createStream(service.sdk, service.streamName(), count)
      const shards = await shardsOf(service.sdk, name)
      expect(shards.map((shard) => shard.HashKeyRange?.StartingHashKey)).toEqual(starts)
      expect(shards.at(-1)?.HashKeyRange?.EndingHashKey).toBe(HASH_KEY_MAX.toString())
      expect(shards.map((shard) => shard.ShardId)).toEqual(
        starts.map((_, i) => `shardId-${String(i).padStart(12, '0')}`),
      )
      for (const shard of shards) {
        expect(shard.SequenceNumberRange?.StartingSequenceNumber).toMatch(/^\d{56}$/)
        expect(shard.SequenceNumberRange).not.toHaveProperty('EndingSequenceNumber')
        expect(shard).not.toHaveProperty('ParentShardId')
      }
    })

    it('makes eight streams that are asked for at once', async () => {
      const names = Array.from({ length: 8 }, () => service.streamName())
      await Promise.all(names.map((name) => createStream(service.sdk, name, 1)))
      for (const name of names) expect(await shardsOf(service.sdk, name)).toHaveLength(1)
    })

    it('lays neighbouring initial shards 2^144 + 16 apart in sequence numbers', async () => {
      const name = await createStream(service.sdk, service.streamName(), 2)
      const [first, second] = (await shardsOf(service.sdk, name)).map((shard) =>
        BigInt(shard.SequenceNumberRange?.StartingSequenceNumber ?? 0),
      )
      expect((second ?? 0n) - (first ?? 0n)).toBe(22300745198530623141535718272648361505980432n)
    })

    it.each([{}, { StreamModeDetails: { StreamMode: 'ON_DEMAND' as const } }])(
      'makes an on-demand stream with four shards: %j',
      async (input) => {
        const StreamName = service.streamName()
        await service.sdk.send(new CreateStreamCommand({ StreamName, ...input }))
        const { StreamDescriptionSummary } = await service.sdk.send(new DescribeStreamSummaryCommand({ StreamName }))
        expect(StreamDescriptionSummary).toMatchObject({
          StreamModeDetails: { StreamMode: 'ON_DEMAND' },
          OpenShardCount: 4,
          RecordDistributionStrategy: 'USER_PARTITION_KEY',
        })
        expect((await shardsOf(service.sdk, StreamName)).map((shard) => shard.HashKeyRange?.StartingHashKey)).toEqual([
          '0',
          '85070591730234615865843651857942052864',
          '170141183460469231731687303715884105728',
          '255211775190703847597530955573826158592',
        ])
      },
    )

    it('refuses a count for an on-demand stream', async () => {
      const StreamName = service.streamName()
      const StreamModeDetails = { StreamMode: 'ON_DEMAND' as const }
      const refused = await refusal(
        service.sdk.send(new CreateStreamCommand({ StreamName, ShardCount: 4, StreamModeDetails })),
      )
      expect(refused.name).toBe('InvalidArgumentException')
    })

    it('refuses a name that is taken', async () => {
      const name = await createStream(service.sdk, service.streamName())
      expect(await refusal(createStream(service.sdk, name))).toEqual({
        name: 'ResourceInUseException',
        message: `Stream ${name} under account ${service.account} already exists.`,
        status: 400,
      })
    })

    it.each([
      [
        { StreamName: 'a/b', ShardCount: 1 },
        "Value 'a/b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
      ],
      [
        { StreamName: 'x'.repeat(129), ShardCount: 1 },
        `Value '${'x'.repeat(129)}' at 'streamName' failed to satisfy constraint: Member must have length less than or equal to 128`,
      ],
      [
        { StreamName: 'zero', ShardCount: 0 },
        "Value '0' at 'shardCount' failed to satisfy constraint: Member must have value greater than or equal to 1",
      ],
    ])('refuses what breaks a declared constraint: %j', async (input, part) => {
      expect(await refusal(service.sdk.send(new CreateStreamCommand(input)))).toEqual({
        name: 'ValidationException',
        message: `1 validation error detected: ${part}`,
        status: 400,
      })
    })

    it('floors fractions and clamps what is beyond an integer, before it looks at constraints', async () => {
      const StreamName = service.streamName()
      expect((await post(service, 'CreateStream', JSON.stringify({ StreamName, ShardCount: 2.9 }))).status).toBe(200)
      await service.settled({ StreamName })
      expect(await shardsOf(service.sdk, StreamName)).toHaveLength(2)
      const beyond = await post(service, 'GetRecords', '{"ShardIterator":"x","Limit":100000000000}')
      expect(beyond.body.toString()).toContain("Value '2147483647' at 'limit' failed to satisfy constraint")
      const fraction = await post(service, 'GetRecords', '{"ShardIterator":"x","Limit":0.9}')
      expect(fraction.body.toString()).toContain("Value '0' at 'limit' failed to satisfy constraint")
    })

    it('counts the violations of one request in one message', async () => {
      const refused = await refusal(service.sdk.send(new CreateStreamCommand({ StreamName: '', ShardCount: 0 })))
      expect(refused.message).toMatch(/^3 validation errors detected: /)
    })

    it('refuses more shards than the quota, in the words of the real service', async () => {
      const refused = await refusal(createStream(service.sdk, service.streamName(), 100_000))
      expect(refused.name).toBe('LimitExceededException')
      expect(refused.message).toMatch(
        /^This request would exceed the shard limit for the account \d{12} in [a-z0-9-]+\. Current shard count for the account: \d+\. Limit: \d+\. Number of additional shards that would have resulted from this request: 100000\./,
      )
    })
  })
})
