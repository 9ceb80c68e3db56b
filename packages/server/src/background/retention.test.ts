import { CreateStream } from '@millrace/protocol'
import { expect, it } from 'vitest'

import type { TrimFloor } from '../engine/engine.ts'
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
