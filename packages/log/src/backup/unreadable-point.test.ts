/** A backup in which the manifest of a point cannot be read: it costs that point, and no other one, and no further backup. */
import { systemClock } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import type { Disk } from '../disk.ts'
import type { HeldLog } from '../held-files.ts'
import { KIB } from '../limits.ts'
import { type Harness, NO_DEADLINE, openHarness, part } from '../testing/log-harness.ts'
import { refusingDisk } from '../testing/refusing-disk.ts'
import { SimulatedDisk } from '../testing/simulated-disk.ts'
import { manifestPath } from './layout.ts'
import { listBackup, restoreBackup } from './restore-backup.ts'
import { takeBackup, type TakenBackup } from './take-backup.ts'

async function filled(): Promise<Harness> {
  const harness = await openHarness({ tailBytesMax: 8 * KIB })
  await harness.log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  await fill(harness)
  return harness
}

/** Some segments more. */
async function fill({ log, clock }: Harness): Promise<void> {
  for (let i = 0; i < 60; i++) {
    clock.advance(1_000)
    await log.append([part(1, `${i};`.padEnd(3_000, '.'))], NO_DEADLINE)
  }
}

async function backedUp({ log, disk }: Harness, destination: Disk, keep?: number): Promise<TakenBackup> {
  const { release, broken: _, ...held } = await log.hold()
  try {
    return await take(disk, held, destination, keep)
  } finally {
    release()
  }
}

async function take(source: Disk, held: HeldLog, destination: Disk, keep?: number): Promise<TakenBackup> {
  return await takeBackup({
    source,
    held,
    extras: [],
    destination,
    clock: systemClock,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    keep,
    signal: new AbortController().signal,
    onProgress() {},
  })
}

async function restored(backup: Disk, point: number): Promise<void> {
  const target = new SimulatedDisk({ random: seededRandom(8) })
  const signal = new AbortController().signal
  await restoreBackup({ backup, target, point, clock: systemClock, random: seededRandom(9), signal, onProgress() {} })
}

function newerManifest(disk: SimulatedDisk, commit: number): void {
  const path = manifestPath(commit)
  const text = Buffer.from(disk.peek(path)).toString()
  disk.poke(path, Buffer.from(text.replace('"version": 1', '"version": 2')))
}

/** Names and bytes of all files, but for those below the folder of a point. */
function contentsOf(disk: SimulatedDisk, but: number): ReadonlyMap<string, string> {
  const folder = manifestPath(but).slice(0, -'manifest.json'.length)
  const paths = disk.paths().filter((path) => !path.startsWith(folder))
  return new Map(paths.map((path) => [path, Buffer.from(disk.peek(path)).toString('latin1')]))
}

it('that rots, or is refused by the drive, ends no further backup; the others can be restored, and it goes when it is too old', async () => {
  const harness = await filled()
  const destination = new SimulatedDisk({ random: seededRandom(7) })
  const first = await backedUp(harness, destination)
  await fill(harness)
  const lost = await backedUp(harness, destination)
  await fill(harness)
  const path = manifestPath(lost.commit)
  const rotten = destination.fork()
  rotten.poke(path, rotten.peek(path).fill(0, 100, 110))
  const refusing = destination.fork()
  const cases = [
    [rotten, rotten, 'fails its checksum|is not whole'],
    [refusing, refusingDisk(refusing, (name) => name === path), 'EIO'],
  ] as const
  for (const [disk, seen, reason] of cases) {
    const before = disk.paths()
    const told = [{ commit: lost.commit, reason: expect.stringMatching(`${path}.*(${reason})`), isNewer: false }]
    const third = await backedUp(harness, seen, 2)
    expect(third.unreadable).toEqual(told)
    expect(third.removed).toEqual([])
    expect(before.filter((name) => !disk.paths().includes(name))).toEqual([])
    expect(await listBackup(seen)).toMatchObject({
      points: [{ commit: first.commit }, { commit: third.commit }],
      unreadable: told,
    })
    for (const { commit } of [first, third]) await restored(seen, commit)
    await expect(restored(seen, lost.commit)).rejects.toThrow()
    // Its files are all there: if it comes back, it is whole.
    const mended = disk.fork()
    mended.poke(path, destination.peek(path))
    await restored(mended, lost.commit)
    const fourth = await backedUp(harness, seen, 1)
    expect(fourth.removed).toEqual([first.commit, lost.commit])
    expect(fourth.unreadable).toEqual([])
    await restored(seen, fourth.commit)
    // And then space comes back.
    expect(disk.paths()).toHaveLength(1 + fourth.files)
  }
  await harness.log.close()
})

it('of a later version is left as it is with all that may be its own, and its own commit is refused', async () => {
  const harness = await filled()
  const destination = new SimulatedDisk({ random: seededRandom(7) })
  const first = await backedUp(harness, destination)
  newerManifest(destination, first.commit)
  await expect(backedUp(harness, destination)).rejects.toMatchObject({ code: 'newer-version' })
  const before = contentsOf(destination, -1)
  await fill(harness)
  // A file of this name may hold something else for the later version.
  const shared = destination.paths().find((path) => path.startsWith('shared/') && path.endsWith('.seg'))
  destination.poke(shared as string, Buffer.from('other bytes'))
  const second = await backedUp(harness, destination, 1)
  expect(second.removed).toEqual([])
  expect(second.unreadable).toEqual([
    { commit: first.commit, reason: expect.stringContaining('format version 2'), isNewer: true },
  ])
  await restored(destination, second.commit)
  const after = contentsOf(destination, second.commit)
  for (const [path, bytes] of before) expect(after.get(path)).toBe(path === shared ? 'other bytes' : bytes)
  await harness.log.close()
})

it('of the commit that is saved again is replaced', async () => {
  const harness = await filled()
  const destination = new SimulatedDisk({ random: seededRandom(7) })
  const { release, broken: _, ...held } = await harness.log.hold()
  const first = await take(harness.disk, held, destination)
  const path = manifestPath(first.commit)
  destination.poke(path, destination.peek(path).slice(0, -3))
  expect(await take(harness.disk, held, destination)).toMatchObject({ commit: first.commit, unreadable: [] })
  await restored(destination, first.commit)
  expect(destination.paths()).toHaveLength(1 + first.files)
  release()
  await harness.log.close()
})
