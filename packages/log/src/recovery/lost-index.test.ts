import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { checkLog } from '../check.ts'
import { NO_DEADLINE, openHarness, part, readAll, textOf } from '../testing/log-harness.ts'

const LEDGERS = [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 }))

it('a lost index of a segment before one that went is built again, and nothing behind is called damaged', async () => {
  const { log, disk, clock } = await openHarness()
  await log.openLedgers(LEDGERS, NO_DEADLINE)
  await log.append([part(1, 'kept;')], NO_DEADLINE)
  while (log.statistics().segments < 4) await log.append([part(2, '.'.repeat(10_000))], NO_DEADLINE)
  await log.append([part(1, 'behind;')], NO_DEADLINE)
  await log.dropLedgers([2], NO_DEADLINE)
  for (let turn = 0; log.statistics().segments > 2; turn++) {
    if (turn > 2_000) throw new Error('no segment is given back')
    clock.advance(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const killed = disk.crash('kill', seededRandom(1))
  await log.close()

  for (const left of [killed, disk]) {
    left.discard('log/0000000001.idx')
    for await (const finding of checkLog(left.fork())) expect(finding).toBeUndefined()
    const again = await openHarness({ disk: left, clock, seed: 2 })
    expect(again.log.health()).toEqual({ writable: true, damage: [] })
    expect(textOf(await readAll(again.log, 1))).toBe('kept;behind;')
    await again.log.close()
  }
})
