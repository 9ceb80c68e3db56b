/**
 * Enhanced fan-out on a server that lives badly: producers, pollers and registered consumers at once, shards that are
 * split, merged and scaled at random, and `kill -9`. Each consumer must get every record that is stored, once, in its order.
 * MILLRACE_FAN_OUT_SECONDS, _CONSUMERS and _PRODUCERS say how much (the soak: ten minutes, twenty consumers). The last of
 * its lives is half of that; one of five minutes must not need more memory at its end than after its third.
 */
import { setMaxListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CreateStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  PutRecordsCommand,
} from '@aws-sdk/client-kinesis'
import { KinesisClient } from '@millrace/client'
import { randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { sdkClient, streamArn } from '../conformance/support/sdk-client.ts'
import { Follower, lineOf } from './support/follow.ts'
import { History } from './support/history.ts'
import { readAll, reshard, shardsOf, write } from './support/load.ts'
import { ServerProcess } from './support/server-process.ts'

const seconds = Number(process.env['MILLRACE_FAN_OUT_SECONDS'] ?? 12)
const consumers = Number(process.env['MILLRACE_FAN_OUT_CONSUMERS'] ?? 3)
const producers = Number(process.env['MILLRACE_FAN_OUT_PRODUCERS'] ?? 4)
const pollers = 4
/** Between two kills, in the first half of the time: the last life is as long as the second half. */
const lifeMs = (seconds * 1000) / 10
const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
const stream = 'fanned'
type Sdk = ReturnType<typeof sdkClient>
const RESIDENT_MIB_MAX = 600
/** Of the last half minute beside the last of the first three minutes. */
const GROWTH_MAX = 1.15
const BASE_SECONDS = 180
const SPAN_SECONDS = 30

describe(`${consumers} consumers for ${seconds} s of kills and resharding`, () => {
  let server: ServerProcess | undefined
  let folder = ''
  afterEach(async () => {
    await server?.kill()
    await rm(folder, { recursive: true, force: true })
  })

  it(`each get every record once, in order (seed ${seed})`, async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-fan-out-'))
    server = await ServerProcess.start(folder)
    const { endpoint } = server
    const sdk = sdkClient(endpoint, 'test', 'http/1.1')
    const random = seededRandom(seed)
    const history = new History()
    const load = { sdk, stream, history, random }
    await sdk.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 4 }))

    const stop = new AbortController()
    const end = new AbortController()
    // One for each subscription.
    setMaxListeners(0, end.signal)
    const clients: KinesisClient[] = []
    const followers: { readonly follower: Follower; readonly done: Promise<void> }[] = []
    for (let i = 0; i < consumers; i++) {
      const client = new KinesisClient({
        endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
        httpVersion: '2',
      })
      const registered = { StreamARN: streamArn(stream), ConsumerName: `c${i}` }
      const { Consumer } = await client.registerStreamConsumer(registered)
      const follower = new Follower(client, Consumer.ConsumerARN, end.signal)
      clients.push(client)
      followers.push({ follower, done: follower.follow(stream) })
    }
    const writers = Array.from({ length: producers }, (_, i) => write(load, `key-${i}`, stop.signal))
    const polling = Array.from({ length: pollers }, () => poll(sdk, stop.signal))
    const resharder = reshard(load, stop.signal)
    let kills = 0
    let residentMiB = 0
    for (const endAt = performance.now() + seconds * 500; performance.now() < endAt; kills++) {
      await new Promise((resolve) => setTimeout(resolve, lifeMs / 2 + randomBelow(random, Math.ceil(lifeMs))))
      residentMiB = Math.max(residentMiB, residentMiBOf(server.pid))
      await server.kill()
      await server.start()
    }
    const memory = await lastLife(server, sdk, seconds / 2)
    stop.abort()
    await Promise.all([...writers, ...polling])
    const reshards = await resharder
    const stored = await readAll(sdk, stream)
    expect(history.violations(stored)).toEqual([])

    const expected = new Map<string, string[]>()
    for (const { shard, sequenceNumber, text } of stored)
      expected.set(shard, [...(expected.get(shard) ?? []), lineOf(sequenceNumber, text)])
    for (const { follower, done } of followers) {
      await Promise.race([done, allSeen(follower, stored.length)])
      for (const [shard, lines] of expected) expect(follower.seen.get(shard), shard).toEqual(lines)
    }
    residentMiB = Math.max(residentMiB, residentMiBOf(server.pid), memory.maxMiB)
    console.info(
      `fan-out: ${consumers} consumers, ${history.acknowledgements} records acknowledged, ${stored.length} stored, ` +
        `${kills} kills, ${reshards} reshards, seed ${seed}; ${memory.story}, ${Math.round(residentMiB)} MiB at most`,
    )
    expect(memory.growth, memory.story).toBeLessThan(GROWTH_MAX)
    expect(residentMiB).toBeLessThan(RESIDENT_MIB_MAX)
    expect(kills).toBeGreaterThan(0)
    end.abort()
    await Promise.all(followers.map(({ done }) => done))
    for (const client of clients) await client.close()
    sdk.destroy()
  })
})

