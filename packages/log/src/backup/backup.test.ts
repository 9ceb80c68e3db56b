import { systemClock } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { holdStopped } from '../check.ts'
import type { HeldLog } from '../held-files.ts'
import { KIB } from '../limits.ts'
import { type Harness, NO_DEADLINE, openHarness, part, readAll, textOf } from '../testing/log-harness.ts'
import { SimulatedDisk } from '../testing/simulated-disk.ts'
import { manifestPath } from './layout.ts'
import { listBackup, restoreBackup } from './restore-backup.ts'
import { takeBackup, type TakeBackupOptions, type TakenBackup } from './take-backup.ts'

const LEDGERS = [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 }))

/** A log of several segments, in which `count` records were appended to each of two ledgers. */
async function filled(count = 60): Promise<Harness> {
  const harness = await openHarness({ tailBytesMax: 8 * KIB })
  await harness.log.openLedgers(LEDGERS, NO_DEADLINE)
  await fill(harness, count)
  return harness
}

async function fill({ log, clock }: Harness, count: number, from = 0): Promise<void> {
  for (let i = from; i < from + count; i++) {
    clock.advance(1_000)
    await log.append([part(1, `one ${i};`.padEnd(3_000, '.')), part(2, `two ${i};`.padEnd(300, '.'))], NO_DEADLINE)
    await log.appendMetadata(Buffer.from(`change ${i}`), NO_DEADLINE)
  }
}

function emptyDisk(seed = 7): SimulatedDisk {
  return new SimulatedDisk({ random: seededRandom(seed) })
}

function take(source: SimulatedDisk, held: HeldLog, destination: SimulatedDisk, more: Partial<TakeBackupOptions> = {}) {
  return takeBackup({
    source,
    held,
    extras: [],
    destination,
    clock: systemClock,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    keep: undefined,
    signal: new AbortController().signal,
    onProgress() {},
    ...more,
  })
}

async function restored(backup: SimulatedDisk, point?: number): Promise<SimulatedDisk> {
  const target = emptyDisk(8)
  const signal = new AbortController().signal
  await restoreBackup({ backup, target, point, clock: systemClock, random: seededRandom(9), signal, onProgress() {} })
  return target
}

/** All that a log on `disk` shows, and that it finds nothing wrong. */
async function contentsOf(disk: SimulatedDisk): Promise<unknown> {
  const { log, metadata } = await openHarness({ disk: disk.fork(), clock: new VirtualClock(10 ** 10), seed: 99 })
  expect(log.health()).toEqual({ writable: true, damage: [] })
  const contents = { one: textOf(await readAll(log, 1)), two: textOf(await readAll(log, 2)), changes: metadata.changes }
  await log.close()
  return contents
}

async function backedUp(harness: Harness, destination: SimulatedDisk, more = {}): Promise<TakenBackup> {
  const { release, ...held } = await harness.log.hold()
  try {
    return await take(harness.disk, held, destination, more)
  } finally {
    release()
  }
}

