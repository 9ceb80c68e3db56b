import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { NO_DEADLINE, openHarness, part } from '../testing/log-harness.ts'

it('a log that lost metadata refuses changes for ever, also after an orderly stop', async () => {
  const { log, disk } = await openHarness()
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  await log.appendMetadata(new TextEncoder().encode('a change'), NO_DEADLINE)
  await log.append([part(1, 'proof')], NO_DEADLINE)
  const left = disk.crash('all-lost', seededRandom(1))
  disk.halt()
  const path = left.paths().find((name) => name.endsWith('.seg')) as string
  const bytes = left.peek(path).slice()
  const at = Buffer.from(bytes.buffer).indexOf('a change')
  left.poke(path, bytes.fill(0, at, at + 1))

  for (const seed of [2, 3]) {
    const again = await openHarness({ disk: left, seed })
    expect(again.log.health()).toMatchObject({
      writable: false,
      reason: expect.stringContaining('metadata is lost with commit'),
    })
    await again.log.close()
  }
})
