/** A disk on which a sync takes its time: who waits for it waits, and nothing counts as durable before it has ended. */
import { type Deferred, deferred } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import type { Log } from './log.ts'
import type { SimulatedDisk } from './testing/simulated-disk.ts'
import { NO_DEADLINE, openHarness, part, readAll, textOf } from './testing/log-harness.ts'

const RECORD_BYTES = 6_000

/** From now on such operations wait for the answer. */
function holdBack(disk: SimulatedDisk, operation: string): Deferred<void> {
  const [gate, before] = [deferred<void>(), disk.delays]
  disk.delays = (kind, path) => (`${kind} ${path}` === operation ? gate.promise : before?.(kind, path))
  return gate
}

async function append(log: Log, text: string): Promise<void> {
  await log.append([part(1, text.padEnd(RECORD_BYTES, '.'))], NO_DEADLINE)
}

/** Everything happens that can. */
async function pass(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

it('nothing is acknowledged, told or read before its sync has ended, and then all of it is', async () => {
  const { log, disk } = await openHarness()
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  const gate = holdBack(disk, 'sync log/0000000001.seg')
  const [answers, told]: [string[], number[]] = [[], []]
  log.onAdvance((ledgers) => void told.push(...ledgers))
  const puts = ['first', 'second'].map((text) => append(log, text).then(() => answers.push(text)))
  await pass()
  expect([answers, told, await readAll(log, 1)]).toEqual([[], [], []])
  expect(log.statistics().durableCommit).toBe(log.statistics().commits)

  gate.resolve()
  await Promise.all(puts)
  expect([answers, told]).toEqual([['first', 'second'], [1]])
  expect(textOf(await readAll(log, 1))).toContain('second')
  await log.close()
})

it('under `os` a sync counts for full segments too, of which the last is synced before the next begins', async () => {
  const { log, disk, clock } = await openHarness({ durability: 'os' })
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  const puts: Promise<void>[] = []
  const fill = async (segments: number): Promise<void> => {
    while (log.statistics().segments < segments) {
      puts.push(append(log, `record ${puts.length}`))
      await pass()
    }
  }
  // The upkeep of the first segment does not end before two more are full.
  const upkeep = holdBack(disk, 'list meta')
  await fill(3)
  const second = holdBack(disk, 'sync log/0000000002.seg')
  await fill(4)
  const third = holdBack(disk, 'sync log/0000000003.seg')
  const shown = log.statistics().commits
  // What it does first is to make durable what is shown …
  upkeep.resolve()
  await pass()
  second.resolve()
  await pass()
  // … which stands in the third.
  expect(log.statistics().durableCommit).toBeLessThan(shown)

  third.resolve()
  await Promise.all(puts)
  await pass()
  expect(log.statistics().durableCommit).toBeGreaterThanOrEqual(shown)
  disk.halt()
  const next = await openHarness({ disk: disk.crash('all-lost', seededRandom(1)), clock })
  expect(next.log.health().damage).toEqual([])
  expect(next.log.statistics().commits).toBeGreaterThan(shown)
  await next.log.close()
})
