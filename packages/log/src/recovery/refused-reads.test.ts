/**
 * A log whose drive refuses to read pages or whole files when it opens: what was acknowledged is read or told, never
 * taken for a torn tail; what can be read is; `checkLog` goes on and finds it; and when the drive reads again all is
 * there that was not told to be lost for good.
 */
import { systemClock } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import type { LogHealth } from '../api.ts'
import { restoreBackup } from '../backup/restore-backup.ts'
import { takeBackup, type TakenBackup } from '../backup/take-backup.ts'
import { checkLog, holdStopped } from '../check.ts'
import type { Finding } from '../findings.ts'
import type { Disk } from '../disk.ts'
import { KIB, PAGE_BYTES } from '../limits.ts'
import { Log } from '../log.ts'
import { POSITION_START } from '../position.ts'
import { ListMetadata, NO_DEADLINE, openHarness, part } from '../testing/log-harness.ts'
import { refusingDisk } from '../testing/refusing-disk.ts'
import { SimulatedDisk } from '../testing/simulated-disk.ts'

const LEDGERS = [1, 2]
const SEGMENTS = 4
const SEGMENT_BYTES = 32 * KIB

/** A killed log of some segments, of which the last two full ones have no index yet, and what it has acknowledged, by ledger. */
async function killed(): Promise<{ disk: SimulatedDisk; stored: ReadonlyMap<number, readonly string[]> }> {
  const { log, disk, clock } = await openHarness({ segmentBytes: SEGMENT_BYTES })
  await log.openLedgers(
    LEDGERS.map((ledger) => ({ ledger, notBeforeMs: 0 })),
    NO_DEADLINE,
  )
  const stored = new Map<number, string[]>(LEDGERS.map((ledger) => [ledger, []]))
  for (let i = 0; log.statistics().segments < SEGMENTS || i % 8 !== 0; i++) {
    const ledger = LEDGERS[i % LEDGERS.length] ?? 1
    clock.advance(10)
    const text = `${i};`.padEnd(3_000, '.')
    const [result] = await log.append([part(ledger, text)], NO_DEADLINE)
    if (result?.failure === undefined) stored.get(ledger)?.push(text)
    if (i % 16 === 3) await log.appendMetadata(new TextEncoder().encode(`change ${i}`), NO_DEADLINE)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const left = disk.crash('all-lost', seededRandom(1))
  disk.halt()
  const indexes = left.paths().filter((path) => path.endsWith('.idx'))
  for (const path of indexes.slice(-2)) left.discard(path)
  return { disk: left, stored }
}

/** The segment that was written to last. */
function lastUsed(disk: SimulatedDisk): string {
  const segments = disk.paths().filter((path) => /^log\/\d+\.seg$/.test(path))
  return segments.findLast((path) => disk.peek(path).some((byte) => byte !== 0)) as string
}

interface Seen {
  readonly texts: ReadonlyMap<number, readonly string[]>
  /** Ledgers of which it is told that something cannot be read. */
  readonly told: ReadonlySet<number>
  readonly health: LogHealth
  readonly log: Log
}

async function opened(disk: Disk, seed: number): Promise<Seen> {
  const log = await Log.open({
    disk,
    clock: new VirtualClock(),
    random: seededRandom(seed),
    metadata: new ListMetadata(),
    durability: 'fsync',
    segmentBytes: SEGMENT_BYTES,
  })
  const texts = new Map<number, readonly string[]>()
  const told = new Set<number>()
  for (const ledger of LEDGERS) {
    if (log.stateOf(ledger) === undefined) {
      told.add(ledger)
      continue
    }
    const found: string[] = []
    for (let from = POSITION_START; ;) {
      const options = { recordsMax: 1_000, bytesMax: 1 << 20, visibleFromMs: 0, ...NO_DEADLINE }
      const { frames, next, atTip, damaged, release } = await log.read(ledger, from, options)
      found.push(...frames.map(({ bytes }) => new TextDecoder().decode(bytes)))
      release()
      if (damaged !== undefined) told.add(ledger)
      if (atTip) break
      from = damaged?.to ?? next
    }
    texts.set(ledger, found)
  }
  return { texts, told, health: log.health(), log }
}

async function findings(disk: Disk): Promise<readonly Finding[]> {
  const all: Finding[] = []
  for await (const finding of checkLog(disk)) all.push(finding)
  return all
}

/** What was acknowledged and is not read; fails if there is any of a ledger that is not told of. */
function missing({ texts, told }: Seen, stored: ReadonlyMap<number, readonly string[]>): readonly string[] {
  const all: string[] = []
  for (const [ledger, was] of stored) {
    const is = texts.get(ledger) ?? []
    expect(is.filter((text) => !was.includes(text))).toEqual([])
    const lost = was.filter((text) => !is.includes(text))
    if (lost.length > 0) expect(told, `ledger ${ledger} misses ${lost.length}`).toContain(ledger)
    all.push(...lost)
  }
  return all
}

describe('a drive that refuses reads', () => {
  it('costs at most the commit whose page it refuses, and check names the page', async () => {
    const { disk, stored } = await killed()
    const active = lastUsed(disk)
    let [lost, sure] = [0, 0]
    for (const path of disk.paths().filter((name) => !name.startsWith('spare/'))) {
      for (let page = 0; page < disk.peek(path).length; page += PAGE_BYTES) {
        const isUsed = disk
          .peek(path)
          .subarray(page, page + PAGE_BYTES)
          .some((byte) => byte !== 0)
        if (!isUsed && (path !== active || page % (4 * PAGE_BYTES) !== 0)) continue
        const isRefused = (name: string, offset: number): boolean => name === path && offset === page
        const fork = disk.fork()
        const found = await findings(refusingDisk(fork, isRefused))
        // What lies behind the last commit is nothing.
        if (isUsed) {
          expect(found, `${path} at ${page}`).toContainEqual(
            expect.objectContaining({ file: path, reason: expect.stringContaining('EIO') }),
          )
        }
        const seen = await opened(refusingDisk(fork, isRefused), 2)
        const gone = missing(seen, stored)
        expect(gone.length, `${path} at ${page}`).toBeLessThanOrEqual(1)
        // A commit of which nothing can be read may have changed the metadata: the next one tells.
        const isDoubtful = found.some(({ file, commits }) => file === path && commits !== undefined)
        if (isDoubtful && seen.health.writable) sure++
        if (!isDoubtful) expect(seen.health.writable, `${path} at ${page}`).toBe(true)
        if (!seen.health.writable) expect(seen.health.reason).toContain('metadata may be lost')
        // Whoever is told of a loss can accept it.
        const losers = found.flatMap(({ ledgers }) => ledgers.map(({ ledger }) => ledger))
        for (const ledger of seen.told) expect(losers, `${path} at ${page}`).toContain(ledger)
        lost += gone.length
        await seen.log.close()
        // The next start finds what this one did.
        const again = gone.length === 0 ? undefined : await opened(refusingDisk(fork, isRefused), 3)
        if (again !== undefined) expect(missing(again, stored)).toEqual(gone)
        fork.halt()
      }
    }
    expect(lost).toBeGreaterThan(10)
    expect(sure).toBeGreaterThan(10)
  })

  it('costs what a file holds where it refuses all of it, and that is there again when the drive is', async () => {
    const { disk, stored } = await killed()
    for (const path of disk.paths().filter((name) => !name.startsWith('spare/'))) {
      const fork = disk.fork()
      const refusing = refusingDisk(fork, (name) => name === path)
      expect(await findings(refusing), path).toContainEqual(
        expect.objectContaining({ file: path, offset: 0, reason: expect.stringContaining('EIO') }),
      )
      const seen = await opened(refusing, 2)
      const gone = missing(seen, stored)
      expect(gone.length, path).toBeLessThan(SEGMENT_BYTES / PAGE_BYTES)
      await seen.log.close()
      const mended = await opened(fork, 3)
      expect(missing(mended, stored), path).toEqual([])
      fork.halt()
    }
  })

  it('takes nothing for a torn tail that may be the last commit, and stores nothing on top, as it may have changed the metadata', async () => {
    const { log, disk } = await openHarness()
    await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
    await log.append([part(1, 'first')], NO_DEADLINE)
    const [last] = await log.append([part(1, 'last')], NO_DEADLINE)
    // Before the seal, which would prove it.
    const left = disk.crash('all-lost', seededRandom(1))
    disk.halt()
    const bytes = left.peek('log/0000000001.seg')
    const page = bytes.findLastIndex((byte) => byte !== 0)
    const refusing = refusingDisk(
      left,
      (path, offset) => path === 'log/0000000001.seg' && offset === page - (page % PAGE_BYTES),
    )
    const found = await findings(refusing)
    const commit = last?.runs[0]?.commit ?? 0
    expect(found).toContainEqual(expect.objectContaining({ commits: { from: commit, to: commit } }))

    for (const seed of [2, 3]) {
      const seen = await opened(refusing, seed)
      expect(seen.texts.get(1)?.[0]).toBe('first')
      expect(seen.told).toContain(1)
      expect(seen.health).toMatchObject({ writable: false, reason: expect.stringContaining('metadata may be lost') })
      const [next] = await seen.log.append([part(1, `behind ${seed}`)], NO_DEADLINE)
      expect(next?.failure).toBe('unavailable')
      await seen.log.close()
    }
    const seen = await opened(left, 4)
    expect(seen.texts.get(1)).toEqual(['first', 'last'])
    expect(seen.health).toEqual({ writable: true, damage: [] })
    await seen.log.close()
  })

  it('stores nothing on top of a last segment of which nothing can be read, and changes no file of it', async () => {
    const { disk } = await killed()
    const path = lastUsed(disk)
    const before = disk.peek(path).slice()
    const seen = await opened(
      refusingDisk(disk, (name) => name === path),
      2,
    )
    expect(seen.health).toMatchObject({ writable: false, reason: expect.stringContaining('metadata may be lost') })
    const [refused] = await seen.log.append([part(1, 'more')], NO_DEADLINE)
    expect(refused?.failure).toBe('unavailable')
    await seen.log.close()
    expect(Buffer.compare(disk.peek(path), before)).toBe(0)
    const mended = await opened(disk, 3)
    expect(mended.health).toEqual({ writable: true, damage: [] })
    await mended.log.close()
  })
})

describe('a backup of a log whose drive refuses reads', () => {
  const copying = { clock: systemClock, signal: new AbortController().signal, onProgress() {} }

  async function backedUp(source: Disk, destination: Disk): Promise<TakenBackup> {
    const pace = { bytesPerSecond: Number.POSITIVE_INFINITY, keep: undefined }
    return await takeBackup({ ...copying, ...pace, source, held: await holdStopped(source), extras: [], destination })
  }

  it('has all that can be read and names what cannot; what is restored tells it, and the next backup tries again', async () => {
    const { disk, stored } = await killed()
    let lost = 0
    for (const path of disk.paths().filter((name) => !name.startsWith('spare/'))) {
      for (let page = 0; page < disk.peek(path).length; page += PAGE_BYTES) {
        const isUsed = disk
          .peek(path)
          .subarray(page, page + PAGE_BYTES)
          .some((byte) => byte !== 0)
        if (!isUsed) continue
        const place = `${path} at ${page}`
        const backup = new SimulatedDisk({ random: seededRandom(2) })
        const target = new SimulatedDisk({ random: seededRandom(3) })
        const taken = await backedUp(
          refusingDisk(disk, (name, offset) => name === path && offset === page),
          backup,
        )
        const restored = await restoreBackup({ ...copying, backup, target, random: seededRandom(4), point: undefined })
        // Whatever else cannot be read is built again.
        const isSegment = path.endsWith('.seg')
        if (isSegment) {
          const told = `${path}: the drive refused to read the page at offset ${page} (EIO)`
          for (const { damage } of [taken, restored])
            expect(damage, place).toContainEqual(expect.stringContaining(told))
        }
        for (const seed of [5, 6]) {
          const seen = await opened(target, seed)
          const gone = missing(seen, stored)
          expect(gone.length, place).toBeLessThanOrEqual(isSegment ? 1 : 0)
          lost += gone.length
          await seen.log.close()
        }
        // The drive reads it again.
        expect(await backedUp(disk, backup)).toMatchObject({ damage: [] })
        const mended = new SimulatedDisk({ random: seededRandom(3) })
        await restoreBackup({ ...copying, backup, target: mended, random: seededRandom(4), point: undefined })
        const seen = await opened(mended, 7)
        expect(missing(seen, stored), place).toEqual([])
        expect(seen.health).toEqual({ writable: true, damage: [] })
        await seen.log.close()
      }
    }
    expect(lost).toBeGreaterThan(10)
  })

  it('is taken without a file that is refused as a whole, and what is restored tells it', async () => {
    const { disk, stored } = await killed()
    for (const path of disk.paths().filter((name) => /^log\/\d+\.seg$/.test(name))) {
      if (!disk.peek(path).some((byte) => byte !== 0)) continue
      const backup = new SimulatedDisk({ random: seededRandom(2) })
      const target = new SimulatedDisk({ random: seededRandom(3) })
      const taken = await backedUp(
        refusingDisk(disk, (name) => name === path),
        backup,
      )
      if (path === lastUsed(disk)) expect(taken.damage).toEqual([expect.stringContaining('metadata may be lost')])
      await restoreBackup({ ...copying, backup, target, random: seededRandom(4), point: undefined })
      const seen = await opened(target, 5)
      expect(missing(seen, stored).length, path).toBeGreaterThan(0)
      await seen.log.close()
    }
  })
})
