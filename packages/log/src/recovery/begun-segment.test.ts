import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { NO_DEADLINE, openHarness, part, readAll, textOf } from '../testing/log-harness.ts'
import type { SimulatedDisk } from '../testing/simulated-disk.ts'

const PAGE_BYTES = 4096

/**
 * The disk of a log that loses its power while it writes the first commit of a segment: two pages of it arrived. Commits
 * are of five pages, so that small ones find room in the segment before.
 */
async function tornAtTheBeginning(): Promise<{ disk: SimulatedDisk; segment: string }> {
  const { log, disk } = await openHarness()
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  let torn: { disk: SimulatedDisk; segment: string } | undefined
  let begun: string | undefined
  const seen = new Set<string>()
  disk.onOperation = ({ kind, path }) => {
    if (torn !== undefined || !/^log\/\d+\.seg$/.test(path)) return
    if (kind === 'write' && !seen.has(path)) begun = seen.size === 0 ? undefined : path
    if (kind === 'write') seen.add(path)
    if (kind !== 'sync' || path !== begun) return
    const bytes = disk
      .crash('all-kept', seededRandom(1))
      .peek(path)
      .fill(0, 2 * PAGE_BYTES)
    torn = { disk: disk.crash('all-lost', seededRandom(1)), segment: path }
    torn.disk.poke(path, bytes)
  }
  for (let i = 0; i < 10; i++) await log.append([part(1, `${i};`.padEnd(17_000, '.'))], NO_DEADLINE)
  await log.close()
  if (torn === undefined) throw new Error('ten such commits fill more than a segment')
  return torn
}

it('a segment that was begun and given up does not come back when the power fails after the log went on elsewhere', async () => {
  const { disk, segment } = await tornAtTheBeginning()
  // Killed while it was begun anew: the page cache has no header any more, the drive has that of before.
  const file = await disk.open(segment)
  await file.write(new Uint8Array(PAGE_BYTES).fill(7), 0)
  await file.close()

  const { log } = await openHarness({ disk, seed: 2 })
  await log.append([part(1, 'elsewhere')], NO_DEADLINE)
  const after = disk.crash('all-lost', seededRandom(1))
  disk.halt()

  const again = await openHarness({ disk: after, seed: 3 })
  expect(again.log.health()).toEqual({ writable: true, damage: [] })
  expect(textOf(await readAll(again.log, 1))).toMatch(/elsewhere$/)
  await again.log.close()
})
