/**
 * Invariants held to, over random histories of two servers on one engine, one of which hears of nothing by itself:
 * 1. every acknowledged record is read once, at the number it was given; nothing else is read;
 * 2. records of one key, put one after the other through any server, are read in that order, parents before children;
 * 3. the open shards partition the key space, whatever was split and merged by whom.
 */
import {
  CreateStream,
  HASH_KEY_MAX,
  ListShards,
  MergeShards,
  PutRecords,
  SplitShard,
  UpdateShardCount,
} from '@millrace/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { crashingEngine } from './testing/crashing-engine.ts'
import { deafEngine } from './testing/deaf-engine.ts'
import { Acknowledged } from './testing/per-key-order.ts'
import { bytesOf, idle, ServiceHarness } from './testing/service-harness.ts'
import { readStream } from './testing/whole-stream.ts'

const KEYS = Array.from({ length: 12 }, (_, i) => `key-${i}`)

/** In one round the puts and the reshards run at the same time. */
interface Round {
  readonly puts: readonly { readonly server: number; readonly keys: readonly number[] }[]
  readonly reshards: readonly {
    readonly server: number
    readonly kind: 'split' | 'merge' | 'scale'
    readonly pick: number
    readonly at: bigint
  }[]
}

const rounds = fc.array(
  fc.record<Round>({
    puts: fc.array(
      fc.record({ server: fc.nat(1), keys: fc.uniqueArray(fc.nat(KEYS.length - 1), { minLength: 1, maxLength: 12 }) }),
      { maxLength: 3 },
    ),
    reshards: fc.array(
      fc.record({
        server: fc.nat(1),
        kind: fc.constantFrom('split', 'merge', 'scale'),
        pick: fc.nat(),
        at: fc.bigInt({ min: 0n, max: HASH_KEY_MAX }),
      }),
      { maxLength: 2 },
    ),
  }),
  { maxLength: 12 },
)

async function putRound(
  servers: readonly ServiceHarness[],
  round: Round,
  n: number,
  acknowledged: Acknowledged,
): Promise<void> {
  const busy = new Set<number>()
  await Promise.all(
    round.puts.map(async ({ server, keys }, p) => {
      // One request in flight per key; each carries some keys twice.
      const mine = keys.filter((key) => !busy.has(key))
      for (const key of mine) busy.add(key)
      const entries = [...mine, ...mine].map((key, i) => ({ key: KEYS[key] ?? '', text: `${n}.${p}.${i}` }))
      if (entries.length === 0) return
      const output = await servers[server]?.call(PutRecords, {
        StreamName: 's',
        Records: entries.map(({ key, text }) => ({ PartitionKey: key, Data: bytesOf(text) })),
      })
      for (const [i, { key, text }] of entries.entries()) {
        const result = output?.Records[i]
        if (result?.SequenceNumber !== undefined) acknowledged.add(key, text, result.SequenceNumber)
        else expect(result?.ErrorCode).toBe('none: without faults every record is stored')
      }
    }),
  )
}

async function reshardRound(servers: readonly ServiceHarness[], round: Round): Promise<void> {
  await Promise.all(
    round.reshards.map(async ({ server, kind, pick, at }) => {
      const harness = servers[server]
      if (harness === undefined) return
      const { Shards = [] } = await harness.call(ListShards, { StreamName: 's', ShardFilter: { Type: 'AT_LATEST' } })
      const sorted = [...Shards].sort((a, b) =>
        BigInt(a.HashKeyRange.StartingHashKey) < BigInt(b.HashKeyRange.StartingHashKey) ? -1 : 1,
      )
      const shard = sorted[pick % sorted.length]
      const next = sorted[(pick % sorted.length) + 1]
      if (shard === undefined) return
      const start = BigInt(shard.HashKeyRange.StartingHashKey)
      const NewStartingHashKey = (start + (at % (BigInt(shard.HashKeyRange.EndingHashKey) - start + 1n))).toString()
      // Refused ones are part of the game: too narrow, someone else's turn, or known here too late.
      if (kind === 'scale')
        await harness.fault(UpdateShardCount, {
          StreamName: 's',
          TargetShardCount: 1 + (pick % (2 * sorted.length)),
          ScalingType: 'UNIFORM_SCALING',
        })
      else if (kind === 'split')
        await harness.fault(SplitShard, { StreamName: 's', ShardToSplit: shard.ShardId, NewStartingHashKey })
      else if (next !== undefined)
        await harness.fault(MergeShards, {
          StreamName: 's',
          ShardToMerge: shard.ShardId,
          AdjacentShardToMerge: next.ShardId,
        })
    }),
  )
}

