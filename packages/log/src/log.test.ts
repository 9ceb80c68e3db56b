import { SimulatedDisk } from './testing/simulated-disk.ts'
import { seededRandom, type VirtualClock } from '@millrace/std/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLog } from './check.ts'
import type { Finding } from './findings.ts'
import { type Inspected, inspectLog } from './inspect.ts'
import { crc32 } from './format/crc32.ts'
import { Log } from './log.ts'
import { comparePositions, POSITION_START } from './position.ts'
import {
  ListMetadata,
  NO_DEADLINE,
  openHarness,
  part,
  readAll,
  SMALL_SEGMENT_BYTES,
  textOf,
} from './testing/log-harness.ts'

const OPEN_1_2 = [
  { ledger: 1, notBeforeMs: 0 },
  { ledger: 2, notBeforeMs: 0 },
]
const READ = { recordsMax: 100, bytesMax: 1 << 20, visibleFromMs: 0, ...NO_DEADLINE }

/** One record of about a kibibyte, different each time. */
function kibibyte(ledger: number, seed: number): ReturnType<typeof part> {
  return part(ledger, `${seed};`.repeat(1_024 / `${seed};`.length))
}

/** Lets what waits on the simulated disk and its promises go on, without time passing. */
async function turns(count = 50): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Lets time pass in small steps until `isDone`. */
async function until(clock: VirtualClock, isDone: () => boolean): Promise<void> {
  for (let step = 0; step < 500 && !isDone(); step++) {
    clock.advance(50)
    await turns(10)
  }
  expect(isDone()).toBe(true)
}

