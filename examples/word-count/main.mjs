/**
 * Counts the words of a log. Its lines are put into a stream, whose shards two workers share, and count. Start Millrace first (`npm start`),
 * then `node examples/word-count/main.mjs examples/word-count/dpkg.log`, or by pipe: `git log | node examples/word-count/main.mjs`.
 * Stopped or killed, it goes on where it stood: with `</dev/null` it puts no more lines and counts what is left.
 */
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { KinesisClient } from '@millrace/client'
import { ServiceLeaseStore, Worker } from '@millrace/consumer'

const { MILLRACE_ENDPOINT: endpoint = 'http://localhost:4567', APPLICATION: application = 'word-count' } = process.env
const { STREAM: stream = 'log-lines', COUNTS: folder = 'word-counts' } = process.env
const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
const client = new KinesisClient({ endpoint, region: 'us-east-1', credentials })
const SHARDS = 4
await client.createStream({ StreamName: stream, ShardCount: SHARDS }).catch((error) => {
  if (error.type !== 'ResourceInUseException') throw error // It is there from the last time.
})

const [, , path] = process.argv
let lines = 0
let puts = []
for await (const line of createInterface({ input: path === undefined ? process.stdin : createReadStream(path) })) {
  // Lines of one key stay in order. Counting needs no order, so each has its own, and the shards fill evenly.
  puts.push(client.putRecord({ StreamName: stream, PartitionKey: `line ${(lines += 1)}`, Data: Buffer.from(line) }))
  if (puts.length === 100) puts = await Promise.all(puts).then(() => [])
}
await Promise.all(puts)
console.error(`${lines} lines put`)
await mkdir(folder, { recursive: true })
async function counted(file) {
  const text = await readFile(`${folder}/${file}`, 'utf8').catch((error) => {
    if (error.code !== 'ENOENT') throw error
  })
  const { upTo, words } = text === undefined ? { upTo: '0', words: [] } : JSON.parse(text)
  return { upTo, words: new Map(words) }
}
const add = (words, word, times) => words.set(word, (words.get(word) ?? 0) + times)

/** Counts and place go to disk in one step, before the checkpoint: a line that is delivered again is known by its number. */
async function count({ shardId, records }) {
  const { upTo, words } = await counted(`${shardId}.json`)
  const fresh = records.filter(({ sequenceNumber }) => BigInt(sequenceNumber) > BigInt(upTo))
  for (const { data } of fresh)
    for (const word of Buffer.from(data)
      .toString()
      .match(/\p{L}[\p{L}\p{N}-]*/gu) ?? [])
      add(words, word, 1)
  const state = JSON.stringify({ upTo: fresh.at(-1)?.sequenceNumber ?? upTo, words: [...words] })
  await writeFile(`${folder}/${shardId}.new`, state, { flush: true })
  await rename(`${folder}/${shardId}.new`, `${folder}/${shardId}.json`)
  console.error(`${shardId}: ${fresh.length} lines counted`)
}

/** All is counted when the workers' own metrics say of each shard that nothing is left. */
const left = new Map()
const done = new AbortController()
const sink = {
  record({ name }, value, { ShardId }) {
    if (name === 'RecordsBehindLatest') left.set(ShardId, value)
    if (left.size === SHARDS && [...left.values()].every((records) => records === 0)) done.abort()
  },
  forget: (_, { ShardId }) => left.delete(ShardId),
}
async function work() {
  const leases = new ServiceLeaseStore({ client, application })
  const worker = new Worker({ client, application, stream, leases, metrics: { sink } })
  for await (const batch of worker.batches({ signal: done.signal, stopOn: ['SIGTERM', 'SIGINT'] })) {
    await count(batch)
    await batch.checkpoint() // At least once: a crash before this line delivers the batch again.
  }
}
await Promise.all([work(), work()])
await client.close()
const total = new Map()
for (const file of (await readdir(folder)).filter((name) => name.endsWith('.json')))
  for (const [word, times] of (await counted(file)).words) add(total, word, times)
console.table(Object.fromEntries([...total].sort(([, m], [, n]) => n - m).slice(0, 10)))