describe('a backup beside a running log', () => {
  it('holds the log of the moment, though the log goes on, and trims, frees and regroups', async () => {
    const harness = await filled()
    const { log, disk, clock } = harness
    const then = disk.crash('kill', seededRandom(1))
    const { release, broken: _, ...held } = await log.hold()
    // All that could take files away.
    await log.trim([
      { ledger: 1, beforeMs: clock.now(), retentionMs: 86_400_000 },
      { ledger: 2, beforeMs: 0, retentionMs: 365 * 86_400_000 },
    ])
    await fill(harness, 40, 60)
    for (let turn = 0; turn < 200; turn++) {
      clock.advance(50)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const destination = emptyDisk()
    await take(disk, held, destination)
    const segments = log.statistics().segments
    release()
    expect(await contentsOf(await restored(destination))).toEqual(await contentsOf(then))
    // And then space comes back.
    for (let turn = 0; log.statistics().segments >= segments; turn++) {
      if (turn > 2_000) throw new Error('no segment is given back after the hold')
      clock.advance(50)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await log.close()
  })

  it('copies only what is new the next time, and restores each point', async () => {
    const harness = await filled()
    const destination = emptyDisk()
    const first = await backedUp(harness, destination)
    const then = harness.disk.crash('kill', seededRandom(1))
    expect(first.copiedBytes).toBe(first.bytes)
    await fill(harness, 10, 60)
    const second = await backedUp(harness, destination)
    expect(second.bytes).toBeGreaterThan(first.bytes)
    expect(second.copiedBytes).toBeLessThan(second.bytes / 2)
    const { points } = await listBackup(destination)
    expect(points.map(({ commit }) => commit)).toEqual([first.commit, second.commit])
    expect(await contentsOf(await restored(destination, first.commit))).toEqual(await contentsOf(then))
    expect(await contentsOf(await restored(destination))).toEqual(
      await contentsOf(harness.disk.crash('kill', seededRandom(1))),
    )
    await harness.log.close()
  })

  it('holds segments of both versions of the format as they are', async () => {
    const old = await openHarness({ tailBytesMax: 8 * KIB, segmentVersion: 1 })
    await old.log.openLedgers(LEDGERS, NO_DEADLINE)
    await fill(old, 30)
    await old.log.close()
    const { disk, clock } = old
    const harness = await openHarness({ tailBytesMax: 8 * KIB, disk, clock, seed: 2 })
    await fill(harness, 30, 30)
    const destination = emptyDisk()
    await backedUp(harness, destination)
    const then = await contentsOf(disk.crash('kill', seededRandom(1)))
    expect(await contentsOf(await restored(destination))).toEqual(then)
    await harness.log.close()
  })

  it('gives up old points and what only they had', async () => {
    const harness = await filled()
    const destination = emptyDisk()
    const first = await backedUp(harness, destination)
    await harness.log.dropLedgers([1], NO_DEADLINE)
    await fill(harness, 1, 60)
    const before = destination.paths().length
    const second = await backedUp(harness, destination, { keep: 1 })
    expect(second.removed).toEqual([first.commit])
    expect((await listBackup(destination)).points.map(({ commit }) => commit)).toEqual([second.commit])
    expect(destination.paths().length).toBeLessThan(before + 2)
    await restored(destination)
    await harness.log.close()
  })

  it('that is interrupted leaves no point, and what it copied is there for the next', async () => {
    const harness = await filled()
    const destination = emptyDisk()
    const abort = new AbortController()
    const onProgress = (copied: number, total: number): void => {
      if (copied > total / 2) abort.abort(new Error('enough'))
    }
    await expect(backedUp(harness, destination, { signal: abort.signal, onProgress })).rejects.toThrow('enough')
    expect(await listBackup(destination)).toEqual({ points: [], unreadable: [] })
    await expect(restored(destination)).rejects.toThrow('expected a point, there is none')
    await backedUp(harness, destination)
    await restored(destination)
    await harness.log.close()
  })

  it('of a log that stood still, interrupted at any step, leaves every point that has a manifest whole', async () => {
    const harness = await filled(3)
    const { disk } = harness
    const destination = emptyDisk()
    const { release, broken: _, ...held } = await harness.log.hold()
    const extras = [{ path: 'credentials.yaml', bytes: 4 }]
    disk.poke('credentials.yaml', Buffer.from('then'))
    await take(disk, held, destination, { extras })
    disk.poke('credentials.yaml', Buffer.from('now!'))
    const crashed: SimulatedDisk[] = []
    const again = destination.fork()
    const modes = ['kill', 'all-lost', 'names-only', 'data-only'] as const
    again.onOperation = ({ mutates, index }) => {
      for (const mode of mutates ? modes : []) crashed.push(again.crash(mode, seededRandom(index)))
    }
    await take(disk, held, again, { extras, keep: 1 })
    const steps = again.operations
    for (let step = 1; step <= steps; step++) {
      const failing = destination.fork()
      failing.faults = ({ index }) => (index === step ? { code: 'EIO' } : undefined)
      await take(disk, held, failing, { extras, keep: 1 }).catch(() => undefined)
      crashed.push(failing)
    }
    const found = new Set<string>()
    for (const backup of [...crashed, again]) {
      backup.faults = undefined
      expect((await listBackup(backup)).points).toHaveLength(1)
      found.add(Buffer.from((await restored(backup)).peek('credentials.yaml')).toString())
    }
    expect(found).toEqual(new Set(['then', 'now!']))
    expect(again.paths().filter((path) => path.startsWith('points/'))).toHaveLength(3)
    release()
    await harness.log.close()
  })

  it('that was interrupted and is not taken again is removed with the old points', async () => {
    const harness = await filled(3)
    const destination = emptyDisk()
    const abort = new AbortController()
    const isOver = (copied: number): void => {
      if (copied > 0) abort.abort(new Error('enough'))
    }
    await expect(
      backedUp(harness, destination, { signal: abort.signal, onProgress: isOver, bytesPerSecond: 10 ** 12 }),
    ).rejects.toThrow('enough')
    expect(destination.paths()).not.toEqual([])
    await fill(harness, 1, 3)
    await backedUp(harness, destination, { keep: 1 })
    const [point] = (await listBackup(destination)).points
    expect(destination.paths()).toHaveLength(1 + (point?.files ?? 0))
    await harness.log.close()
  })

  it('ends when the log has no space left, and is told so', async () => {
    const { log, disk } = await openHarness({ bytesMax: 6 * 64 * KIB })
    await log.openLedgers(LEDGERS, NO_DEADLINE)
    const { broken } = await log.hold()
    let failure: string | undefined
    for (let i = 0; i < 500 && failure === undefined; i++) {
      failure = (await log.append([part(1, '.'.repeat(3_000))], NO_DEADLINE))[0]?.failure
    }
    expect(await broken).toContain('there is no space left')
    await log.close()
    expect(disk.openFiles).toBe(0)
  })
})

it('a stopped log is backed up as the running one was, whether it was killed or closed', async () => {
  const harness = await filled()
  const killed = harness.disk.crash('kill', seededRandom(1))
  await harness.log.close()
  const closed = harness.disk.crash('all-lost', seededRandom(1))
  for (const disk of [killed, closed]) {
    const destination = emptyDisk()
    await take(disk, await holdStopped(disk), destination)
    expect(await contentsOf(await restored(destination))).toEqual(await contentsOf(disk))
  }
})

describe('a backup that has suffered', () => {
  async function sound(): Promise<{ destination: SimulatedDisk; commit: number }> {
    const harness = await filled()
    const destination = emptyDisk()
    const { commit } = await backedUp(harness, destination)
    await harness.log.close()
    return { destination, commit }
  }

  it('names every file in which a byte changed, and restores nothing wrong', async () => {
    const { destination } = await sound()
    for (const path of destination.paths()) {
      const disk = destination.fork()
      const bytes = disk.peek(path)
      const at = bytes.length >> 1
      bytes[at] = (bytes[at] ?? 0) ^ 1
      disk.poke(path, bytes)
      await expect(restored(disk), path).rejects.toThrow(path)
    }
  })

  it('names every file that is missing or cut', async () => {
    const { destination } = await sound()
    for (const path of destination.paths()) {
      const lost = destination.fork()
      lost.discard(path)
      const isManifest = path.endsWith('manifest.json')
      await expect(restored(lost), path).rejects.toThrow(isManifest ? 'there is none' : path)
      const cut = destination.fork()
      cut.poke(path, cut.peek(path).slice(0, -2))
      await expect(restored(cut), path).rejects.toThrow(path)
    }
  })

  it('of a later version, or of another log, is refused by name', async () => {
    const { destination, commit } = await sound()
    const path = manifestPath(commit)
    const newer = destination.fork()
    newer.poke(path, Buffer.from(Buffer.from(newer.peek(path)).toString().replace('"version": 1', '"version": 2')))
    await expect(restored(newer)).rejects.toThrow(`${path}: this backup has format version 2, this program knows 1`)
    const other = await openHarness({ seed: 5 })
    await expect(backedUp(other, destination)).rejects.toThrow(`${path}: this backup is of another data directory`)
    await other.log.close()
  })
})
