import { describe, expect, it } from 'vitest'
import type { Log } from './log.ts'
import { GROUPED_STEP_BYTES } from './grouped-writer.ts'
import { KIB, REGROUP_PACE_MS } from './limits.ts'
import type { VirtualClock } from '@millrace/std/testing'
import { type Harness, NO_DEADLINE, openHarness, part, readAll, textOf } from './testing/log-harness.ts'
import { checkLog } from './check.ts'

const DAY_MS = 86_400_000
const [SHORT, LONG] = [1, 2]
const SEGMENT_BYTES = 64 * KIB
/** Nearly everything is read from files. */
const options = { segmentBytes: SEGMENT_BYTES, tailBytesMax: 8 * KIB }

/** Lets what waits for the clock go on, until `isDone`. */
async function passUntil(clock: VirtualClock, isDone: () => boolean, stepMs = 100): Promise<void> {
  for (let turn = 0; !isDone(); turn++) {
    if (turn > 5_000) throw new Error('it does not happen')
    clock.advance(stepMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** `rounds` commits, each with a frame of both ledgers. */
async function fill(log: Log, clock: VirtualClock, rounds: number, from = 0): Promise<void> {
  for (let round = from; round < from + rounds; round++) {
    clock.advance(1_000)
    const short = part(SHORT, `short ${round};`.padEnd(6_000, '.'))
    await log.append([short, part(LONG, `long ${round};`.padEnd(600, '.'), 2)], NO_DEADLINE)
  }
}

async function opened(rounds: number): Promise<Harness> {
  const harness = await openHarness(options)
  const ledgers = [SHORT, LONG].map((ledger) => ({ ledger, notBeforeMs: 0 }))
  await harness.log.openLedgers(ledgers, NO_DEADLINE)
  await fill(harness.log, harness.clock, rounds)
  return harness
}

function hint(log: Log, beforeMs = 0): Promise<void> {
  return log.trim([
    { ledger: SHORT, beforeMs, retentionMs: DAY_MS },
    { ledger: LONG, beforeMs: 0, retentionMs: 365 * DAY_MS },
  ])
}

function groupedFiles({ disk }: Harness): readonly string[] {
  return disk.paths().filter((path) => path.startsWith('log/g') && path.endsWith('.seg'))
}

function rawFiles({ disk }: Harness): readonly string[] {
  return disk.paths().filter((path) => /^log\/\d+\.seg$/.test(path))
}

describe('regrouping', () => {
  it('rewrites mixed segments by retention class, and every frame is read as before', async () => {
    const harness = await opened(80)
    const { log, clock } = harness
    const before = [await readAll(log, SHORT), await readAll(log, LONG)]
    await hint(log)
    await passUntil(clock, () => groupedFiles(harness).length > 0 && rawFiles(harness).length <= 4)
    expect([await readAll(log, SHORT), await readAll(log, LONG)]).toEqual(before)
    expect(log.health()).toEqual({ writable: true, damage: [] })
    await log.close()
  })

  it('reads and writes no more than its share of the disk', async () => {
    const harness = await opened(240)
    const { log, disk, clock } = harness
    let bytes = 0
    disk.onOperation = ({ kind, path, bytes: of }) => {
      const isCopy = kind === 'read' ? /^log\/\d+\.seg$/.test(path) : kind === 'write' && /^log\/g\d+\.seg/.test(path)
      if (isCopy) bytes += of
      // Of each file one page, its header, comes on top.
      if (kind === 'create' && /^log\/g\d+\.seg/.test(path)) bytes -= 4 * KIB
    }
    await hint(log)
    const startMs = clock.now()
    await passUntil(clock, () => rawFiles(harness).length <= 4, 1)
    const steps = Math.floor(bytes / GROUPED_STEP_BYTES)
    expect(steps).toBeGreaterThan(5)
    expect(clock.now() - startMs).toBeGreaterThanOrEqual((steps - 1) * REGROUP_PACE_MS)
    await log.close()
  })

  it('does not begin where there is no room for what it writes', async () => {
    const harness = await openHarness({ ...options, freeBytesMin: 0 })
    const { log, disk, clock } = harness
    const ledgers = [SHORT, LONG].map((ledger) => ({ ledger, notBeforeMs: 0 }))
    await log.openLedgers(ledgers, NO_DEADLINE)
    await fill(log, clock, 80)
    let turns = 0
    await passUntil(clock, () => ++turns > 100)
    const sizes = disk.paths().map((path) => disk.peek(path).length)
    disk.capacityBytes = sizes.reduce((sum, size) => sum + size, 0) + 4 * KIB
    let begun = 0
    disk.onOperation = ({ kind, path }) => void (kind === 'create' && path.startsWith('log/g') && begun++)
    await hint(log)
    turns = 0
    await passUntil(clock, () => ++turns > 100)
    expect(begun).toBe(0)
    disk.capacityBytes = undefined
    await hint(log, 1)
    await passUntil(clock, () => groupedFiles(harness).length > 0)
    await log.close()
  })

  it('is found again after a restart, with and without the index files', async () => {
    for (const isIndexKept of [true, false]) {
      const harness = await opened(80)
      const { log, clock, disk } = harness
      await hint(log)
      await passUntil(clock, () => rawFiles(harness).length <= 4)
      const before = [await readAll(log, SHORT), await readAll(log, LONG)]
      await log.close()
      if (!isIndexKept) for (const path of disk.paths()) if (path.endsWith('.idx')) await disk.remove(path)
      const again = await openHarness({ ...options, disk, clock, seed: 2 })
      expect(again.log.health()).toEqual({ writable: true, damage: [] })
      expect([await readAll(again.log, SHORT), await readAll(again.log, LONG)]).toEqual(before)
      await fill(again.log, clock, 5, 80)
      expect(textOf(await readAll(again.log, LONG))).toContain('long 84;')
      await again.log.close()
    }
  })

  it('gives back the space of what was kept for a day beside what is kept for a year', async () => {
    const harness = await opened(0)
    const { log, clock } = harness
    let longBytes = 0
    for (let day = 0; day < 10; day++) {
      await fill(log, clock, 40, day * 40)
      longBytes += 40 * 600
      clock.advance(DAY_MS)
      await hint(log, clock.now() - DAY_MS)
      // Beside it: what the older snapshot does not cover yet, the active segment, the next one and the spares.
      await passUntil(clock, () => log.statistics().segmentBytes < 2 * longBytes + 9 * SEGMENT_BYTES)
    }
    expect(textOf(await readAll(log, LONG)).match(/long \d+;/g)).toHaveLength(400)
    await log.close()
  })

  it('makes few segments of many small ones', async () => {
    const harness = await opened(0)
    const { log, clock } = harness
    for (let day = 0; day < 20; day++) {
      await fill(log, clock, 12, day * 12)
      clock.advance(DAY_MS)
      await hint(log, clock.now() - DAY_MS)
      // Beside the active segment and the next one, those that the older snapshot does not cover yet.
      await passUntil(clock, () => rawFiles(harness).length <= 7)
    }
    await passUntil(clock, () => groupedFiles(harness).length <= 8)
    expect(textOf(await readAll(log, LONG)).match(/long \d+;/g)).toHaveLength(240)
    await log.close()
  })

  it('leaves small ones apart where what stands between them holds frames of their ledgers', async () => {
    const harness = await opened(0)
    const { log, clock, disk } = harness
    const ofClass = (retentionClass: number): number =>
      groupedFiles(harness).filter((path) => disk.peek(path)[12] === retentionClass).length
    let round = 0
    // Two for a year, one for a week, two for a year.
    for (const [retentionClass, days] of [3, 3, 2, 3, 3].map((of) => [of, of === 2 ? 7 : 365] as const)) {
      const before = ofClass(retentionClass)
      const kept = { ledger: LONG, beforeMs: 0, retentionMs: days * DAY_MS }
      await log.trim([{ ledger: SHORT, beforeMs: 0, retentionMs: DAY_MS }, kept])
      while (ofClass(retentionClass) === before) {
        await fill(log, clock, 1, round++)
        let turns = 0
        await passUntil(clock, () => ++turns > 10)
      }
    }
    let turns = 0
    await passUntil(clock, () => ++turns > 300)
    const rounds = Array.from({ length: round }, (_, i) => `long ${i};`)
    expect(textOf(await readAll(log, LONG)).match(/long \d+;/g)).toEqual(rounds)
    expect([ofClass(2), ofClass(3)]).toEqual([1, 4])
    await log.close()
  })

  it('leaves a segment alone in which a frame has gone bad', async () => {
    const harness = await opened(80)
    const { log, clock, disk } = harness
    await log.close()
    const path = rawFiles(harness)[1] as string
    const bytes = disk.peek(path).slice()
    bytes[5_000] = (bytes[5_000] ?? 0) ^ 1
    disk.poke(path, bytes)
    const again = await openHarness({ ...options, disk, clock, seed: 2 })
    await hint(again.log)
    await passUntil(clock, () => rawFiles(harness).length <= 5)
    expect(disk.paths()).toContain(path)
    expect(JSON.stringify(again.log.health().damage)).toContain(path)
    await again.log.close()
  })

  it('begins nothing new while what failed cannot be removed, and removes it when it can', async () => {
    const harness = await opened(80)
    const { log, clock, disk } = harness
    let failed = 0
    disk.faults = ({ kind, path }) =>
      (kind === 'rename' || kind === 'remove') && /g\d+\.seg\.tmp$/.test(path) && ++failed > 0
        ? { code: 'EIO' }
        : undefined
    const begun = (): number => disk.paths().filter((path) => path.endsWith('.tmp')).length
    await hint(log)
    await passUntil(clock, () => failed > 20)
    expect(begun()).toBe(1)
    disk.faults = undefined
    await passUntil(clock, () => groupedFiles(harness).length > 0 && begun() === 0)
    await log.close()
  })

  it('removes what it began when a segment proved unreadable, without another cause to go on', async () => {
    const harness = await opened(80)
    const { log, clock, disk } = harness
    let removals = 0
    disk.faults = ({ kind, path }) => {
      if (kind === 'read' && path.endsWith('.seg')) return { code: 'EIO' }
      return kind === 'remove' && path.endsWith('.seg.tmp') && ++removals > 0 ? { code: 'EACCES' } : undefined
    }
    await hint(log)
    const untilMs = clock.now() + 5_000
    await passUntil(clock, () => removals > 0 && clock.now() > untilMs)
    disk.faults = ({ kind, path }) => (kind === 'read' && path.endsWith('.seg') ? { code: 'EIO' } : undefined)
    await passUntil(clock, () => !disk.paths().some((path) => path.endsWith('.tmp')))
    await log.close()
  })

  it('copies records beside the end of another ledger, which has no bytes and stands where they do', async () => {
    const harness = await opened(0)
    const { log, clock } = harness
    for (let ledger = 3; ledger < 40; ledger++) {
      await log.openLedgers([{ ledger, notBeforeMs: 0 }], NO_DEADLINE)
      const closed = log.closeLedgers([ledger], NO_DEADLINE)
      await fill(log, clock, 1, ledger)
      await closed
      await fill(log, clock, 1, ledger)
    }
    const before = await readAll(log, SHORT)
    await log.trim(log.ledgers().map((ledger) => ({ ledger, beforeMs: 0, retentionMs: DAY_MS })))
    await hint(log)
    await passUntil(clock, () => groupedFiles(harness).length > 0 || log.health().damage.length > 0)
    expect(log.health()).toEqual({ writable: true, damage: [] })
    expect(await readAll(log, SHORT)).toEqual(before)
    await log.close()
  })

  it('names what is lost with a regrouped file, and serves the ledgers of the others', async () => {
    const harness = await opened(80)
    const { log, clock, disk } = harness
    await hint(log)
    await passUntil(clock, () => rawFiles(harness).length <= 4)
    const short = await readAll(log, SHORT)
    await log.close()
    const lost = groupedFiles(harness).filter((path) => disk.peek(path)[12] === 3)
    expect(lost.length).toBeGreaterThan(0)
    for (const path of lost) {
      await disk.remove(path)
      await disk.remove(path.replace('.seg', '.idx'))
    }
    const again = await openHarness({ ...options, disk, clock, seed: 2 })
    expect(again.log.health().damage).toHaveLength(lost.length)
    expect(await readAll(again.log, SHORT)).toEqual(short)
    await expect(readAll(again.log, LONG)).rejects.toThrow('damaged')
    await again.log.close()
  })

  it('is checked without findings', async () => {
    const harness = await opened(80)
    await hint(harness.log)
    await passUntil(harness.clock, () => rawFiles(harness).length <= 4)
    await harness.log.close()
    const findings = []
    for await (const finding of checkLog(harness.disk)) findings.push(finding)
    expect(findings).toEqual([])
  })
})
