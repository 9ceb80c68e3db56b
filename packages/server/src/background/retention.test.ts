import {
  CreateStream,
  DecreaseStreamRetentionPeriod,
  DeleteStream,
  IncreaseStreamRetentionPeriod,
} from '@millrace/protocol'
import { deferred } from '@millrace/std'
import { expect, it } from 'vitest'

import { type CasOptions, EngineError, type TrimFloor } from '../engine/engine.ts'
import { lendingEngine } from '../testing/lending-engine.ts'
import { metaWith } from '../testing/meta-with.ts'
import { ServiceHarness } from '../testing/service-harness.ts'

const HOUR_MS = 3_600_000

it('tells the engine soon after the start how long records are kept: a full disk may wait for what is rewritten then', async () => {
  const told: TrimFloor[] = []
  await using harness = await ServiceHarness.open({
    wrap: (memory) => {
      const engine = lendingEngine(memory)
      return { ...engine, shards: { ...engine.shards, trim: async (floors) => void told.push(...floors) } }
    },
  })
  await harness.call(CreateStream, { StreamName: 'orders', ShardCount: 2 })
  expect(told).toEqual([])
  await harness.advance(5_000, 1_000)
  expect(told.map(({ retentionMs }) => retentionMs)).toEqual([24 * HOUR_MS, 24 * HOUR_MS])
})

it('tells the engine at once of a stream that is kept for longer: on a full disk it may hold floors of the time before', async () => {
  const told: TrimFloor[] = []
  await using harness = await ServiceHarness.open({
    wrap: (memory) => {
      const engine = lendingEngine(memory)
      return { ...engine, shards: { ...engine.shards, trim: async (floors) => void told.push(...floors) } }
    },
  })
  const StreamName = 'orders'
  await harness.call(CreateStream, { StreamName, ShardCount: 2 })
  await harness.call(IncreaseStreamRetentionPeriod, { StreamName, RetentionPeriodHours: 48 })
  const kept = { beforeMs: 0, retentionMs: 48 * HOUR_MS }
  expect(told).toEqual([
    { shard: 1, ...kept },
    { shard: 2, ...kept },
  ])
  await harness.call(DecreaseStreamRetentionPeriod, { StreamName, RetentionPeriodHours: 24 })
  expect(told).toHaveLength(2)
})

it('tells the engine what is true with its next round after changes that came at once, also if a round is under way', async () => {
  const told: (number | undefined)[] = []
  let gate: Promise<void> | undefined
  await using harness = await ServiceHarness.open({
    wrap: (memory) => {
      const engine = lendingEngine(memory)
      const trim = async ([floor]: readonly TrimFloor[]): Promise<void> => {
        told.push((floor?.retentionMs ?? 0) / HOUR_MS)
        await gate
      }
      return { ...engine, shards: { ...engine.shards, trim } }
    },
  })
  const StreamName = 'orders'
  await harness.call(CreateStream, { StreamName, ShardCount: 1 })
  const longerAndBack = async (): Promise<void> => {
    await harness.call(IncreaseStreamRetentionPeriod, { StreamName, RetentionPeriodHours: 36 })
    await Promise.all([
      harness.call(IncreaseStreamRetentionPeriod, { StreamName, RetentionPeriodHours: 48 }),
      harness.call(DecreaseStreamRetentionPeriod, { StreamName, RetentionPeriodHours: 24 }),
    ])
  }
  const hanging = deferred<void>()
  gate = hanging.promise
  await harness.advance(5_000)
  gate = undefined
  await longerAndBack()
  hanging.resolve()
  await harness.advance(120_000, 1_000)
  expect(told).toEqual([24, 36, 48, 24])
  await longerAndBack()
  await harness.advance(120_000, 1_000)
  expect(told.slice(4)).toEqual([36, 48, 24])
})

it('says to the engine of which changes space comes back, and how soon', async () => {
  const said: CasOptions['freesSpace'][] = []
  await using harness = await ServiceHarness.open({
    wrap: (memory) => {
      const engine = lendingEngine(memory)
      const { meta } = engine
      return {
        ...engine,
        meta: metaWith(meta, {
          cas: (changes, options) => {
            said.push(options.freesSpace)
            return meta.cas(changes, options)
          },
        }),
      }
    },
  })
  const StreamName = 'orders'
  await harness.call(CreateStream, { StreamName, ShardCount: 2 })
  const saidOf = async (change: () => Promise<unknown>): Promise<readonly unknown[]> => {
    said.length = 0
    await change()
    return [...new Set(said)]
  }
  expect(
    await saidOf(() => harness.call(IncreaseStreamRetentionPeriod, { StreamName, RetentionPeriodHours: 48 })),
  ).toEqual([undefined])
  expect(
    await saidOf(() => harness.call(DecreaseStreamRetentionPeriod, { StreamName, RetentionPeriodHours: 47 })),
  ).toEqual(['later'])
  expect(await saidOf(() => harness.call(DeleteStream, { StreamName }))).toEqual(['soon'])
})

it('gives others a turn between streams whose floors a full disk refuses', async () => {
  let turns = 0
  const turnsBefore: number[] = []
  await using harness = await ServiceHarness.open({
    wrap: (memory) => {
      const engine = lendingEngine(memory)
      const trim = async (): Promise<never> => {
        turnsBefore.push(turns)
        setImmediate(() => void turns++)
        throw new EngineError('no-space', 'the disk is full')
      }
      return { ...engine, shards: { ...engine.shards, trim } }
    },
  })
  for (const StreamName of ['a', 'b', 'c']) await harness.call(CreateStream, { StreamName, ShardCount: 1 })
  await harness.advance(5_000, 1_000)
  expect(turnsBefore).toEqual([0, 1, 2])
})
