import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { checkLog } from '../check.ts'
import { KIB, PAGE_BYTES } from '../limits.ts'
import { type Harness, NO_DEADLINE, openHarness, part, readAll, textOf } from '../testing/log-harness.ts'
import { SimulatedDisk } from '../testing/simulated-disk.ts'
import { listBackup, restoreBackup } from './restore-backup.ts'
import { takeBackup } from './take-backup.ts'

const HOUR_MS = 3_600_000

/** A clock on which so much time has passed. */
function clockAt(ms: number): VirtualClock {
  const clock = new VirtualClock()
  clock.advance(ms)
  return clock
}

function emptyDisk(): SimulatedDisk {
  return new SimulatedDisk({ random: seededRandom(3) })
}

async function begun(more = {}): Promise<Harness> {
  const harness = await openHarness(more)
  await harness.log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
  await put(harness, 'first')
  return harness
}

/** The commit of the record. */
async function put({ log }: Pick<Harness, 'log'>, text: string): Promise<number> {
  const [result] = await log.append([part(1, `${text};`)], NO_DEADLINE)
  const commit = result?.runs[0]?.commit
  if (commit === undefined) throw new Error(`not stored: ${result?.failure}`)
  return commit
}

async function backUp({ log, disk, clock }: Harness, destination: SimulatedDisk): Promise<number> {
  const { release, ...held } = await log.hold()
  const bytesPerSecond = Number.POSITIVE_INFINITY
  const { signal } = new AbortController()
  const copied = { source: disk, held, extras: [], destination }
  const { commit } = await takeBackup({ ...copied, clock, bytesPerSecond, keep: undefined, signal, onProgress() {} })
  release()
  return commit
}

async function restore(backup: SimulatedDisk, clock: VirtualClock, point?: number): Promise<SimulatedDisk> {
  const target = emptyDisk()
  const { signal } = new AbortController()
  await restoreBackup({ backup, target, point, clock, random: seededRandom(4), signal, onProgress() {} })
  return target
}

async function open(disk: SimulatedDisk, clock: VirtualClock, more = {}): Promise<Harness> {
  return await openHarness({ disk, clock, seed: 5, ...more })
}

async function findings(disk: SimulatedDisk): Promise<readonly string[]> {
  const reasons: string[] = []
  for await (const { file, reason } of checkLog(disk)) reasons.push(`${file}: ${reason}`)
  return reasons
}

