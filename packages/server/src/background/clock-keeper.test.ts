import { CreateStream, GetRecords, GetShardIterator, PutRecord } from '@millrace/protocol'
import { type Logger, silentLogger } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'

import { EngineError, type MetaStore } from '../engine/engine.ts'
import { lendingEngine } from '../testing/lending-engine.ts'
import { bytesOf, type HarnessOptions, ServiceHarness, textOf } from '../testing/service-harness.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const StreamName = 's'

async function put(harness: ServiceHarness, text: string): Promise<void> {
  await harness.call(PutRecord, { StreamName, PartitionKey: 'a', Data: bytesOf(text) })
}

async function texts(harness: ServiceHarness): Promise<readonly string[]> {
  const at = { StreamName, ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' as const }
  const { ShardIterator } = await harness.call(GetShardIterator, at)
  const { Records } = await harness.call(GetRecords, { ShardIterator: ShardIterator ?? '' })
  return Records.map(({ Data }) => textOf(Data))
}

async function withRecords(options: HarnessOptions = {}): Promise<ServiceHarness> {
  const harness = await ServiceHarness.open(options)
  await harness.call(CreateStream, { StreamName, ShardCount: 1 })
  for (const text of ['a', 'b', 'c']) await put(harness, text)
  return harness
}

/** The same machine, after so long by its clock; `harness` was closed, or is what a crash left. */
function reopened(
  { memory, clock }: ServiceHarness,
  awayMs: number,
  options: HarnessOptions = {},
): Promise<ServiceHarness> {
  clock.stepWall(awayMs)
  return ServiceHarness.open({ memory, clock, ...options })
}

/** As if a version had written the directory that stored nothing of the clock. */
async function forget({ memory, clock }: ServiceHarness): Promise<void> {
  const entry = await memory.meta.get('clock')
  const change = { key: 'clock', value: undefined, expect: entry?.revision ?? 0 }
  await memory.meta.cas([change], { deadlineMs: clock.monotonic() + 1_000 })
}

function warningLogger(): { readonly logger: Logger; readonly warnings: readonly string[] } {
  const warnings: string[] = []
  return { logger: { ...silentLogger, warn: (message) => void warnings.push(message) }, warnings }
}

/** Refuses changes of metadata as long as `isFull` says so, and counts those of the clock. */
function watchedMeta(isFull: () => boolean): { readonly options: HarnessOptions; readonly writes: () => number } {
  let writes = 0
  const wrap: HarnessOptions['wrap'] = (memory) => {
    const engine = lendingEngine(memory)
    const { meta } = engine
    const watched: MetaStore = {
      get: (key) => meta.get(key),
      list: (prefix) => meta.list(prefix),
      watch: (prefix, listener) => meta.watch(prefix, listener),
      cas: async (changes, options) => {
        if (isFull()) throw new EngineError('no-space', 'the disk is full')
        if (changes.some(({ key }) => key === 'clock')) writes++
        return await meta.cas(changes, options)
      },
    }
    return { ...engine, meta: watched }
  }
  return { options: { wrap }, writes: () => writes }
}

describe('a service whose clock steps forward, and which is restarted', () => {
  it('deletes nothing early, also where records were put by the wrong clock', async () => {
    const before = await withRecords()
    before.clock.stepWall(72 * HOUR_MS)
    await put(before, 'd')
    await before.service.close()
    await using after = await reopened(before, 1_000)
    expect(await texts(after)).toEqual(['a', 'b', 'c', 'd'])
    // Through the doubt, and many rounds of retention behind it.
    await after.advance(2 * HOUR_MS, 30_000)
    after.clock.stepWall(-72 * HOUR_MS)
    await after.service.close()
    await using mended = await reopened(after, 1_000)
    expect(await texts(mended)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('knows of the step a minute later, though it ends without a word', async () => {
    const before = await withRecords()
    before.clock.stepWall(72 * HOUR_MS)
    await before.advance(MINUTE_MS)
    await put(before, 'd')
    await using after = await reopened(before, 1_000)
    await after.advance(HOUR_MS, 30_000)
    expect(await texts(after)).toEqual(['a', 'b', 'c', 'd'])
    await before.service.close()
  })

  it('lets records go once they have been kept for their retention, whatever the clock shows', async () => {
    const before = await withRecords()
    before.clock.stepWall(72 * HOUR_MS)
    await before.service.close()
    await using after = await reopened(before, 1_000)
    await after.advance(23 * HOUR_MS, 10 * MINUTE_MS)
    expect(await texts(after)).toEqual(['a', 'b', 'c'])
    await after.advance(HOUR_MS, 10 * MINUTE_MS)
    expect(await texts(after)).toEqual([])
  })
})

describe('a start', () => {
  it('doubts a clock that stepped in the last minute of a service that ended without a word', async () => {
    const before = await withRecords()
    before.clock.stepWall(72 * HOUR_MS)
    await put(before, 'd')
    await using after = await reopened(before, 1_000)
    await after.advance(9 * MINUTE_MS)
    after.clock.stepWall(-72 * HOUR_MS)
    await after.advance(HOUR_MS, MINUTE_MS)
    expect(await texts(after)).toEqual(['a', 'b', 'c', 'd'])
    await before.service.close()
  })

  it('doubts for ten minutes a clock that is ahead by less than a day', async () => {
    const before = await withRecords()
    await before.advance(HOUR_MS)
    await before.service.close()
    await using after = await reopened(before, 23.9 * HOUR_MS)
    await after.advance(9 * MINUTE_MS)
    expect(await texts(after)).toEqual(['a', 'b', 'c'])
    await after.advance(MINUTE_MS)
    expect(await texts(after)).toEqual([])
  })
})

describe('a start without anything known of the clock', () => {
  it('goes on from the newest record: a directory of a version before', async () => {
    const before = await withRecords()
    await before.service.close()
    await forget(before)
    const { logger, warnings } = warningLogger()
    await using after = await reopened(before, 100 * HOUR_MS, { logger })
    expect(warnings).toEqual(['by the clock no server ran for more than a day: nothing more expires for ten minutes'])
    expect(await texts(after)).toEqual(['a', 'b', 'c'])
    await after.advance(10 * MINUTE_MS)
    expect(await texts(after)).toEqual([])
  })

  it('goes by the other shards where one cannot be asked, and says so', async () => {
    const before = await ServiceHarness.open()
    await before.call(CreateStream, { StreamName, ShardCount: 2 })
    await before.memory.shards.drop([2], { deadlineMs: 1_000 })
    await put(before, 'a')
    await before.service.close()
    await forget(before)
    const { logger, warnings } = warningLogger()
    await using after = await reopened(before, 23 * HOUR_MS, { logger })
    expect(warnings).toEqual(['a shard could not be asked for its newest record'])
    expect(await texts(after)).toEqual(['a'])
  })
})

describe('what is known of the clock', () => {
  it('is stored once an hour while the clock does nothing', async () => {
    const { options, writes } = watchedMeta(() => false)
    await using harness = await ServiceHarness.open({ ...options, clock: new VirtualClock() })
    expect(writes()).toBe(1)
    await harness.advance(59 * MINUTE_MS, MINUTE_MS)
    expect(writes()).toBe(1)
    await harness.advance(3 * HOUR_MS, MINUTE_MS)
    expect(writes()).toBe(4)
  })

  it.each([2 * MINUTE_MS, -2_000])('is stored within a minute after a step of %d ms', async (stepMs) => {
    const { options, writes } = watchedMeta(() => false)
    await using harness = await ServiceHarness.open({ ...options, clock: new VirtualClock() })
    harness.clock.stepWall(stepMs)
    await harness.advance(MINUTE_MS)
    expect(writes()).toBe(2)
  })

  it('waits for room on a full disk', async () => {
    let isFull = false
    const { options, writes } = watchedMeta(() => isFull)
    const harness = await withRecords(options)
    isFull = true
    harness.clock.stepWall(72 * HOUR_MS)
    await harness.advance(2 * MINUTE_MS, MINUTE_MS)
    expect(writes()).toBe(1)
    isFull = false
    await harness.advance(MINUTE_MS)
    expect(writes()).toBe(2)
    await harness.service.close()
  })
})
