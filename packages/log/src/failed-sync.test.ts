/** A sync that failed, whoever made it: the kernel tells of it once, and the next one proves nothing. */
import { expect, it } from 'vitest'
import { MIB, ZERO_STEP_BYTES } from './limits.ts'
import { NO_DEADLINE, openHarness, part } from './testing/log-harness.ts'

const SEGMENT_BYTES = 16 * MIB
const record = (bytes: number) => [part(1, '.'.repeat(bytes))]

it('the log stops when zeros behind commits cannot be synced, also where the next segment has begun meanwhile', async () => {
  const { log, disk, clock } = await openHarness({ durability: 'os', segmentBytes: SEGMENT_BYTES })
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn++) {
      clock.advance(10)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  // Until the one after the first stands ready with all its zeros, and the active one has its own some way ahead.
  for (let i = 0; i < 22; i++) {
    await log.append(record(1 * MIB), NO_DEADLINE)
    await turns(50)
  }
  expect(log.statistics()).toMatchObject({ segments: 2, spares: 1 })

  let late: Promise<unknown> | undefined
  disk.faults = ({ kind, path }) => {
    if (late !== undefined || kind !== 'sync' || !path.endsWith('2.seg')) return undefined
    // Too large for what is zeroed: it begins the next segment while the sync is under way.
    late = log.append(record(SEGMENT_BYTES / 2), NO_DEADLINE)
    return { code: 'EIO' }
  }
  await log.append(record(2 * ZERO_STEP_BYTES), NO_DEADLINE)
  await turns(50)
  expect(late).toBeDefined()
  expect(log.statistics().segments).toBe(3)
  expect(log.health().writable).toBe(false)
  expect(await late).toMatchObject([{ failure: 'unknown' }])
  const durable = log.statistics().durableCommit
  expect(durable).toBeLessThan(log.statistics().commits)
  // Nothing is proven by what the disk says later.
  await turns(500)
  expect(log.statistics().durableCommit).toBe(durable)
  await log.close()
})
