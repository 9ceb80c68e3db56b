/** `bytesMax` is the most that all files of a log take together. */
import { expect, it } from 'vitest'
import { NO_DEADLINE, openHarness, part, SMALL_SEGMENT_BYTES } from './testing/log-harness.ts'
import type { SimulatedDisk } from './testing/simulated-disk.ts'

const LEDGERS = Array.from({ length: 300 }, (_, i) => i + 1)
const REFUSALS = 5

function bytesOn(disk: SimulatedDisk): number {
  return disk.paths().reduce((sum, path) => sum + disk.peek(path).length, 0)
}

/** Fills a log until it has refused some times, and closes it. The most that its files took together. */
async function mostOf(bytesMax: number, text: string): Promise<number> {
  const { log, disk, clock } = await openHarness({ bytesMax })
  await log.openLedgers(
    LEDGERS.map((ledger) => ({ ledger, notBeforeMs: 0 })),
    NO_DEADLINE,
  )
  const parts = LEDGERS.map((ledger) => part(ledger, text))
  let most = 0
  for (let refused = 0; refused < REFUSALS;) {
    const [result] = await log.append(parts, NO_DEADLINE)
    if (result?.failure !== undefined) refused++
    // What follows a rotation, or a look for space.
    for (let turn = 0; turn < 25; turn++) {
      clock.advance(50)
      await new Promise((resolve) => setImmediate(resolve))
    }
    most = Math.max(most, bytesOn(disk))
  }
  await log.close()
  return most
}

it('counts indexes and snapshots, which take two thirds as much as the segments where records are tiny', async () => {
  const bytesMax = 16 * SMALL_SEGMENT_BYTES
  const most = await mostOf(bytesMax, '.')
  expect(most).toBeLessThanOrEqual(bytesMax)
  expect(most).toBeGreaterThan(bytesMax - 3 * SMALL_SEGMENT_BYTES)
})

it('leaves room for indexes before the first one is written', async () => {
  const bytesMax = 3 * SMALL_SEGMENT_BYTES
  expect(await mostOf(bytesMax, '.'.repeat(100))).toBeLessThanOrEqual(bytesMax)
})
