import { expect, it } from 'vitest'
import { PAGE_BYTES } from '../limits.ts'
import { NO_DEADLINE, openHarness, part, readAll, textOf } from '../testing/log-harness.ts'

it('a header that was lost behind segments that are gone is written again as it was', async () => {
  const { log, disk, clock } = await openHarness()
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  while (log.statistics().segments < 3) {
    clock.advance(10)
    await log.append([part(1, '.'.repeat(2_000))], NO_DEADLINE)
  }
  clock.advance(10)
  await log.append([part(1, 'kept')], NO_DEADLINE)
  await log.trim([{ ledger: 1, beforeMs: clock.now() }])
  for (let turn = 0; log.statistics().segments > 1 && turn < 2_000; turn++) {
    clock.advance(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await log.close()
  const segments = disk.paths().filter((path) => /^log\/\d+\.seg$/.test(path))
  const active = segments.findLast((path) => disk.peek(path).some((byte) => byte !== 0)) as string
  disk.poke(active, disk.peek(active).slice().fill(0, 0, PAGE_BYTES))

  for (const seed of [2, 3]) {
    const again = await openHarness({ disk, clock, seed })
    expect(textOf(await readAll(again.log, 1))).toBe('kept')
    const told = seed === 2 ? [expect.objectContaining({ reason: expect.stringContaining('its commits can') })] : []
    expect(again.log.health().damage).toEqual(told)
    await again.log.close()
  }
})
