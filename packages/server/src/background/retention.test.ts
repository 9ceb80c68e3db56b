import { CreateStream } from '@millrace/protocol'
import { expect, it } from 'vitest'

import { EngineError, type TrimFloor } from '../engine/engine.ts'
import { lendingEngine } from '../testing/lending-engine.ts'
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
