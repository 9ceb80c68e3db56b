import { seededRandom, type VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { checkLog } from './check.ts'
import { COMMIT_HEADER_BYTES, decodeCommitHeader } from './format/commit-format.ts'
import { decodeSegmentHeader } from './format/segment-header.ts'
import { KIB, PAGE_BYTES } from './limits.ts'
import type { Log } from './log.ts'
import { NO_DEADLINE, openHarness, part, readAll, textOf } from './testing/log-harness.ts'
import type { SimulatedDisk } from './testing/simulated-disk.ts'

const DAY_MS = 86_400_000
const options = { segmentBytes: 32 * KIB, tailBytesMax: 0 }

/** Of each segment that was begun the versions of its header and its commits, by the name of its file. */
function versionsOf(disk: SimulatedDisk): Map<string, number[]> {
  const versions = new Map<string, number[]>()
  for (const path of disk.paths().filter((known) => known.startsWith('log/') && known.endsWith('.seg'))) {
    const bytes = disk.peek(path)
    const decoded = decodeSegmentHeader(bytes.subarray(0, PAGE_BYTES))
    if (decoded.kind !== 'ok') continue
    const found = new Set([decoded.header.version])
    for (let at = PAGE_BYTES; at + COMMIT_HEADER_BYTES <= bytes.length; at += PAGE_BYTES) {
      const header = decodeCommitHeader(bytes, at)
      if (header?.salt === decoded.header.salt) found.add(header.version)
    }
    versions.set(path.slice('log/'.length, -'.seg'.length), [...found])
  }
  return versions
}

/** Puts `count` records, numbered from `from`, into ledgers 1 and 2; a segment holds seven. */
async function fill(log: Log, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) await log.append([part(1, `${i};`), part(2, `${i};`)], NO_DEADLINE)
}

function numbers(count: number): string {
  return Array.from({ length: count }, (_, i) => `${i};`).join('')
}

/** A log of version 1 that was killed after `count` records. */
async function oldDisk(count: number): Promise<SimulatedDisk> {
  const { log, disk } = await openHarness({ ...options, segmentVersion: 1 })
  await log.openLedgers(
    [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 })),
    NO_DEADLINE,
  )
  await fill(log, 0, count)
  disk.halt()
  return disk.crash('kill', seededRandom(1))
}

/** Lets what waits for the clock go on, until `isDone`. */
async function passUntil(clock: VirtualClock, isDone: () => boolean): Promise<void> {
  for (let turn = 0; !isDone(); turn++) {
    if (turn > 5_000) throw new Error('it does not happen')
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function findingsOf(disk: SimulatedDisk): Promise<unknown[]> {
  const findings: unknown[] = []
  for await (const finding of checkLog(disk)) findings.push(finding)
  return findings
}

it('a segment of version 1 is written on in its version, and the next one is of the newest', async () => {
  const disk = await oldDisk(2)
  const { log } = await openHarness({ ...options, disk, seed: 2 })
  await fill(log, 2, 1)
  expect(versionsOf(disk)).toEqual(new Map([['0000000001', [1]]]))
  await fill(log, 3, 6)
  expect(versionsOf(disk)).toEqual(
    new Map([
      ['0000000001', [1]],
      ['0000000002', [2]],
    ]),
  )
  const crashed = disk.crash('all-lost', seededRandom(2))
  disk.halt()
  expect(await findingsOf(crashed)).toEqual([])
  const again = await openHarness({ ...options, disk: crashed, seed: 3 })
  expect(again.log.health()).toEqual({ writable: true, damage: [] })
  expect(textOf(await readAll(again.log, 1))).toBe(numbers(9))
  await again.log.close()
})

it('a segment whose header is lost goes on in the version of its commits', async () => {
  const disk = await oldDisk(2)
  disk.poke('log/0000000001.seg', disk.peek('log/0000000001.seg').fill(0, 0, PAGE_BYTES))
  const { log } = await openHarness({ ...options, disk, seed: 2 })
  await fill(log, 2, 1)
  await log.close()
  expect(versionsOf(disk)).toEqual(new Map([['0000000001', [1]]]))
  const again = await openHarness({ ...options, disk, seed: 3 })
  expect(textOf(await readAll(again.log, 1))).toBe(numbers(3))
  await again.log.close()
})

it('a regrouped segment is no newer than the one that is written beside it', async () => {
  const disk = await oldDisk(37)
  const { log, clock } = await openHarness({ ...options, disk, seed: 2 })
  await log.trim([
    { ledger: 1, beforeMs: 0, retentionMs: DAY_MS },
    { ledger: 2, beforeMs: 0, retentionMs: 365 * DAY_MS },
  ])
  const grouped = (): readonly (readonly [string, readonly number[]])[] =>
    [...versionsOf(disk)].filter(([name]) => name.startsWith('g'))
  await passUntil(clock, () => grouped().length >= 2)
  const active = [...versionsOf(disk)].findLast(([name]) => !name.startsWith('g'))
  expect(active?.[1]).toEqual([1])
  expect(grouped().map(([, versions]) => versions)).toEqual([[1], [1]])

  await fill(log, 37, 40)
  await passUntil(clock, () => grouped().some(([, [version]]) => version === 2))
  await log.close()
  expect(await findingsOf(disk)).toEqual([])
  for (const path of disk.paths()) if (path.endsWith('.idx')) await disk.remove(path)
  const again = await openHarness({ ...options, disk, clock, seed: 3 })
  expect(again.log.health()).toEqual({ writable: true, damage: [] })
  expect(textOf(await readAll(again.log, 1))).toBe(numbers(77))
  expect(textOf(await readAll(again.log, 2))).toBe(numbers(77))
  await again.log.close()
})