describe('appending and reading', () => {
  it('gives back what was appended, at the positions it told; parts that meet share a commit', async () => {
    const { log } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const [a, b] = await Promise.all([
      log.append([part(1, 'one,', 2), part(2, 'two,')], NO_DEADLINE),
      log.append([part(1, 'three,', 3)], NO_DEADLINE),
    ])
    expect(a.map(({ failure }) => failure)).toEqual([undefined, undefined])
    const commit = a[0]?.runs[0]?.commit
    expect(b).toEqual([{ runs: [{ commit, firstIndex: 2, count: 3, timeMs: expect.any(Number) as number }] }])
    const frames = await readAll(log, 1)
    expect(frames.map(({ records }) => records)).toEqual([5])
    expect(textOf(frames)).toBe('one,three,')
    expect(textOf(await readAll(log, 2))).toBe('two,')
    await log.close()
  })

  it('leaves what it lent as it is, however much is appended behind it', async () => {
    const { log } = await openHarness({ segmentBytes: 1 << 20, tailBytesMax: 256 * 1024 })
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const payload = (i: number): string => String.fromCharCode(97 + (i % 26)).repeat(60_000)
    const lent: (readonly [expected: string, bytes: Uint8Array])[] = []
    for (let i = 0; i < 40; i++) {
      const from = log.bounds(1).end
      await log.append([part(1, payload(i))], NO_DEADLINE)
      if (i % 3 > 0) continue
      const { frames } = await log.read(1, from, READ)
      lent.push(...frames.map(({ bytes }) => [payload(i), bytes] as const))
    }
    expect(lent).toHaveLength(14)
    for (const [expected, bytes] of lent) expect(Buffer.from(bytes).toString()).toBe(expected)
    expect(textOf(await readAll(log, 1))).toBe(Array.from({ length: 40 }, (_, i) => payload(i)).join(''))
    await log.close()
  })

  it('answers at the tail at once, without a promise', async () => {
    const { log } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    await log.append([part(1, 'now')], NO_DEADLINE)
    const result = log.read(1, POSITION_START, READ)
    expect(result).not.toBeInstanceOf(Promise)
    expect(log.read(1, log.bounds(1).end, READ)).toMatchObject({ frames: [], atTip: true, ended: false })
    await log.close()
  })

  it('wakes listeners before the appends settle, with what may already be read', async () => {
    const { log } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const events: string[] = []
    const listening = log.onAdvance((ledgers) => {
      const result = log.read(1, POSITION_START, READ)
      if (!(result instanceof Promise)) events.push(`${ledgers.join()} ${textOf(result.frames)}`)
    })
    await log.append([part(1, 'seen')], NO_DEADLINE).then(() => events.push('settled'))
    listening[Symbol.dispose]()
    await log.append([part(1, 'unseen')], NO_DEADLINE)
    expect(events).toEqual(['1 seen', 'settled'])
    await log.close()
  })

  it('a listener that throws harms nobody: appends settle, others are told, and the log goes on', async () => {
    const { log } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const told: string[] = []
    log.onAdvance(() => {
      throw new Error('a listener of ours is wrong')
    })
    log.onAdvance((ledgers) => void told.push(ledgers.join()))
    for (const ledger of [1, 2]) {
      const [result] = await log.append([part(ledger, 'kept')], NO_DEADLINE)
      expect(result?.failure).toBeUndefined()
    }
    expect(told).toEqual(['1', '2'])
    await log.close()
  })

  it('a change that cannot be applied stops the log, and nobody in its commit waits for ever', async () => {
    const { log, metadata } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    metadata.apply = () => {
      throw new Error('the machine is wrong')
    }
    const [change, appended] = await Promise.allSettled([
      log.appendMetadata(new Uint8Array(1), NO_DEADLINE),
      log.append([part(1, 'beside it')], NO_DEADLINE),
    ])
    expect(change.status).toBe('rejected')
    expect(appended).toMatchObject({ value: [{ failure: 'unknown' }] })
    expect(log.health().writable).toBe(false)
    await log.close()
  })

  it('reads the same in any pieces, from any position, from memory or from files', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ ledger: fc.constantFrom(1, 2), records: fc.integer({ min: 1, max: 9 }) }), {
          minLength: 1,
          maxLength: 60,
        }),
        fc.constantFrom(0, 20_000, 1 << 24),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9_000 }),
        async (appends, tailBytesMax, recordsMax, bytesMax) => {
          const { log, clock } = await openHarness({ tailBytesMax })
          await log.openLedgers(OPEN_1_2, NO_DEADLINE)
          const stored = new Map<number, { position: number[]; text: string; timeMs: number }[]>([
            [1, []],
            [2, []],
          ])
          for (const [order, { ledger, records }] of appends.entries()) {
            clock.advance(order % 3)
            const text = `${order};`.repeat(300)
            const [result] = await log.append([part(ledger, text, records)], NO_DEADLINE)
            const run = result?.runs[0]
            stored.get(ledger)?.push({ position: [run?.commit ?? 0, records], text, timeMs: run?.timeMs ?? 0 })
          }
          for (const [ledger, expected] of stored) {
            const frames = await readAll(log, ledger, { recordsMax, bytesMax })
            expect(frames.map(({ commit, records }) => [commit, records])).toEqual(expected.map((e) => e.position))
            expect(textOf(frames)).toBe(expected.map((e) => e.text).join(''))
            for (const { position, timeMs } of expected) {
              const from = { commit: position[0] ?? 0, index: (position[1] ?? 1) - 1 }
              const [first] = await readAll(log, ledger, { from, recordsMax })
              expect(first?.commit).toBe(from.commit)
              const sought = await log.seekTime(ledger, timeMs)
              expect(sought.commit).toBe(expected.find((e) => e.timeMs >= timeMs)?.position[0])
            }
            const { end, endTimeMs } = log.bounds(ledger)
            expect(await log.seekTime(ledger, endTimeMs + 1)).toEqual(end)
          }
          await log.close()
        },
      ),
      { numRuns: 25 },
    )
  })

  it('never lets times fall within a ledger, whatever the clock does', async () => {
    const { log, clock } = await openHarness()
    await log.openLedgers([{ ledger: 1, notBeforeMs: clock.now() + 5_000 }], NO_DEADLINE)
    const times: number[] = []
    for (const step of [0, 10_000, -60_000, 3, 120_000]) {
      clock.stepWall(step)
      const [result] = await log.append([part(1, 'x')], NO_DEADLINE)
      times.push(result?.runs[0]?.timeMs ?? 0)
    }
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times[0]).toBe(1_700_000_005_000)
    await log.close()
  })
})

