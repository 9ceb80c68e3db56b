import type { VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import type { ReadResult } from './api.ts'
import { KIB } from './limits.ts'
import { POSITION_START } from './position.ts'
import { NO_DEADLINE, openHarness, part, SMALL_SEGMENT_BYTES, textOf } from './testing/log-harness.ts'

const READ = { recordsMax: 1, bytesMax: 1, visibleFromMs: 0, ...NO_DEADLINE }

/** Lets what waits for the clock and the disk go on, until `isDone`. */
async function passUntil(clock: VirtualClock, isDone: () => boolean): Promise<void> {
  for (let turn = 0; !isDone(); turn++) {
    if (turn > 2_000) throw new Error('it does not happen')
    clock.advance(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

it('a segment is given back only when its last reader has left, and that one reads what stood there', async () => {
  // Everything but the newest commit is read from files, by one reader at a time.
  const { log, disk, clock } = await openHarness({ tailBytesMax: 4 * KIB, readBytesMax: 1 })
  const ledgers = [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 }))
  await log.openLedgers(ledgers, NO_DEADLINE)
  const append = async (ledger: number, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      clock.advance(10)
      await log.append([part(ledger, `record ${i} of ${ledger}`.padEnd(2_000, '.'))], NO_DEADLINE)
    }
  }
  await append(1, 20)
  await append(2, 60)
  const holding = await log.read(2, POSITION_START, READ)
  let late: ReadResult | undefined
  const waiting = Promise.resolve(log.read(1, POSITION_START, READ)).then((result) => (late = result))
  await passUntil(clock, () => log.statistics().segments >= 3)

  const operations: string[] = []
  disk.onOperation = ({ kind, path }) => void operations.push(`${kind} ${path}`)
  const isGone = (): boolean => operations.some((operation) => /^rename log\/\d+\.seg$/.test(operation))
  await log.trim([{ ledger: 1, beforeMs: clock.now() + 1 }])
  const before = log.statistics().segments
  await passUntil(clock, () => log.statistics().segments < before)
  // Room for many uses of the file, had it been given back.
  await append(2, 3 * (SMALL_SEGMENT_BYTES / (4 * KIB)))
  expect(isGone()).toBe(false)
  expect(late).toBeUndefined()

  holding.release()
  await waiting
  expect(late?.damaged).toBeUndefined()
  expect(textOf(late?.frames ?? [])).toContain('record 0 of 1')
  late?.release()
  await passUntil(clock, isGone)
  await log.close()
})
