/**
 * The last segment of a killed log whose header page is lost, where no segment leads to it or its first commit is lost
 * too: its file is never taken for an unused one.
 */
import { seededRandom, type VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { checkLog } from '../check.ts'
import { PAGE_BYTES } from '../limits.ts'
import { type Harness, NO_DEADLINE, openHarness, part, readAll, textOf } from '../testing/log-harness.ts'
import type { SimulatedDisk } from '../testing/simulated-disk.ts'

async function put({ log, clock }: Harness, text: string): Promise<number> {
  clock.advance(10)
  const [result] = await log.append([part(1, text)], NO_DEADLINE)
  return result?.runs[0]?.commit ?? 0
}

/** A log that has just begun its third segment, and the upkeep behind that is done. */
async function rotated(): Promise<Harness> {
  const harness = await openHarness()
  await harness.log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  while (harness.log.statistics().segments < 3) await put(harness, '.'.repeat(2_000))
  await settle(harness.clock, () => false, 50)
  return harness
}

async function settle(clock: VirtualClock, isDone: () => boolean, turnsMax = 2_000): Promise<void> {
  for (let turn = 0; !isDone() && turn < turnsMax; turn++) {
    clock.advance(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function killed({ disk }: Harness): SimulatedDisk {
  const left = disk.crash('all-lost', seededRandom(1))
  disk.halt()
  return left
}

/** The segment that was written to last. */
function lastUsed(disk: SimulatedDisk): string {
  const segments = disk.paths().filter((path) => /^log\/\d+\.seg$/.test(path))
  return segments.findLast((path) => disk.peek(path).some((byte) => byte !== 0)) as string
}

/** Takes so many pages of the beginning of a file away; what stood in the file before. */
function loseBeginning(disk: SimulatedDisk, path: string, pages: number): Uint8Array {
  const before = disk.peek(path).slice()
  disk.poke(path, before.slice().fill(0, 0, pages * PAGE_BYTES))
  return before
}

it('a segment whose header is lost is found where only its own commits say that those before it went', async () => {
  const harness = await rotated()
  const { log, clock } = harness
  await put(harness, 'kept')
  await log.trim([{ ledger: 1, beforeMs: clock.now() }])
  const isGone = (): boolean => harness.disk.paths().every((path) => !/^log\/000000000[12]/.test(path))
  await settle(clock, isGone)
  expect(isGone()).toBe(true)
  const last = await put(harness, ' last')
  const disk = killed(harness)
  loseBeginning(disk, 'log/0000000003.seg', 1)

  for (const seed of [2, 3]) {
    const again = await openHarness({ disk, clock, seed })
    expect(textOf(await readAll(again.log, 1))).toBe(seed === 2 ? 'kept last' : 'kept last 2')
    const told = seed === 2 ? [expect.objectContaining({ reason: expect.stringContaining('its commits can') })] : []
    expect(again.log.health()).toEqual({ writable: true, damage: told })
    expect(await put({ ...again, clock }, ` ${seed}`)).toBeGreaterThan(last)
    await again.log.close()
  }
})

it('a last segment whose header and first commit are lost is told, and stays as it is', async () => {
  const harness = await rotated()
  for (let i = 0; i < 3; i++) await put(harness, `last ${i}`)
  const disk = killed(harness)
  const path = lastUsed(disk)
  const whole = loseBeginning(disk, path, 2)
  const left = disk.peek(path).slice()

  for (const seed of [2, 3]) {
    const { log } = await openHarness({ disk, clock: harness.clock, seed })
    expect(log.health()).toMatchObject({ writable: false, reason: expect.stringContaining('metadata may be lost') })
    const told = `${path}: the segment's header and its first commit cannot be read`
    expect(log.health().damage).toContainEqual(expect.objectContaining({ reason: expect.stringContaining(told) }))
    await log.close()
    expect(Buffer.compare(disk.peek(path), left)).toBe(0)
  }
  disk.poke(path, whole)
  const { log } = await openHarness({ disk, clock: harness.clock, seed: 4 })
  expect(textOf(await readAll(log, 1))).toMatch(/last 0last 1last 2$/)
  await log.close()
})

it.each([
  ['is killed', false],
  ['is closed, with a snapshot of all', true],
])('that is told as itself where the segment before lost its index, too, when the log %s', async (_, isClosed) => {
  const harness = await rotated()
  for (let i = 0; i < 3; i++) await put(harness, `last ${i}`)
  const path = lastUsed(harness.disk)
  if (isClosed) await harness.log.close()
  const disk = killed(harness)
  disk.discard('log/0000000002.idx')
  const whole = loseBeginning(disk, path, 2)
  const left = disk.peek(path).slice()

  for (const seed of [2, 3]) {
    const findings: string[] = []
    for await (const { file } of checkLog(disk)) findings.push(file)
    expect(findings).toEqual([path])
    const { log } = await openHarness({ disk, clock: harness.clock, seed })
    const reasons = log.health().damage.map(({ reason }) => reason)
    expect(reasons).toContainEqual(
      expect.stringContaining(`${path}: the segment's header and its first commit cannot be read`),
    )
    expect(reasons).not.toContainEqual(expect.stringContaining('log/0000000002'))
    await log.close()
    expect(Buffer.compare(disk.peek(path), left)).toBe(0)
  }
  disk.poke(path, whole)
  const { log } = await openHarness({ disk, clock: harness.clock, seed: 4 })
  expect(log.health()).toEqual({ writable: true, damage: [] })
  expect(textOf(await readAll(log, 1))).toMatch(/last 0last 1last 2$/)
  await log.close()
})
