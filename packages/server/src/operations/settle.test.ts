import {
  CreateStream,
  DeleteStream,
  DescribeStreamSummary,
  MergeShards,
  SplitShard,
  UpdateShardCount,
} from '@millrace/protocol'
import { deferred } from '@millrace/std'
import { describe, expect, it, vi } from 'vitest'

import { idle, ServiceHarness } from '../testing/service-harness.ts'
import type { OperationContext } from './operation.ts'

const HANDLING_MS = 20_000
const StreamName = 's'

type Call = (harness: ServiceHarness, context: Partial<OperationContext>) => Promise<unknown>

const changes: readonly (readonly [operation: string, status: string, call: Call])[] = [
  [
    CreateStream.name,
    'CREATING',
    (harness, context) => harness.call(CreateStream, { StreamName, ShardCount: 2 }, context),
  ],
  [DeleteStream.name, 'DELETING', (harness, context) => harness.call(DeleteStream, { StreamName }, context)],
  [
    SplitShard.name,
    'UPDATING',
    (harness, context) =>
      harness.call(SplitShard, { StreamName, ShardToSplit: '0', NewStartingHashKey: '1000' }, context),
  ],
  [
    MergeShards.name,
    'UPDATING',
    (harness, context) =>
      harness.call(MergeShards, { StreamName, ShardToMerge: '0', AdjacentShardToMerge: '1' }, context),
  ],
  [
    UpdateShardCount.name,
    'UPDATING',
    (harness, context) =>
      harness.call(UpdateShardCount, { StreamName, TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' }, context),
  ],
]

/** Shards are made and dropped only from `open` on. */
function slowShards({ memory: { shards } }: ServiceHarness, open: Promise<void>): void {
  const provision = shards.provision.bind(shards)
  const drop = shards.drop.bind(shards)
  vi.spyOn(shards, 'provision').mockImplementation((...args) => open.then(() => provision(...args)))
  vi.spyOn(shards, 'drop').mockImplementation((...args) => open.then(() => drop(...args)))
}

describe('a change that takes longer than its request may', () => {
  it.each(changes)('is answered as begun: %s', async (operation, status, call) => {
    const isFast = deferred<void>()
    await using harness = await ServiceHarness.open()
    // A test that fails leaves nothing waiting.
    using _ = { [Symbol.dispose]: () => isFast.resolve() }
    if (operation !== CreateStream.name) await harness.call(CreateStream, { StreamName, ShardCount: 2 })
    const statusNow = async (): Promise<string> =>
      (await harness.call(DescribeStreamSummary, { StreamName })).StreamDescriptionSummary.StreamStatus
    slowShards(harness, isFast.promise)
    let isAnswered = false
    const answer = call(harness, { deadlineMs: harness.clock.monotonic() + HANDLING_MS }).then(() => {
      isAnswered = true
    })
    await harness.advance(HANDLING_MS - 1)
    expect(isAnswered).toBe(false)
    await harness.advance(1)
    await answer
    expect(await statusNow()).toBe(status)
    isFast.resolve()
    await idle()
    if (operation === DeleteStream.name)
      expect(await harness.fault(DescribeStreamSummary, { StreamName })).toMatch(/^ResourceNotFound/)
    else expect(await statusNow()).toBe('ACTIVE')
  })
})