describe('opening again', () => {
  it('finds everything as it was, over many segments', async () => {
    const first = await openHarness()
    const { log, disk, clock } = first
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    for (let i = 0; i < 120; i++) {
      clock.advance(1)
      await log.append([kibibyte(1, i)], NO_DEADLINE)
      if (i % 10 === 0) await log.appendMetadata(new TextEncoder().encode(`m${i}`), NO_DEADLINE)
    }
    const before = { text: textOf(await readAll(log, 1)), bounds: log.bounds(1), changes: first.metadata.changes }
    expect(log.statistics().segments).toBeGreaterThan(5)
    expect(before.changes).toHaveLength(12)
    await log.close()
    expect(disk.openFiles).toBe(0)
    const again = await openHarness({ disk, clock, seed: 2 })
    expect(again.log.health()).toEqual({ writable: true, damage: [] })
    const after = { text: textOf(await readAll(again.log, 1)), bounds: again.log.bounds(1) }
    expect({ ...after, changes: again.metadata.changes }).toEqual(before)
    await again.log.close()
  })

  it('builds missing and wrong indexes again, and finds the same', async () => {
    const { log, disk, clock } = await openHarness({ tailBytesMax: 0 })
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    for (let i = 0; i < 80; i++) await log.append([kibibyte(1 + (i % 2), i)], NO_DEADLINE)
    const before = textOf(await readAll(log, 2))
    await log.close()
    const indexes = disk.paths().filter((path) => path.endsWith('.idx'))
    expect(indexes.length).toBeGreaterThan(3)
    for (const [order, path] of indexes.entries()) {
      const bytes = disk.peek(path)
      if (order === 0) await disk.remove(path)
      else disk.poke(path, bytes.fill(order, bytes.length - 4_000 * order, bytes.length - 4_000 * order + 50))
    }
    const again = await openHarness({ disk, clock, tailBytesMax: 0, seed: 2 })
    expect(textOf(await readAll(again.log, 2))).toBe(before)
    await again.log.close()
  })

  it('refuses a later format by the file’s name, and a file of another log', async () => {
    const { log, disk, clock } = await openHarness()
    await log.close()
    const options = { clock, random: seededRandom(9), metadata: new ListMetadata(), durability: 'fsync' } as const
    const other = await openHarness({ seed: 77 })
    await other.log.close()
    const mixed = disk.fork()
    mixed.poke('log/0000000002.seg', renumbered(other.disk.peek('log/0000000001.seg')))
    await expect(Log.open({ ...options, disk: mixed })).rejects.toMatchObject({
      code: 'foreign-file',
      message: expect.stringContaining('log/0000000002.seg') as string,
    })
    const newer = disk.fork()
    const page = newer.peek('log/0000000001.seg')
    page[8] = 9
    newer.poke('log/0000000001.seg', resealed(page))
    await expect(Log.open({ ...options, disk: newer })).rejects.toMatchObject({
      code: 'newer-version',
      message: expect.stringContaining('log/0000000001.seg: this segment has format version 9') as string,
    })
  })
})