describe('a restored log', () => {
  it('gives no position that the log of before gave after the point, and readers of those find what comes', async () => {
    const harness = await begun()
    const backup = emptyDisk()
    const point = await backUp(harness, backup)
    let lost = 0
    for (let i = 0; i < 50; i++) lost = await put(harness, 'lost')
    await harness.log.close()

    const clock = clockAt(HOUR_MS)
    const again = await open(await restore(backup, clock), clock)
    expect(again.log.statistics().commits).toBeGreaterThan(point + 2 ** 16 * 3_600)
    const kept = await put(again, 'new')
    expect(kept).toBeGreaterThan(lost)
    expect(textOf(await readAll(again.log, 1, { from: { commit: lost, index: 1 } }))).toBe('new;')
    expect(textOf(await readAll(again.log, 1))).toBe('first;new;')
    await again.log.close()
  })

  it('gives none that it gave itself when it was restored to the same point before', async () => {
    const harness = await begun()
    const backup = emptyDisk()
    await backUp(harness, backup)
    await harness.log.close()
    const first = await open(await restore(backup, clockAt(HOUR_MS)), clockAt(HOUR_MS))
    const before = await put(first, 'once')
    await first.log.close()
    // A second later.
    const clock = clockAt(HOUR_MS + 1_000)
    const second = await open(await restore(backup, clock), clock)
    expect(await put(second, 'again')).toBeGreaterThan(before)
    await second.log.close()
  })

  it('finds nothing wrong, through crashes at every step of its first opening', async () => {
    const harness = await begun()
    const backup = emptyDisk()
    await backUp(harness, backup)
    await harness.log.close()
    const clock = clockAt(HOUR_MS)
    const disk = await restore(backup, clock)
    expect(await findings(disk)).toEqual([])
    const crashed: SimulatedDisk[] = []
    disk.onOperation = ({ mutates, index }) => {
      for (const mode of mutates ? (['kill', 'all-lost'] as const) : []) {
        crashed.push(disk.crash(mode, seededRandom(index)))
      }
    }
    const { log } = await open(disk, clock)
    await log.close()
    disk.onOperation = undefined
    crashed.push(disk)
    for (const left of crashed) {
      const again = await open(left, clock)
      expect(again.log.health()).toEqual({ writable: true, damage: [] })
      await put(again, 'after')
      expect(textOf(await readAll(again.log, 1))).toBe('first;after;')
      await again.log.close()
    }
  })

  it('misses nothing when the index of its last segment is lost, or the header of the next', async () => {
    const harness = await begun()
    const backup = emptyDisk()
    await backUp(harness, backup)
    await harness.log.close()
    const clock = clockAt(HOUR_MS)
    const restored = await restore(backup, clock)
    const { log, disk } = await open(restored.fork(), clock)
    await put({ log }, 'after')
    await log.close()
    const ended = disk.paths().find((path) => path.endsWith('.idx'))
    const last = disk.paths().findLast((path) => /^log\/\d+\.seg$/.test(path) && disk.peek(path)[0] !== 0)
    if (ended === undefined || last === undefined) throw new Error('expected an index and a segment')
    for (const [from, text] of [
      [restored, 'first;'],
      [disk, 'first;after;'],
    ] as const) {
      const lost = from.fork()
      lost.discard(ended)
      expect(await findings(lost)).toEqual([])
      const again = await open(lost, clock)
      expect(again.log.health().damage).toEqual([])
      expect(textOf(await readAll(again.log, 1))).toBe(text)
      await again.log.close()
    }
    const torn = disk.fork()
    torn.poke(last, torn.peek(last).fill(0, 0, PAGE_BYTES))
    const again = await open(torn, clock)
    expect(textOf(await readAll(again.log, 1))).toBe('first;after;')
    await again.log.close()
  })

  it('that was full within its bound has as much room as before to give space back', async () => {
    const bytesMax = 4 * 64 * KIB
    const harness = await begun({ bytesMax })
    const large = part(1, '.'.repeat(3_000))
    for (;;) {
      const [result] = await harness.log.append([large], NO_DEADLINE)
      if (result?.failure !== undefined) break
    }
    const backup = emptyDisk()
    await backUp(harness, backup)
    await harness.log.close()
    const clock = clockAt(HOUR_MS)
    const again = await open(await restore(backup, clock), clock, { bytesMax })
    await again.log.dropLedgers([1], NO_DEADLINE)
    for (let turn = 0; again.log.statistics().segments > 2; turn++) {
      if (turn > 2_000) throw new Error('no segment is given back')
      clock.advance(50)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await again.log.close()
  })

  it('is backed up where the log of before was, and every point of both is restored as it was', async () => {
    const harness = await begun()
    const backup = emptyDisk()
    const texts = new Map<number, string>()
    const note = async (from: Harness): Promise<void> => {
      texts.set(await backUp(from, backup), textOf(await readAll(from.log, 1)))
    }
    await note(harness)
    const [first] = texts.keys()
    // Until the segment of the point is full, so that the log of before and the restored one each end it.
    for (let i = 0; i < 30; i++) await put(harness, `before ${i}`)
    await note(harness)
    await harness.log.close()
    const clock = clockAt(HOUR_MS)
    const again = await open(await restore(backup, clock, first), clock)
    for (let i = 0; i < 30; i++) await put(again, `after ${i}`)
    await note(again)
    await again.log.close()

    const { points } = await listBackup(backup)
    expect(points.map(({ commit }) => commit)).toEqual([...texts.keys()])
    for (const { commit } of points) {
      const { log } = await open(await restore(backup, clock, commit), clock)
      expect(log.health().damage).toEqual([])
      expect(textOf(await readAll(log, 1))).toBe(texts.get(commit))
      await log.close()
    }
  })
})