/** Lets virtual time pass while `work` goes on: reshards wait for births. */
async function withTime(harness: ServiceHarness, work: Promise<unknown>): Promise<void> {
  const settled = work.then(() => true as const)
  for (;;) {
    if (await Promise.race([settled, idle()])) return
    harness.clock.advance(100)
  }
}

async function expectPartition(harness: ServiceHarness): Promise<void> {
  const { Shards = [] } = await harness.call(ListShards, { StreamName: 's', ShardFilter: { Type: 'AT_LATEST' } })
  const ranges = Shards.map(
    ({ HashKeyRange: { StartingHashKey, EndingHashKey } }) => [BigInt(StartingHashKey), BigInt(EndingHashKey)] as const,
  )
  let next = 0n
  for (const [start, end] of ranges.sort(([a], [b]) => (a < b ? -1 : 1))) {
    expect(start).toBe(next)
    next = end + 1n
  }
  expect(next).toBe(HASH_KEY_MAX + 1n)
}

describe('two servers on one engine', () => {
  it('keep every record and the order of each key through any splits and merges', async () => {
    let reshards = 0
    let records = 0
    await fc.assert(
      fc.asyncProperty(rounds, fc.integer({ min: 1, max: 4 }), async (history, shards) => {
        const first = await ServiceHarness.open()
        await first.call(CreateStream, { StreamName: 's', ShardCount: shards })
        await using one = first
        await using two = await ServiceHarness.open({ clock: one.clock, memory: one.memory, wrap: deafEngine, seed: 2 })
        const servers = [one, two]
        const acknowledged = new Acknowledged()
        for (const [n, round] of history.entries())
          await withTime(one, Promise.all([putRound(servers, round, n, acknowledged), reshardRound(servers, round)]))
        acknowledged.expectIn(await readStream(one, 's'))
        await expectPartition(one)
        records += acknowledged.records
        reshards += ((await one.call(ListShards, { StreamName: 's' })).Shards?.length ?? 0) - shards
      }),
      { numRuns: 60 },
    )
    // The property must have had something to do.
    expect(records).toBeGreaterThan(500)
    expect(reshards).toBeGreaterThan(50)
  })

  it('a server that dies in the middle of a reshard leaves nothing that the other cannot finish', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, fc.nat(12), fc.boolean(), async (history, changesLeft, answerLost) => {
        const crash: { changesLeft?: number; answerLost: boolean } = { answerLost }
        await using one = await ServiceHarness.open()
        await one.call(CreateStream, { StreamName: 's', ShardCount: 2 })
        const dying = await ServiceHarness.open({
          clock: one.clock,
          memory: one.memory,
          wrap: (engine) => crashingEngine(engine, crash),
          seed: 2,
        })
        crash.changesLeft = changesLeft
        const acknowledged = new Acknowledged()
        for (const [n, round] of history.entries()) {
          // The dying server reshards; the healthy one takes the puts.
          const puts = { ...round, puts: round.puts.map((put) => ({ ...put, server: 0 })) }
          const reshards = { ...round, reshards: round.reshards.map((reshard) => ({ ...reshard, server: 1 })) }
          const servers = [one, dying]
          await withTime(one, Promise.all([putRound(servers, puts, n, acknowledged), reshardRound(servers, reshards)]))
        }
        await dying.service.close()
        await one.advance(10_000, 500)
        acknowledged.expectIn(await readStream(one, 's'))
        await expectPartition(one)
      }),
      { numRuns: 60 },
    )
  })
})