describe('closing, dropping, trimming', () => {
  it('closes for ever: the same end each time, appends before are decided, later ones refused', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const before = log.append([part(1, 'before', 4)], NO_DEADLINE)
    const closing = log.closeLedgers([1], NO_DEADLINE)
    const after = log.append([part(1, 'after'), part(2, 'other')], NO_DEADLINE)
    const [stored, [closed], refused] = await Promise.all([before, closing, after])
    expect(closed?.end).toEqual({ commit: stored[0]?.runs[0]?.commit, index: 4 })
    expect(refused.map(({ failure }) => failure)).toEqual(['closed', undefined])
    expect(await log.closeLedgers([1], NO_DEADLINE)).toEqual([closed])
    expect(log.read(1, POSITION_START, READ)).toMatchObject({ ended: true, next: closed?.end })
    await log.close()
    const again = await openHarness({ disk, clock, seed: 2 })
    expect(await again.log.closeLedgers([1], NO_DEADLINE)).toEqual([closed])
    expect([again.log.stateOf(1), again.log.stateOf(2), again.log.stateOf(3)]).toEqual(['closed', 'open', undefined])
    await again.log.close()
  })

  it('forgets dropped ledgers, and says so of what is still asked', async () => {
    const { log } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    await log.append([part(1, 'gone')], NO_DEADLINE)
    await log.dropLedgers([1, 1_000], NO_DEADLINE)
    await log.dropLedgers([1], NO_DEADLINE)
    expect(() => log.read(1, POSITION_START, READ)).toThrow('ledger 1 was never opened, or was dropped')
    expect(await log.append([part(1, 'x')], NO_DEADLINE)).toEqual([{ runs: [], failure: 'closed' }])
    await log.close()
  })

  it('hides what is trimmed at once, and gives the space back: segments are used again', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    for (let i = 0; i < 100; i++) {
      clock.advance(10)
      await log.append([kibibyte(1, i)], NO_DEADLINE)
    }
    const segments = log.statistics().segments
    clock.advance(10)
    const [last] = await log.append([part(1, 'kept')], NO_DEADLINE)
    const beforeMs = last?.runs[0]?.timeMs ?? 0
    await log.trim([{ ledger: 1, beforeMs }])
    expect(textOf(await readAll(log, 1))).toBe('kept')
    expect(await log.seekTime(1, 0)).toEqual({ commit: last?.runs[0]?.commit, index: 0 })
    await until(clock, () => log.statistics().segments < segments - 3)
    for (let i = 0; i < 60; i++) await log.append([kibibyte(1, i)], NO_DEADLINE)
    expect(textOf(await readAll(log, 1)).startsWith('kept')).toBe(true)
    await log.close()
    const findings: Finding[] = []
    for await (const finding of checkLog(disk)) findings.push(finding)
    expect(findings).toEqual([])
    const again = await openHarness({ disk, clock, seed: 2 })
    expect(again.log.health().damage).toEqual([])
    expect(textOf(await readAll(again.log, 1)).startsWith('kept')).toBe(true)
    await again.log.close()
  })
})

describe('bounds', () => {
  it('refuses appends above the queue’s bytes, and tells when there is room', async () => {
    const { log, disk } = await openHarness({ queueBytesMax: 4_096 })
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const first = log.append([kibibyte(1, 1), kibibyte(1, 2)], NO_DEADLINE)
    const second = log.append([kibibyte(1, 3), kibibyte(2, 4)], NO_DEADLINE)
    expect(log.room()).toBeLessThan(2_048)
    expect(await second).toEqual([
      { runs: [], failure: 'overloaded' },
      { runs: [], failure: 'overloaded' },
    ])
    const waiting = log.whenRoom(4_096, AbortSignal.timeout(10_000))
    expect((await first).every(({ failure }) => failure === undefined)).toBe(true)
    await waiting
    expect(log.room()).toBe(4_096)
    await log.close()
    expect(disk.openFiles).toBe(0)
  })

  it('settles at the deadline with unknown, whether in flight or still waiting', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const deadline = { deadlineMs: clock.monotonic() + 100 }
    disk.halt()
    const asked = [log.append([part(1, 'a')], deadline), log.append([part(1, 'b')], deadline)]
    const closing = log.closeLedgers([2], deadline).catch((error: unknown) => error)
    await turns()
    const late = log.append([part(1, 'c')], deadline)
    clock.advance(101)
    const unknown = [{ runs: [], failure: 'unknown' }]
    expect(await Promise.all([...asked, late])).toEqual([unknown, unknown, unknown])
    expect(await closing).toMatchObject({ code: 'unknown' })
  })

  it('refuses records when the disk is full, takes metadata and drops, and goes on when there is space', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(5), capacityBytes: 8 * SMALL_SEGMENT_BYTES })
    const { log, clock } = await openHarness({ disk, freeBytesMin: 2 * SMALL_SEGMENT_BYTES })
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    let failure: string | undefined
    for (let i = 0; i < 500 && failure === undefined; i++) {
      const [result] = await log.append([kibibyte(1, i)], NO_DEADLINE)
      failure = result?.failure
    }
    expect(failure).toBe('no-space')
    expect(log.health()).toMatchObject({ writable: false, reason: expect.stringContaining('no space') as string })
    await log.appendMetadata(new TextEncoder().encode('still'), NO_DEADLINE)
    await log.dropLedgers([1], NO_DEADLINE)
    await until(clock, () => log.health().writable)
    expect((await log.append([part(2, 'again')], NO_DEADLINE))[0]?.failure).toBeUndefined()
    await log.close()
  })

  it('opens under a bound that it has passed already: reads, refuses records, and goes on when there is room', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    for (let i = 0; i < 200; i++) await log.append([kibibyte(1, i)], NO_DEADLINE)
    await log.close()
    const again = await openHarness({ disk, clock, seed: 2, bytesMax: 4 * SMALL_SEGMENT_BYTES })
    expect(await readAll(again.log, 1)).toHaveLength(200)
    let failure: string | undefined
    for (let i = 0; i < 100 && failure === undefined; i++) {
      failure = (await again.log.append([kibibyte(2, i)], NO_DEADLINE))[0]?.failure
    }
    expect(failure).toBe('no-space')
    await again.log.dropLedgers([1], NO_DEADLINE)
    await until(clock, () => again.log.health().writable)
    expect((await again.log.append([part(2, 'again')], NO_DEADLINE))[0]?.failure).toBeUndefined()
    await again.log.close()
  })
})