interface Sample {
  readonly second: number
  readonly mib: number
}

interface Memory {
  readonly maxMiB: number
  /** How many times what it was after three minutes it is at the end; 1 for a life that is too short to tell. */
  readonly growth: number
  readonly story: string
}

/** Lets the server live. Caches are full from the start: they have bounds of their own, and are not what is looked for. */
async function lastLife({ pid }: ServerProcess, sdk: Sdk, lifeSeconds: number): Promise<Memory> {
  const isLong = lifeSeconds >= BASE_SECONDS + 2 * SPAN_SECONDS
  if (isLong) await fillCaches(sdk)
  const samples: Sample[] = []
  const startedMs = performance.now()
  for (let second = 0; second < lifeSeconds; second = (performance.now() - startedMs) / 1000) {
    samples.push({ second, mib: residentMiBOf(pid) })
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  const maxMiB = Math.max(...samples.map(({ mib }) => mib))
  if (!isLong) return { maxMiB, growth: 1, story: `${lifeSeconds} s of life say nothing about memory` }
  const before = (second: number): number => medianBefore(samples, second)
  const ends = Array.from({ length: Math.floor(lifeSeconds / SPAN_SECONDS) }, (_, i) => (i + 1) * SPAN_SECONDS)
  const growth = before(lifeSeconds) / before(BASE_SECONDS)
  const each = ends.map((second) => Math.round(before(second))).join(', ')
  return { maxMiB, growth, story: `MiB by half minutes ${each}: ${growth.toFixed(2)} times those after three minutes` }
}

function medianBefore(samples: readonly Sample[], end: number): number {
  const span = samples.filter(({ second }) => second > end - SPAN_SECONDS && second <= end)
  return span.map(({ mib }) => mib).sort((a, b) => a - b)[span.length >> 1] ?? Number.NaN
}

/** The tail that the log keeps, 128 MiB, and what readers share of it, 64 MiB. */
async function fillCaches(sdk: Sdk): Promise<void> {
  const StreamName = 'filler'
  await sdk.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }))
  const Data = Buffer.alloc(1024 * 1000, 'x')
  const first = { StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'LATEST' } as const
  let { ShardIterator } = await sdk.send(new GetShardIteratorCommand(first))
  for (let mib = 0; mib < 160; mib += 8) {
    const Records = Array.from({ length: 8 }, () => ({ Data, PartitionKey: 'key' }))
    await sdk.send(new PutRecordsCommand({ StreamName, Records }))
    ShardIterator = (await sdk.send(new GetRecordsCommand({ ShardIterator }))).NextShardIterator
  }
}

/** Resolves when the follower has as many records as are stored. Its consumer has all the time of the test. */
function allSeen(follower: Follower, count: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      let seen = 0
      for (const lines of follower.seen.values()) seen += lines.length
      if (seen >= count) resolve()
    }
    follower.onEvent = look
    look()
  })
}

/** Reads one shard after the other from the horizon on, as long as nobody says stop. */
async function poll(sdk: Sdk, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for (const { ShardId } of await shardsOf(sdk, stream)) {
        const first = { StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' } as const
        let { ShardIterator } = await sdk.send(new GetShardIteratorCommand(first))
        while (ShardIterator !== undefined && !signal.aborted) {
          const page = await sdk.send(new GetRecordsCommand({ ShardIterator }))
          ShardIterator = page.MillisBehindLatest === 0 ? undefined : page.NextShardIterator
        }
      }
    } catch {
      // The server is being killed.
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function residentMiBOf(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024
  } catch {
    // Only Linux says so.
    return 0
  }
}
