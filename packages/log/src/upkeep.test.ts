import { silentLogger } from '@millrace/std'
import { seededRandom, type VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import type { ReadResult } from './api.ts'
import { KIB } from './limits.ts'
import { POSITION_START } from './position.ts'
import { type Harness, NO_DEADLINE, openHarness, part, SMALL_SEGMENT_BYTES, textOf } from './testing/log-harness.ts'

const LEDGERS = Array.from({ length: 50 }, (_, i) => i + 1)
const READ = { recordsMax: 1, bytesMax: 1, visibleFromMs: 0, ...NO_DEADLINE }

/** Fills segments with records of ledger 1, and closes. */
async function closedWithSegments(count: number): Promise<Harness> {
  const harness = await openHarness()
  const { log, clock } = harness
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  while (log.statistics().segments < count) {
    clock.advance(10)
    await log.append([part(1, '.'.repeat(2_000))], NO_DEADLINE)
  }
  await log.close()
  return harness
}

/** Ledgers 1 to 50, each with a frame in every commit, in several full segments with their indexes on disk. */
async function withManyLedgers(): Promise<Harness> {
  // No page of an index stays in memory, so that each look is a read.
  const harness = await openHarness({ tailBytesMax: 4 * KIB, indexCacheBytesMax: 0 })
  const { log, clock } = harness
  await log.openLedgers(
    LEDGERS.map((ledger) => ({ ledger, notBeforeMs: 0 })),
    NO_DEADLINE,
  )
  while (log.statistics().segments < 6) {
    clock.advance(10)
    await log.append(
      LEDGERS.map((ledger) => part(ledger, '.'.repeat(40))),
      NO_DEADLINE,
    )
  }
  return harness
}

/** Raises the floors of all ledgers, a minute of rounds of the upkeep behind each, and counts what it reads. */
async function readsOfTrims({ log, disk, clock }: Harness, floors: readonly number[]): Promise<readonly number[]> {
  const reads: number[] = []
  disk.onOperation = ({ kind }) => void (kind === 'read' && reads.push((reads.pop() ?? 0) + 1))
  for (const beforeMs of floors) {
    reads.push(0)
    await log.trim(LEDGERS.map((ledger) => ({ ledger, beforeMs, retentionMs: 86_400_000 })))
    for (let turn = 0; turn < 100; turn++) {
      clock.advance(600)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return reads
}

/** Lets what waits for the clock and the disk go on, until `isDone`. */
async function passUntil(clock: VirtualClock, isDone: () => boolean, stepMs = 50): Promise<void> {
  for (let turn = 0; !isDone(); turn++) {
    if (turn > 2_000) throw new Error('it does not happen')
    clock.advance(stepMs)
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

it('under `os` no loss of power takes what says that a segment went, and leaves the segment gone', async () => {
  const { log, disk, clock } = await openHarness({ durability: 'os' })
  await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  while (log.statistics().segments < 4) {
    clock.advance(10)
    await log.append([part(1, '.'.repeat(2_000))], NO_DEADLINE)
  }
  await log.trim([{ ledger: 1, beforeMs: clock.now() + 1 }])
  await passUntil(clock, () => log.statistics().segments === 1)
  disk.halt()

  const next = await openHarness({ disk: disk.crash('all-lost', seededRandom(1)), clock })
  expect(next.log.health()).toEqual({ writable: true, damage: [] })
  await next.log.close()
})

it('an index that has gone bad does not keep its segment for ever: it is built again', async () => {
  const { disk, clock } = await closedWithSegments(5)
  const index = disk.paths().find((path) => path.endsWith('.idx')) as string
  const bytes = disk.peek(index).slice()
  // Behind the summary and the bitmap, which opening reads.
  bytes[2 * 4_096 + 20] = (bytes[2 * 4_096 + 20] ?? 0) ^ 1
  disk.poke(index, bytes)
  const again = await openHarness({ disk, clock, seed: 2 })
  await again.log.trim([{ ledger: 1, beforeMs: clock.now() + 1 }])
  await passUntil(clock, () => !disk.paths().includes(index))
  await again.log.close()
})

it('an index that a reader has built again is written again, without another cause for a round', async () => {
  const { disk, clock } = await closedWithSegments(5)
  const index = disk.paths().find((path) => path.endsWith('.idx')) as string
  const again = await openHarness({ disk, clock, seed: 2, indexCacheBytesMax: 0 })
  // What opening gives cause for is over.
  let turns = 0
  await passUntil(clock, () => ++turns > 100)
  const sound = disk.peek(index).slice()
  const rotten = sound.slice()
  rotten[2 * 4_096 + 20] = (rotten[2 * 4_096 + 20] ?? 0) ^ 1
  disk.poke(index, rotten)
  const result = await again.log.read(1, POSITION_START, READ)
  expect(result.frames).toHaveLength(1)
  result.release()
  await passUntil(clock, () => Buffer.from(disk.peek(index)).equals(sound))
  await again.log.close()
})

it('and so it is where the segment could not be read at the first try', async () => {
  const { disk, clock } = await closedWithSegments(5)
  const index = disk.paths().find((path) => path.endsWith('.idx')) as string
  const again = await openHarness({ disk, clock, seed: 2 })
  let failed = 0
  const rotten = disk.peek(index).slice()
  rotten[2 * 4_096 + 20] = (rotten[2 * 4_096 + 20] ?? 0) ^ 1
  disk.poke(index, rotten)
  disk.faults = ({ kind, path }) =>
    kind === 'read' && path === index.replace('.idx', '.seg') && failed++ === 0 ? { code: 'EIO' } : undefined
  await again.log.trim([{ ledger: 1, beforeMs: clock.now() + 1 }])
  await passUntil(clock, () => !disk.paths().includes(index))
  expect(failed).toBeGreaterThan(1)
  await again.log.close()
})

it('an index that does not get better is built again more and more rarely', async () => {
  const { disk, clock } = await closedWithSegments(5)
  const index = disk.paths().find((path) => path.endsWith('.idx')) as string
  let builds = 0
  const logger = {
    ...silentLogger,
    info: (text: string) => void (builds += Number(text === 'an index is built again')),
  }
  const again = await openHarness({ disk, clock, seed: 2, logger })
  const rotten = disk.peek(index).slice()
  rotten[2 * 4_096 + 20] = (rotten[2 * 4_096 + 20] ?? 0) ^ 1
  disk.poke(index, rotten)
  disk.faults = ({ kind, path }) =>
    kind === 'read' && path === index.replace('.idx', '.seg') ? { code: 'EIO' } : undefined
  await again.log.trim([{ ledger: 1, beforeMs: clock.now() + 1 }])
  const hourMs = clock.monotonic() + 3_600_000
  await passUntil(clock, () => clock.monotonic() >= hourMs, 2_000)
  expect(builds).toBeGreaterThan(8)
  expect(builds).toBeLessThan(20)
  disk.faults = undefined
  await passUntil(clock, () => !disk.paths().includes(index), 1_000)
  await again.log.close()
})

it('an index that cannot be read keeps no segment but its own', async () => {
  const { disk, clock } = await closedWithSegments(5)
  const index = disk.paths().find((path) => path.endsWith('.idx'))
  let warnings = 0
  const again = await openHarness({ disk, clock, seed: 2, logger: { ...silentLogger, warn: () => void warnings++ } })
  disk.faults = ({ kind, path }) => (kind === 'read' && path === index ? { code: 'EIO' } : undefined)
  await again.log.trim([{ ledger: 1, beforeMs: 1 }])
  // What is built again cannot be read either.
  await passUntil(clock, () => warnings > 0)
  await again.log.trim([{ ledger: 1, beforeMs: clock.now() + 1 }])
  // It, and the one that is written to.
  await passUntil(clock, () => again.log.statistics().segments === 2)
  disk.faults = undefined
  await passUntil(clock, () => again.log.statistics().segments === 1)
  await again.log.close()
})

it('an index that cannot be read keeps no other segment from being regrouped, and is named once', async () => {
  const { disk, clock } = await closedWithSegments(8)
  const index = disk.paths().find((path) => path.endsWith('.idx')) as string
  const warnings: unknown[] = []
  const warn = (_: string, fields?: unknown): void => void warnings.push(fields)
  const again = await openHarness({ disk, clock, seed: 2, tailBytesMax: 4 * KIB, logger: { ...silentLogger, warn } })
  const rotten = disk.peek(index).slice()
  rotten[2 * 4_096 + 20] = (rotten[2 * 4_096 + 20] ?? 0) ^ 1
  disk.poke(index, rotten)
  const segment = index.replace('.idx', '.seg')
  disk.faults = ({ kind, path }) => (kind === 'read' && path === segment ? { code: 'EIO' } : undefined)
  // Each record lies in a page of its own: close together they take half of the space.
  const regrouped = (): boolean => disk.paths().some((path) => /^log\/g\d+\.seg$/.test(path))
  await again.log.trim([{ ledger: 1, beforeMs: 0, retentionMs: 86_400_000 }])
  await passUntil(clock, regrouped)
  const hourMs = clock.monotonic() + 3_600_000
  await passUntil(clock, () => clock.monotonic() >= hourMs, 2_000)
  expect(warnings).toEqual([{ segment, reason: expect.stringContaining('EIO') }])
  expect(disk.paths()).toContain(index)
  await again.log.close()
})

it.each(['EACCES', 'EIO'])('a segment that cannot be opened (%s) keeps no other from being regrouped', async (code) => {
  const { disk, clock } = await closedWithSegments(8)
  const segment = disk.paths().find((path) => path.endsWith('.seg')) as string
  const warnings: unknown[] = []
  const warn = (_: string, fields?: unknown): void => void warnings.push(fields)
  const again = await openHarness({ disk, clock, seed: 2, tailBytesMax: 4 * KIB, logger: { ...silentLogger, warn } })
  let opened = 0
  disk.faults = ({ kind, path }) => (kind === 'open' && path === segment && ++opened > 0 ? { code } : undefined)
  const regrouped = (): boolean => disk.paths().some((path) => /^log\/g\d+\.seg$/.test(path))
  await again.log.trim([{ ledger: 1, beforeMs: 0, retentionMs: 86_400_000 }])
  await passUntil(clock, regrouped)
  const hourMs = clock.monotonic() + 3_600_000
  await passUntil(clock, () => clock.monotonic() >= hourMs, 2_000)
  // A block that the drive refuses is damage; anything else is tried again, every ten minutes at last.
  const isDamage = code === 'EIO'
  expect(again.log.health().damage).toHaveLength(isDamage ? 1 : 0)
  expect(warnings).toHaveLength(isDamage ? 0 : 1)
  expect(opened).toBeLessThan(20)
  expect(disk.paths()).toContain(segment)
  disk.faults = undefined
  if (!isDamage) await passUntil(clock, () => !disk.paths().includes(segment), 2_000)
  await again.log.close()
})

it('a file that could not be given back is given back later, in the same life', async () => {
  const { disk, clock } = await closedWithSegments(5)
  const again = await openHarness({ disk, clock, seed: 2 })
  let failed = 0
  disk.faults = ({ kind, path }) =>
    kind === 'rename' && /^log\/\d+\.seg$/.test(path) && failed++ < 3 ? { code: 'EIO' } : undefined
  await again.log.trim([{ ledger: 1, beforeMs: clock.now() + 1 }])
  await passUntil(clock, () => again.log.statistics().segments === 1 && failed > 3)
  const segments = (): number => disk.paths().filter((path) => path.endsWith('.seg')).length
  await passUntil(clock, () => segments() === 1 + again.log.statistics().spares)
  await again.log.close()
})

it('floors below everything cost no look into any index, whatever the number of ledgers', async () => {
  const harness = await withManyLedgers()
  const [first = 0, ...later] = await readsOfTrims(harness, [1, 2, 3, 4])
  expect(first).toBeGreaterThan(0)
  expect(later).toEqual([0, 0, 0])
  await harness.log.close()
})

it('a log that takes no writes any more gives nothing back, and says nothing about it each second', async () => {
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const logger = { ...silentLogger, warn }
  const { log, disk, clock } = await openHarness({ logger })
  await log.openLedgers(
    [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 })),
    NO_DEADLINE,
  )
  const append = async (ledger: number) => (await log.append([part(ledger, '.'.repeat(2_000))], NO_DEADLINE))[0]
  while (log.statistics().segments < 4) await append(1)
  await passUntil(clock, () => disk.paths().filter((path) => path.endsWith('.idx')).length === 3)
  // Nothing is given back before the log has failed.
  const hold = await log.hold()
  await log.dropLedgers([1], NO_DEADLINE)
  disk.faults = ({ kind, path }) => (kind === 'sync' && path.endsWith('.seg') ? { code: 'EIO' } : undefined)
  expect((await append(2))?.failure).toBe('unknown')
  hold.release()
  for (let turn = 0; turn < 200; turn++) {
    clock.advance(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(warnings).toEqual([])
  expect(log.statistics().segments).toBe(4)
  await log.close()
})