describe('faults', () => {
  it('stops writing when a sync fails: unknown, then unavailable; what is durable is read on', async () => {
    const stopped: string[] = []
    const { log, disk } = await openHarness({ onStopped: (reason) => stopped.push(reason) })
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    await log.append([part(1, 'durable')], NO_DEADLINE)
    disk.faults = ({ kind, path }) => (kind === 'sync' && path.endsWith('.seg') ? { code: 'EIO' } : undefined)
    expect(await log.append([part(1, 'lost?')], NO_DEADLINE)).toEqual([{ runs: [], failure: 'unknown' }])
    disk.faults = undefined
    expect(await log.append([part(1, 'late')], NO_DEADLINE)).toEqual([{ runs: [], failure: 'unavailable' }])
    await expect(log.appendMetadata(new Uint8Array(1), NO_DEADLINE)).rejects.toMatchObject({ code: 'unavailable' })
    expect(log.health()).toMatchObject({ writable: false, reason: expect.stringContaining('EIO') as string })
    expect(textOf(await readAll(log, 1))).toBe('durable')
    expect(stopped).toEqual([expect.stringContaining('EIO')])
    await log.close()
    expect(disk.openFiles).toBe(0)
  })

  it('a start that fails behind its recovery lets go of all files', async () => {
    const { log, disk } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    await log.close()
    disk.faults = ({ kind, path }) => (kind === 'list' && path === 'spare' ? { code: 'EMFILE' } : undefined)
    await expect(openHarness({ disk, seed: 2 })).rejects.toThrow('EMFILE')
    expect(disk.openFiles).toBe(0)
  })

  it('a directory whose names cannot be synced does not fill with spares', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    disk.faults = ({ kind, path }) => (kind === 'syncDirectory' && path === 'spare' ? { code: 'EIO' } : undefined)
    const append = log.append([kibibyte(1, 1)], { deadlineMs: clock.monotonic() + 60_000 })
    for (let i = 0; i < 50; i++) await log.append([kibibyte(1, i)], { deadlineMs: clock.monotonic() + 60_000 })
    await append
    for (let second = 0; second < 20; second++) {
      clock.advance(1_001)
      await turns()
    }
    const { segments, spares } = log.statistics()
    expect(disk.paths().filter((path) => path.endsWith('.seg')).length).toBeLessThanOrEqual(segments + spares + 1)
    disk.faults = undefined
    await log.close()
  })

  it('a snapshot that an opening counts on stays, whatever happened to the process that wrote it', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    await log.append([kibibyte(1, 1)], NO_DEADLINE)
    let killed: SimulatedDisk | undefined
    disk.onOperation = ({ kind, path }) => {
      if (kind === 'syncDirectory' && path === 'meta') killed = disk.crash('kill', seededRandom(1))
    }
    await log.close()
    expect(killed).toBeDefined()
    const again = await openHarness({ disk: killed as SimulatedDisk, clock, seed: 2 })
    const left = again.disk.crash('all-lost', seededRandom(3))
    expect(left.paths()).toContainEqual(expect.stringMatching(/\.snap$/))
    again.disk.halt()
  })

  it('a disk that neither takes spares nor lets go of them does not fill; mended, it goes on', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    disk.faults = ({ kind, path }) =>
      path.startsWith('spare/') && (kind === 'write' || kind === 'remove') ? { code: 'EIO' } : undefined
    for (let i = 0; i < 50; i++) await log.append([kibibyte(1, i)], { deadlineMs: clock.monotonic() + 60_000 })
    for (let second = 0; second < 20; second++) {
      clock.advance(1_001)
      await turns()
    }
    const spares = (): readonly string[] => disk.paths().filter((path) => path.startsWith('spare/'))
    expect(spares()).toHaveLength(1)
    expect(log.health()).toMatchObject({ writable: false, reason: expect.stringContaining('EIO') })
    disk.faults = undefined
    await until(clock, () => log.health().writable)
    expect(log.health()).toEqual({ writable: true, damage: [] })
    expect(spares()).toHaveLength(log.statistics().spares)
    await log.close()
  })

  it('no file to be had for an index is no damage: the read fails, and the next one succeeds', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    for (let i = 0; i < 60; i++) await log.append([kibibyte(1, i)], NO_DEADLINE)
    await log.close()
    const again = await openHarness({ disk, clock, seed: 2 })
    disk.faults = ({ kind, path }) => (kind === 'open' && path.endsWith('.idx') ? { code: 'EMFILE' } : undefined)
    await expect(again.log.read(1, POSITION_START, READ)).rejects.toMatchObject({ code: 'unavailable' })
    disk.faults = undefined
    expect(await readAll(again.log, 1)).toHaveLength(60)
    expect(again.log.health()).toEqual({ writable: true, damage: [] })
    await again.log.close()
  })

  it('names rotten records, refuses exactly those, and reads on behind them', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const commits: number[] = []
    for (const text of ['first', 'second', 'third']) {
      const [result] = await log.append([part(1, text)], NO_DEADLINE)
      commits.push(result?.runs[0]?.commit ?? 0)
    }
    await log.close()
    const path = 'log/0000000001.seg'
    const bytes = disk.peek(path)
    const at = Buffer.from(bytes).indexOf('second')
    disk.poke(path, bytes.fill(0, at, at + 1))
    const findings: Finding[] = []
    for await (const finding of checkLog(disk)) findings.push(finding)
    const range = { from: { commit: commits[1], index: 0 }, to: { commit: commits[1], index: 1 } }
    const place = { commit: commits[1], index: 0 }
    const ledgers = [{ ledger: 1, isCertain: true, first: expect.objectContaining(place), last: expect.anything() }]
    expect(findings).toEqual([{ file: path, offset: at, ledgers, reason: 'records fail their checksum' }])
    const again = await openHarness({ disk, clock, seed: 2 })
    const result = await again.log.read(1, POSITION_START, READ)
    expect(textOf(result.frames)).toBe('first')
    expect(result.damaged).toMatchObject(range)
    expect(result.damaged?.reason).toContain(`${path}: at offset ${at}`)
    const to = result.damaged?.to ?? POSITION_START
    expect(textOf(await readAll(again.log, 1, { from: to }))).toBe('third')
    expect(again.log.health().damage).toHaveLength(2)
    await again.log.close()
  })

  it('tells whose records a lost commit held, and keeps telling after more was written and sealed', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    const [first] = await log.append([part(1, 'first'), part(2, 'other')], NO_DEADLINE)
    const [second] = await log.append([part(1, 'second')], NO_DEADLINE)
    await log.append([part(1, 'third'), part(2, 'more')], NO_DEADLINE)
    await log.close()
    const path = 'log/0000000001.seg'
    const bytes = disk.peek(path)
    const page = Buffer.from(bytes).indexOf('second') & ~4_095
    disk.poke(path, bytes.fill(0, page, page + 4_096))
    const commit = second?.runs[0]?.commit ?? 0
    for (let life = 2; life < 5; life++) {
      const again = await openHarness({ disk, clock, seed: life })
      const result = await again.log.read(1, POSITION_START, READ)
      expect(textOf(result.frames)).toBe('first')
      expect(result.damaged?.to).toEqual({ commit: commit + 1, index: 0 })
      expect(
        comparePositions(result.damaged?.from ?? POSITION_START, { commit: first?.runs[0]?.commit ?? 0, index: 1 }),
      ).toBe(1)
      expect(textOf(await readAll(again.log, 2)).startsWith('othermore')).toBe(true)
      for (let i = 0; i < 30; i++) await again.log.append([kibibyte(2, i)], NO_DEADLINE)
      await again.log.close()
    }
  })

  it('keeps the records of a ledger whose opening is lost', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers([{ ledger: 1, notBeforeMs: 0 }], NO_DEADLINE)
    await log.openLedgers([{ ledger: 2, notBeforeMs: 0 }], NO_DEADLINE)
    const [stored] = await log.append([part(1, 'one'), part(2, 'two')], NO_DEADLINE)
    const killed = disk.crash('kill')
    const path = 'log/0000000001.seg'
    // A header, the commit of this opening, ledger 1's, ledger 2's.
    killed.poke(path, killed.peek(path).fill(0, 3 * 4_096, 4 * 4_096))
    const again = await openHarness({ disk: killed, clock, seed: 2 })
    expect(textOf(await readAll(again.log, 1))).toBe('one')
    const { damaged } = await again.log.read(2, POSITION_START, READ)
    expect(damaged?.to.commit).toBe(stored?.runs[0]?.commit)
    const frames = await readAll(again.log, 2, { from: damaged?.to ?? POSITION_START })
    expect(textOf(frames)).toBe('two')
    await again.log.close()
  })

  it('seals an idle log after 5 ms, so that damage to its end is told from a torn tail', async () => {
    const { log, disk, clock } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    await log.append([part(1, 'last')], NO_DEADLINE)
    clock.advance(6)
    await turns()
    const killed = disk.crash('all-lost')
    const path = 'log/0000000001.seg'
    const bytes = killed.peek(path)
    const at = Buffer.from(bytes).indexOf('last')
    killed.poke(path, bytes.fill(0, at & ~4_095, (at & ~4_095) + 4_096))
    const again = await openHarness({ disk: killed, clock, seed: 2 })
    expect(again.log.health().damage).toHaveLength(1)
    expect((await again.log.read(1, POSITION_START, READ)).damaged).toBeDefined()
    await again.log.close()
  })
})

describe('inspectLog', () => {
  it('shows segments, commits and where they end', async () => {
    const { log, disk } = await openHarness()
    await log.openLedgers(OPEN_1_2, NO_DEADLINE)
    await log.append([part(1, 'shown')], NO_DEADLINE)
    await log.close()
    const seen: Inspected[] = []
    for await (const item of inspectLog(disk)) seen.push(item)
    expect(seen.map(({ kind }) => kind)).toEqual(['segment', 'commit', 'commit', 'commit', 'commit', 'end'])
    expect(seen[3]).toMatchObject({ frames: [{ ledger: 1, records: 1, payloadBytes: 5 }], bad: [] })
  })
})

/** A segment under another number, its header sealed again. */
function renumbered(segment: Uint8Array): Uint8Array {
  segment[52] = 2
  return resealed(segment)
}

function resealed(segment: Uint8Array): Uint8Array {
  new DataView(segment.buffer, segment.byteOffset).setUint32(4_092, crc32(segment, 0, 4_092), true)
  return segment
}
