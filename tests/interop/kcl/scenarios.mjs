/** What is shown with the AWS KCL for Java, unmodified: it alone on Millrace, and half an application beside a worker of ours. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { KinesisClient } from '../../../packages/client/dist/index.js'
import { Worker } from '../../../packages/consumer/dist/index.js'
import { DynamoLeaseStore } from '../../../packages/consumer/dist/leases/dynamodb/index.js'
import { KclWorker } from './kcl-worker.mjs'

const { DynamoDBClient } = createRequire(new URL('../../../packages/consumer/package.json', import.meta.url))(
  '@aws-sdk/client-dynamodb',
)
const KEYS = 20
const FAILOVER_MS = 4_000
/** A KCL 3 looks for leases that nobody holds so seldom that its first records can be a minute away. */
const PATIENCE_MS = 180_000
const access = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }

/** A stream of four shards, and records numbered from 0. */
class Source {
  count = 0

  constructor(endpoint, stream) {
    this.client = new KinesisClient({ endpoint, ...access })
    this.stream = stream
  }

  static async create(endpoint, stream) {
    const source = new Source(endpoint, stream)
    await source.client.createStream({ StreamName: stream, ShardCount: 4 })
    return source
  }

  async put(records) {
    for (const end = this.count + records; this.count < end; this.count++)
      await this.client.putRecord({
        StreamName: this.stream,
        PartitionKey: `key-${this.count % KEYS}`,
        Data: Buffer.from(String(this.count)),
      })
  }

  async openShards() {
    const { Shards } = await this.client.listShards({ StreamName: this.stream })
    return Shards.filter((shard) => shard.SequenceNumberRange.EndingSequenceNumber === undefined)
  }

  /** Splits the first shard and merges two others; the names of those that are closed by it. */
  async reshard() {
    const [first, second, third] = await this.openShards()
    const { StartingHashKey, EndingHashKey } = first.HashKeyRange
    const middle = (BigInt(StartingHashKey) + BigInt(EndingHashKey)) / 2n
    await this.client.splitShard({
      StreamName: this.stream,
      ShardToSplit: first.ShardId,
      NewStartingHashKey: String(middle),
    })
    for (;;) {
      try {
        await this.client.mergeShards({
          StreamName: this.stream,
          ShardToMerge: second.ShardId,
          AdjacentShardToMerge: third.ShardId,
        })
        return [first, second, third].map(({ ShardId }) => ShardId)
      } catch (error) {
        // The split is not done yet.
        if (error.name !== 'ResourceInUseException') throw error
        await sleep(50)
      }
    }
  }
}

async function until(what, isTrue) {
  for (const endMs = performance.now() + PATIENCE_MS; !isTrue(); await sleep(50))
    if (performance.now() > endMs) throw new Error(`${what}: not in ${PATIENCE_MS / 1_000} s`)
}

/** Those of one key came in order, where they came for the first time. */
function assertInOrder(records) {
  const seen = new Set()
  const last = new Map()
  for (const { key, text } of records) {
    if (seen.has(text)) continue
    seen.add(text)
    assert.ok(Number(text) > (last.get(key) ?? -1), `${key}: ${text} came after ${last.get(key)}`)
    last.set(key, Number(text))
  }
}

/** One application reads by polling and one by fan-out, through a split and a merge, each to the last record. */
export async function kclAlone({ classPath, kinesis, tables, name }) {
  const source = await Source.create(kinesis, `alone-${name}`)
  const workers = ['polling', 'fan-out'].map(
    (retrieval) =>
      new KclWorker({
        classPath,
        stream: source.stream,
        application: `${retrieval}-${name}`,
        worker: 'java',
        retrieval,
        failoverMs: FAILOVER_MS,
        kinesis,
        tables,
      }),
  )
  try {
    await source.put(200)
    for (const { records } of workers) await until('the first 200 records', () => records.length >= 200)
    const closed = await source.reshard()
    await source.put(200)
    for (const { records, events } of workers) {
      await until('the records after a split and a merge', () => records.length >= 400)
      await until('the ends of shards', () => closed.every((shard) => events.includes(`ended ${shard}`)))
    }
    for (const worker of workers) {
      assert.equal(await worker.stop(), 0)
      assert.equal(worker.events.at(-1), 'stopped')
      assertInOrder(worker.records)
      assert.equal(new Set(worker.records.map(({ text }) => text)).size, source.count)
      assert.equal(worker.records.length, source.count, 'nothing twice')
    }
    return `${source.count} records each by polling and fan-out, three shards to their ends`
  } finally {
    for (const worker of workers) await worker.kill()
    await source.client.close()
  }
}

/** Both process their share of one table's leases; then the KCL's worker is killed with -9, and ours has them all. */
export async function halfAndHalf({ classPath, kinesis, tables, name, kcl }) {
  const source = await Source.create(kinesis, `half-${name}`)
  const application = `half-${name}`
  const java = new KclWorker({
    classPath,
    stream: source.stream,
    application,
    worker: 'java',
    retrieval: 'polling',
    failoverMs: FAILOVER_MS,
    kinesis,
    tables,
  })
  const dynamo = new DynamoDBClient({ endpoint: tables, ...access })
  const stop = new AbortController()
  const ours = []
  let running
  let putting
  try {
    await source.put(100)
    await until('the first 100 records of the KCL', () => java.records.length >= 100)
    // From now on there is always something new to process, for whoever has the shard.
    const quiet = new AbortController()
    putting = (async () => {
      for (; !quiet.signal.aborted; await sleep(20)) await source.put(1)
    })()
    const leases = new DynamoLeaseStore({
      client: dynamo,
      table: application,
      keys: { stream: source.stream, service: source.client },
      kcl,
      kclFailoverMs: FAILOVER_MS,
    })
    const worker = new Worker({ client: source.client, application, stream: source.stream, leases, workerId: 'ours' })
    running = (async () => {
      for await (const batch of worker.batches({ signal: stop.signal })) {
        for (const { partitionKey: key, data } of batch.records)
          ours.push({ key, shardId: batch.shardId, text: Buffer.from(data).toString() })
        await batch.checkpoint()
      }
    })()
    const shardsOf = (records, from = 0) => new Set(records.slice(from).map(({ shardId }) => shardId))
    await until('our half of the leases', () => shardsOf(ours).size >= 2)
    const [ofJava, ofOurs] = [java.records.length, ours.length]
    await until('both at work', () => java.records.length > ofJava + 20 && ours.length > ofOurs + 20)
    const kept = [...shardsOf(java.records, ofJava)].filter((shardId) => !shardsOf(ours, ofOurs).has(shardId))

    await java.kill()
    const killedAt = performance.now()
    const before = ours.length
    await until('the leases of the dead', () => kept.every((shardId) => shardsOf(ours, before).has(shardId)))
    const takeoverMs = Math.round(performance.now() - killedAt)
    quiet.abort()
    await putting
    const seen = () => new Set([...java.records, ...ours].map(({ text }) => text)).size
    await until('every record', () => seen() === source.count)
    stop.abort()
    await running
    for (const records of [java.records, ours]) assertInOrder(records)
    const twice = java.records.length + ours.length - source.count
    return `${java.records.length} records by the KCL, ${ours.length} by ours, ${twice} by both or twice; ${kept.length} shards taken over ${takeoverMs} ms after kill -9`
  } finally {
    stop.abort()
    await java.kill()
    await Promise.allSettled([running, putting])
    dynamo.destroy()
    await source.client.close()
  }
}
