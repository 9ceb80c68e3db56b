/** Points of a backup that have damage: they are told of, and cost no point that is whole. */
import { systemClock } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { holdStopped } from '../check.ts'
import type { Disk } from '../disk.ts'
import { PAGE_BYTES } from '../limits.ts'
import { NO_DEADLINE, openHarness, part } from '../testing/log-harness.ts'
import { refusingDisk } from '../testing/refusing-disk.ts'
import { SimulatedDisk } from '../testing/simulated-disk.ts'
import { manifestPath } from './layout.ts'
import { type BackupListing, listBackup, restoreBackup } from './restore-backup.ts'
import { type BackupPoint, takeBackup, type TakenBackup } from './take-backup.ts'

const copying = { clock: systemClock, signal: new AbortController().signal, onProgress() {} }
const SEGMENT = 'log/0000000001.seg'

function backup(): SimulatedDisk {
  return new SimulatedDisk({ random: seededRandom(7) })
}

/** A killed log with `records` more than were there. */
async function killed(records: number, before?: SimulatedDisk): Promise<SimulatedDisk> {
  const { log, disk } = await openHarness(before === undefined ? {} : { disk: before, seed: 2 })
  if (before === undefined) await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  for (let i = 0; i < records; i++) await log.append([part(1, `${i};`)], NO_DEADLINE)
  const left = disk.crash('all-kept', seededRandom(1))
  disk.halt()
  return left
}

/** As if the drive refused the page of a commit in the midst. */
function refusingPage(disk: SimulatedDisk): Disk {
  return refusingDisk(disk, (path, offset) => path === SEGMENT && offset === 3 * PAGE_BYTES)
}

async function backedUp(source: Disk, destination: Disk, keep?: number): Promise<TakenBackup> {
  const held = await holdStopped(source)
  return await takeBackup({ ...copying, source, held, extras: [], destination, keep, bytesPerSecond: Infinity })
}

async function restored(from: Disk): Promise<BackupPoint> {
  return await restoreBackup({ ...copying, backup: from, target: backup(), random: seededRandom(9), point: undefined })
}

const points = ({ points: all }: BackupListing): readonly [number, number][] =>
  all.map(({ commit, damage }) => [commit, damage.length])

it('one with damage does not take the place of a whole one of the same commit', async () => {
  const [disk, destination] = [await killed(8), backup()]
  const whole = await backedUp(disk, destination)
  const damaged = await backedUp(refusingPage(disk), destination, 1)
  expect(damaged).toMatchObject({ commit: whole.commit, damage: [expect.stringContaining(SEGMENT)], removed: [] })
  expect(await restored(destination)).toMatchObject({ commit: whole.commit, files: whole.files, damage: [] })
  expect(destination.paths()).toHaveLength(1 + whole.files)
})

it('those with damage do not count for the points that are kept, and go when a whole one comes', async () => {
  const [first, destination] = [await killed(8), backup()]
  const whole = await backedUp(first.fork(), destination)
  const second = await killed(3, first)
  const damaged = await backedUp(refusingPage(second), destination, 1)
  expect(points(await listBackup(destination))).toEqual([
    [whole.commit, 0],
    [damaged.commit, 1],
  ])
  const third = await killed(3, second)
  const last = await backedUp(third, destination, 1)
  expect(points(await listBackup(destination))).toEqual([[last.commit, 0]])
})

it('of a log that may have lost a change says so when it is listed and restored', async () => {
  const [disk, destination] = [await killed(8), backup()]
  await backedUp(
    refusingDisk(disk, (path) => path === SEGMENT),
    destination,
  )
  const told = [expect.stringContaining('metadata may be lost')]
  expect((await listBackup(destination)).points).toMatchObject([{ damage: told }])
  expect(await restored(destination)).toMatchObject({ damage: told })
})

it('is refused by the name of the file that the drive of the backup does not read', async () => {
  const [disk, destination] = [await killed(8), backup()]
  const { commit } = await backedUp(disk, destination)
  for (const path of destination.paths()) {
    const refusing = refusingDisk(destination, (name) => name === path)
    await expect(restored(refusing), path).rejects.toThrow(`${path}: the drive refuses to read it (EIO)`)
  }
  expect(destination.paths()).toContain(manifestPath(commit))
})
