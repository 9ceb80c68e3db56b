/** A registered consumer of the official JavaScript SDK stays subscribed over a split and a merge: parents to their end, then their children. */
import assert from 'node:assert/strict'
import * as aws from '@aws-sdk/client-kinesis'

const client = new aws.KinesisClient({ maxAttempts: 1 })
const StreamName = 'js-fan-out'
const TOTAL = 150
await client.send(new aws.CreateStreamCommand({ StreamName, ShardCount: 1 }))
const { StreamDescriptionSummary } = await client.send(new aws.DescribeStreamSummaryCommand({ StreamName }))
const { StreamARN } = StreamDescriptionSummary
const { Consumer } = await client.send(new aws.RegisterStreamConsumerCommand({ StreamARN, ConsumerName: 'js' }))
const { ConsumerARN } = Consumer

async function put(first, end) {
  for (let i = first; i < end; i++)
    await client.send(
      new aws.PutRecordCommand({ StreamName, Data: Buffer.from(String(i)), PartitionKey: `key-${i % 4}` }),
    )
}

async function reshard(ShardToSplit) {
  await client.send(new aws.SplitShardCommand({ StreamName, ShardToSplit, NewStartingHashKey: String(2n ** 127n) }))
  await put(50, 100)
  const [ShardToMerge, AdjacentShardToMerge] = ['shardId-000000000001', 'shardId-000000000002']
  await client.send(new aws.MergeShardsCommand({ StreamName, ShardToMerge, AdjacentShardToMerge }))
  await put(100, TOTAL)
}

await put(0, 50)
const seen = []
const shards = new Set(['shardId-000000000000'])
// Both parents of a merge name the same child; a set that grows is walked to its end.
for (const ShardId of shards) {
  const StartingPosition = { Type: 'TRIM_HORIZON' }
  const { EventStream } = await client.send(new aws.SubscribeToShardCommand({ ConsumerARN, ShardId, StartingPosition }))
  for await (const { SubscribeToShardEvent: event } of EventStream) {
    const before = seen.length
    for (const { Data } of event.Records) seen.push(Number(Buffer.from(Data).toString()))
    if (before < 50 && seen.length >= 50) await reshard(ShardId)
    for (const { ShardId: child } of event.ChildShards ?? []) shards.add(child)
    assert.equal((event.ChildShards ?? []).length > 0, event.ContinuationSequenceNumber === undefined)
    if (seen.length === TOTAL) break
  }
}
assert.deepEqual(
  seen.toSorted((a, b) => a - b),
  Array.from({ length: TOTAL }, (_, i) => i),
)
for (let key = 0; key < 4; key++) {
  const ofKey = seen.filter((i) => i % 4 === key)
  assert.deepEqual(
    ofKey,
    ofKey.toSorted((a, b) => a - b),
  )
}
await client.send(new aws.DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }))
client.destroy()
