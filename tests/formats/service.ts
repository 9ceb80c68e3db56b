/** The service over a real directory, with small segments and a clock held by hand, and everything that it shows. */
import type { GetRecordsOutput, GetShardIteratorOutput, ListShardsOutput, ListStreamsOutput } from '@millrace/protocol'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { openEmbeddedEngine } from '../../packages/server/src/engine/embedded/embedded-engine.ts'
import { Service } from '../../packages/server/src/service.ts'

const SEGMENT_BYTES = 64 * 1024
const REGION = 'us-east-1'
const ACCOUNT = '000000000000'
const DEADLINE_MS = 60_000

export interface DirectoryService {
  readonly clock: VirtualClock
  /** Calls an operation; time passes in small steps while it waits. */
  call<T>(operation: string, input: object): Promise<T>
  /** Lets time pass, and what became due run. */
  pass(ms: number, stepMs?: number): Promise<void>
  close(): Promise<void>
}

/** Opens the directory at a moment, ms since the epoch. */
export async function makeService(directory: string, nowMs: number): Promise<DirectoryService> {
  const clock = new VirtualClock(nowMs)
  const random = seededRandom(nowMs)
  const engine = await openEmbeddedEngine({
    storage: { directory },
    clock,
    random,
    durability: 'fsync',
    segmentBytes: SEGMENT_BYTES,
    tailBytesMax: 0,
    freeBytesMin: SEGMENT_BYTES,
  })
  const service = await Service.open({ engine, clock, random, options: { shardLimits: 'off' } })
  const pass = async (ms: number, stepMs = ms): Promise<void> => {
    for (let left = ms; left > 0; left -= stepMs) {
      clock.advance(Math.min(stepMs, left))
      // The disk is a real one: its answers take turns of the event loop.
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const passUntil = async <T>(answer: Promise<T>): Promise<T> => {
    const state = { isDone: false }
    const finish = (): void => void (state.isDone = true)
    answer.then(finish, finish)
    while (!state.isDone) await pass(1)
    return answer
  }
  return {
    clock,
    pass,
    async call<T>(operation: string, input: object): Promise<T> {
      const answer = service.execute(operation, input, {
        account: ACCOUNT,
        region: REGION,
        requestId: 'formats',
        deadlineMs: clock.monotonic() + DEADLINE_MS,
        signal: new AbortController().signal,
      })
      return (await passUntil(answer)) as T
    },
    async close() {
      await passUntil(service.close().then(() => engine.close()))
    },
  }
}

/** Streams with their settings and shards, and every record of each shard, as JSON has them. */
export async function readEverything(service: DirectoryService): Promise<unknown> {
  const { StreamNames } = await service.call<ListStreamsOutput>('ListStreams', {})
  const streams: unknown[] = []
  for (const StreamName of StreamNames) {
    const summary = await service.call('DescribeStreamSummary', { StreamName })
    const tags = await service.call('ListTagsForStream', { StreamName })
    const { Shards = [] } = await service.call<ListShardsOutput>('ListShards', { StreamName })
    const shards: unknown[] = []
    for (const shard of Shards) shards.push({ shard, ...(await readShard(service, StreamName, shard.ShardId)) })
    streams.push({ summary, tags, shards })
  }
  return JSON.parse(JSON.stringify(streams)) as unknown
}

async function readShard(service: DirectoryService, StreamName: string, ShardId: string): Promise<object> {
  const first = { StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }
  let { ShardIterator } = await service.call<GetShardIteratorOutput>('GetShardIterator', first)
  const records: unknown[] = []
  for (;;) {
    const page = await service.call<GetRecordsOutput>('GetRecords', { ShardIterator })
    for (const { Data, ...record } of page.Records)
      records.push({ ...record, Data: Buffer.from(Data).toString('base64') })
    if (page.NextShardIterator === undefined) return { records, children: page.ChildShards }
    if (page.Records.length === 0 && page.MillisBehindLatest === 0) return { records }
    ShardIterator = page.NextShardIterator
  }
}
