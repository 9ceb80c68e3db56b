/** What a log does with the last of the space, and how it comes back from there by itself. */
import { seededRandom, type VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { KIB, MIB } from './limits.ts'
import type { Log } from './log.ts'
import { indexPath } from './segment.ts'
import { NO_DEADLINE, openHarness, part } from './testing/log-harness.ts'
import { SimulatedDisk } from './testing/simulated-disk.ts'

const SEGMENT_BYTES = 2 * MIB
const RECORD_BYTES = 100 * KIB
/** The log looks for space every second; a few looks are enough. */
const BACK_MS = 5_000
const HOUR_MS = 3_600_000

const record = (ledger: number, bytes = RECORD_BYTES): ReturnType<typeof part> => part(ledger, '.'.repeat(bytes))

const opened = (...ledgers: readonly number[]) => ledgers.map((ledger) => ({ ledger, notBeforeMs: 0 }))

async function append(log: Log, ledger: number, bytes?: number): Promise<string | undefined> {
  return (await log.append([record(ledger, bytes)], NO_DEADLINE))[0]?.failure
}

/** Appends until there is no space; how often that went well. */
async function fill(log: Log, ledger: number): Promise<number> {
  for (let count = 0; ; count++) {
    const failure = await append(log, ledger)
    if (failure === undefined) continue
    expect(failure).toBe('no-space')
    return count
  }
}

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    clock.advance(50)
    await turns()
  }
}

/** Lets what waits for the disk go on. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function passUntil(clock: VirtualClock, mostMs: number, isDone: () => boolean): Promise<void> {
  for (let passedMs = 0; !isDone(); passedMs += 50) {
    if (passedMs > mostMs) throw new Error(`it did not happen in ${mostMs} ms`)
    await pass(clock, 50)
  }
}

/** By itself, within `BACK_MS`, and more than once: a few small files that went give some room, too. */
async function expectAppendsAgain(log: Log, clock: VirtualClock, ledger: number): Promise<void> {
  let stored = 0
  await passUntil(clock, BACK_MS, () => {
    void append(log, ledger).then((failure) => (stored += failure === undefined ? 1 : 0))
    return stored >= 10
  })
}

/** Also what it finds when it looks for space again. */
async function fillWholly(log: Log, clock: VirtualClock, ledger: number): Promise<void> {
  do await pass(clock, 2_500)
  while ((await fill(log, ledger)) > 0)
}

/** Somebody else does. */
async function takeTheRest(disk: SimulatedDisk): Promise<void> {
  disk.capacityBytes = (disk.capacityBytes ?? 0) - (await disk.freeBytes())
}

const hasIndexes = (disk: SimulatedDisk, count: number): boolean =>
  disk.paths().filter((path) => path.endsWith('.idx')).length === count

async function appendUntilSegments(log: Log, ledger: number, segments: number): Promise<void> {
  while (log.statistics().segments < segments) expect(await append(log, ledger)).toBeUndefined()
}

describe('a full disk', () => {
  it('leaves free what is to stay free: what a begun segment has not taken yet is taken', async () => {
    const [capacityBytes, freeBytesMin] = [32 * MIB, 4 * MIB]
    const disk = new SimulatedDisk({ random: seededRandom(1), capacityBytes })
    const { log, clock } = await openHarness({ disk, segmentBytes: SEGMENT_BYTES, freeBytesMin })
    await log.openLedgers(opened(1), NO_DEADLINE)
    await fill(log, 1)
    // All that is begun gets its zeros.
    await pass(clock, 5_000)
    // Less a few small files: indexes and snapshots.
    expect(await disk.freeBytes()).toBeGreaterThan(freeBytesMin - 64 * KIB)
    await log.close()
  })

  it('takes a segment that was given back, also when there is no space for zeros in the active one', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(2), capacityBytes: 128 * MIB })
    // So large, and filled so fast, that the active one is begun with a part of its zeros.
    const { log, clock } = await openHarness({ disk, segmentBytes: 12 * MIB, freeBytesMin: 0 })
    await log.openLedgers(opened(1, 2), NO_DEADLINE)
    await appendUntilSegments(log, 1, 3)
    await appendUntilSegments(log, 2, 4)
    while (!hasIndexes(disk, 3)) await turns()
    await takeTheRest(disk)
    await fillWholly(log, clock, 2)
    expect(log.statistics()).toMatchObject({ segments: 4, spares: 0 })
    await log.dropLedgers([1], NO_DEADLINE)
    await expectAppendsAgain(log, clock, 2)
    await log.close()
  })

  it('gives back a segment of which nothing is left but that others were opened there', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(3), capacityBytes: 16 * MIB })
    const { log, clock } = await openHarness({ disk, segmentBytes: SEGMENT_BYTES, freeBytesMin: 4 * MIB })
    await log.openLedgers(opened(1, 2), NO_DEADLINE)
    await appendUntilSegments(log, 1, 2)
    await fillWholly(log, clock, 2)
    await log.dropLedgers([1], NO_DEADLINE)
    await expectAppendsAgain(log, clock, 2)
    await log.close()
  })

  it('gives back what it can when there is no space even for the index of a full segment', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(4), capacityBytes: 64 * MIB })
    const { log, clock } = await openHarness({ disk, segmentBytes: SEGMENT_BYTES, freeBytesMin: 0 })
    await log.openLedgers(opened(1, 2), NO_DEADLINE)
    await appendUntilSegments(log, 1, 3)
    await appendUntilSegments(log, 2, 4)
    await passUntil(clock, BACK_MS, () => hasIndexes(disk, 3))
    await takeTheRest(disk)
    // Into the one that was prepared: the index of the one before cannot be written.
    await fillWholly(log, clock, 2)
    expect(log.statistics().segments).toBeGreaterThan(4)
    await log.dropLedgers([1], NO_DEADLINE)
    await expectAppendsAgain(log, clock, 2)
    await log.close()
  })

  it('gives back what both snapshots cover, though there is no space for the one that the next needs', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(5), capacityBytes: 64 * MIB })
    const { log, clock } = await openHarness({ disk, segmentBytes: SEGMENT_BYTES, freeBytesMin: 0 })
    await log.openLedgers(opened(1, 2), NO_DEADLINE)
    for (const segments of [2, 3, 4]) {
      await appendUntilSegments(log, 1, segments)
      await passUntil(clock, BACK_MS, () => hasIndexes(disk, segments - 1))
    }
    // All that is begun gets its zeros.
    await pass(clock, BACK_MS)
    await takeTheRest(disk)
    await log.dropLedgers([1], NO_DEADLINE)
    await passUntil(clock, BACK_MS, () => log.statistics().segments === 1)
    await log.close()
  })
})

/** The disk is full, with the segments before full of ledger 1. */
async function fullOfOne(seed: number, others: readonly number[] = []) {
  const disk = new SimulatedDisk({ random: seededRandom(seed), capacityBytes: 16 * MIB })
  const options = { disk, segmentBytes: SEGMENT_BYTES, freeBytesMin: 4 * MIB }
  const { log, clock } = await openHarness(options)
  await log.openLedgers(opened(1, 2, 3, ...others), NO_DEADLINE)
  await appendUntilSegments(log, 1, 2)
  await fillToReserve(log, clock, 2)
  return { log, clock, disk, options }
}

/** The disk is full, and each of the segments before has records of ledgers 1 and 2; no page of an index stays in memory. */
async function fullOfTwo(seed: number) {
  const disk = new SimulatedDisk({ random: seededRandom(seed), capacityBytes: 16 * MIB })
  const options = { disk, segmentBytes: SEGMENT_BYTES, freeBytesMin: 4 * MIB, tailBytesMax: 0, indexCacheBytesMax: 0 }
  const { log, clock } = await openHarness(options)
  await log.openLedgers(opened(1, 2, 3), NO_DEADLINE)
  while (log.statistics().segments < 3) for (const ledger of [1, 2]) expect(await append(log, ledger)).toBeUndefined()
  clock.advance(1_000)
  await fillToReserve(log, clock, 3)
  return { log, clock, disk }
}

async function fillToReserve(log: Log, clock: VirtualClock, ledger: number): Promise<void> {
  await fillWholly(log, clock, ledger)
  while ((await append(log, ledger, 1)) === undefined);
}

/** What it comes to: `stored`, or the code of the error. */
const outcomeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'stored',
    (error: { readonly code: string }) => error.code,
  )

describe('the reserve of a full disk', () => {
  it('has room for a drop, whatever was asked for before, over a death', async () => {
    const { log, clock, disk, options } = await fullOfOne(8)
    const ask = async (asked: Log, round: number): Promise<readonly string[]> => {
      const outcomes = [
        await outcomeOf(asked.trim([{ ledger: 1 + (round % 3), beforeMs: 1 + round }])),
        await outcomeOf(asked.appendMetadata(new Uint8Array(10), NO_DEADLINE)),
        await outcomeOf(asked.openLedgers(opened(100 + round), NO_DEADLINE)),
      ]
      // Idle for long enough for a seal.
      await pass(clock, 50)
      return outcomes
    }
    for (let round = 0; round < 100; round++) await ask(log, round)
    const { commits } = log.statistics()
    expect(await ask(log, 100)).toEqual(['no-space', 'no-space', 'no-space'])
    expect(log.statistics().commits).toBe(commits)

    const died = disk.crash('kill', seededRandom(9))
    disk.halt()
    const next = await openHarness({ ...options, disk: died, clock })
    for (let round = 101; round < 200; round++) await ask(next.log, round)
    expect(await outcomeOf(next.log.appendMetadata(new Uint8Array(10), NO_DEADLINE))).toBe('no-space')
    const freesSpace = { ...NO_DEADLINE, freesSpace: 'soon' as const }
    expect(await outcomeOf(next.log.appendMetadata(new Uint8Array(10), freesSpace))).toBe('stored')
    expect(await outcomeOf(next.log.dropLedgers([1], NO_DEADLINE))).toBe('stored')
    await expectAppendsAgain(next.log, clock, 2)
    expect(await ask(next.log, 200)).toEqual(['stored', 'stored', 'stored'])
    await next.log.close()
  })

  it('is kept for what needs it when drops have taken all that they may: segments are given back', async () => {
    const small = Array.from({ length: 200 }, (_, i) => 100 + i)
    const { log, clock } = await fullOfOne(10, small)
    const hold = await log.hold()
    const outcomes: string[] = []
    for (const ledger of [1, ...small]) outcomes.push(await outcomeOf(log.dropLedgers([ledger], NO_DEADLINE)))
    expect([outcomes[0], outcomes.at(-1)]).toEqual(['stored', 'no-space'])
    hold.release()
    await expectAppendsAgain(log, clock, 2)
    await log.close()
  })

  it('is not used up by changes after which space may come back later: there is room for trims that have waited, and drops', async () => {
    const { log, clock } = await fullOfTwo(20)
    const change = (freesSpace: 'soon' | 'later'): Promise<string> =>
      outcomeOf(log.appendMetadata(new Uint8Array(10), { ...NO_DEADLINE, freesSpace }))
    let stored = 0
    while ((await outcomeOf(log.appendMetadata(new Uint8Array(10), NO_DEADLINE))) === 'stored');
    while ((await change('later')) === 'stored') stored++
    expect(stored).toBeGreaterThan(4)
    expect(stored).toBeLessThan(20)
    expect(await outcomeOf(log.trim([{ ledger: 3, beforeMs: 1 }]))).toBe('no-space')
    clock.advance(HOUR_MS)
    expect(await outcomeOf(log.trim([{ ledger: 3, beforeMs: 1 }]))).toBe('stored')
    expect(await change('soon')).toBe('stored')
    expect(await outcomeOf(log.dropLedgers([1, 2], NO_DEADLINE))).toBe('stored')
    await expectAppendsAgain(log, clock, 3)
    await log.close()
  })

  it('takes a trim when a segment comes back for it, and those that were refused before together with it', async () => {
    const { log, clock } = await fullOfTwo(11)
    const beforeMs = clock.now()
    const { commits } = log.statistics()
    // Each segment has records of both.
    expect(await outcomeOf(log.trim([{ ledger: 1, beforeMs }]))).toBe('no-space')
    expect(await outcomeOf(log.trim([{ ledger: 3, beforeMs: 1 }]))).toBe('no-space')
    expect(log.statistics().commits).toBe(commits)
    expect(await outcomeOf(log.trim([{ ledger: 2, beforeMs }]))).toBe('stored')
    await expectAppendsAgain(log, clock, 3)
    await log.close()
  })

  it('takes a trim for which no segment comes back after an hour: what it leaves is written elsewhere', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(15), capacityBytes: 20 * MIB })
    const options = { disk, segmentBytes: SEGMENT_BYTES, freeBytesMin: 4 * MIB, tailBytesMax: 64 * KIB }
    const { log, clock } = await openHarness(options)
    await log.openLedgers(opened(1, 2, 3), NO_DEADLINE)
    // Of each segment a tenth is kept for longer.
    while (log.statistics().segments < 4) {
      for (let i = 0; i < 10; i++) expect(await append(log, i === 0 ? 2 : 1)).toBeUndefined()
    }
    clock.advance(1_000)
    await fillToReserve(log, clock, 3)
    const floors = [1, 2, 3].map((ledger) => ({ ledger, beforeMs: 0, retentionMs: 8_760 * HOUR_MS }))
    await log.trim(floors)
    while ((await outcomeOf(log.appendMetadata(new Uint8Array(10), NO_DEADLINE))) === 'stored');
    const beforeMs = clock.now()
    const trim = (): Promise<string> => outcomeOf(log.trim([{ ledger: 1, beforeMs }]))
    expect(await trim()).toBe('no-space')
    clock.advance(HOUR_MS)
    expect(await trim()).toBe('stored')
    await expectAppendsAgain(log, clock, 3)
    await log.close()
  })

  it('forgets a refused trim when its ledger is to be kept for longer', async () => {
    const { log, clock } = await fullOfTwo(12)
    const beforeMs = clock.now()
    expect(await outcomeOf(log.trim([{ ledger: 1, beforeMs }]))).toBe('no-space')
    expect(await outcomeOf(log.trim([{ ledger: 1, beforeMs: 0 }]))).toBe('stored')
    expect(await outcomeOf(log.trim([{ ledger: 2, beforeMs }]))).toBe('no-space')
    await log.close()
  })

  it('takes a trim when a segment comes back for it, though the index of another cannot be read', async () => {
    const { log, clock, disk } = await fullOfTwo(16)
    const beforeMs = clock.now()
    disk.faults = ({ kind, path }) => (kind === 'read' && path === indexPath(1) ? { code: 'EIO' } : undefined)
    expect(await outcomeOf(log.trim([{ ledger: 1, beforeMs }]))).toBe('no-space')
    expect(await outcomeOf(log.trim([{ ledger: 2, beforeMs }]))).toBe('stored')
    await expectAppendsAgain(log, clock, 3)
    await log.close()
  })

  it('has an index built again that only the floors of trims lead to, which are not stored before', async () => {
    const { log, clock, disk } = await fullOfTwo(21)
    const beforeMs = clock.now()
    const rotten = disk.peek(indexPath(1)).slice()
    // The last page, that of the entries. What keeps the segment is known without it.
    rotten[rotten.length - 4_000] = (rotten[rotten.length - 4_000] ?? 0) ^ 1
    disk.poke(indexPath(1), rotten)
    expect(await outcomeOf(log.trim([{ ledger: 1, beforeMs }]))).toBe('no-space')
    expect(await outcomeOf(log.trim([{ ledger: 2, beforeMs: 1 }]))).toBe('no-space')
    await passUntil(clock, BACK_MS, () => !Buffer.from(disk.peek(indexPath(1))).equals(rotten))
    await log.close()
  })

  it('says that a trim is stored only where it is, though others take it along', async () => {
    const { log, clock } = await fullOfTwo(18)
    const beforeMs = clock.now()
    const { commits } = log.statistics()
    const stored: number[] = []
    const trim = async (ledger: number): Promise<void> => {
      if ((await outcomeOf(log.trim([{ ledger, beforeMs }]))) === 'stored') stored.push(log.statistics().commits)
    }
    await Promise.all([trim(1), trim(2)])
    expect(stored).toEqual([commits + 1])
    await log.close()
  })

  it('is nothing to wait for when the log is closed: a trim is told so, and reads nothing', async () => {
    const { log, clock, disk } = await fullOfTwo(19)
    await log.close()
    disk.onOperation = ({ kind, path }) => expect.unreachable(`${kind} of ${path}`)
    expect(await outcomeOf(log.trim([{ ledger: 1, beforeMs: clock.now() }]))).toBe('unavailable')
  })

  it('takes what was only waiting for others: a close behind appends that are refused', async () => {
    const { log } = await fullOfOne(13)
    const large = new Uint8Array(SEGMENT_BYTES / 2)
    const outcomes = await Promise.all([
      append(log, 2),
      outcomeOf(log.closeLedgers([2], NO_DEADLINE)),
      outcomeOf(log.appendMetadata(large, NO_DEADLINE)),
    ])
    expect(outcomes).toEqual(['no-space', 'stored', 'no-space'])
    await log.close()
  })

  it('and so it does when nothing else is asked for', async () => {
    const { log } = await fullOfOne(14)
    const outcomes: (string | undefined)[] = []
    void append(log, 2).then((failure) => outcomes.push(failure))
    void outcomeOf(log.closeLedgers([2], NO_DEADLINE)).then((outcome) => outcomes.push(outcome))
    await turns()
    expect(outcomes).toEqual(['no-space', 'stored'])
    await log.close()
  })
})

it('an append too large for what is left refuses none of the small ones behind it', async () => {
  const disk = new SimulatedDisk({ random: seededRandom(7), capacityBytes: 8 * MIB })
  const { log, clock } = await openHarness({ disk, segmentBytes: 4 * MIB, freeBytesMin: 0 })
  await log.openLedgers(opened(1), NO_DEADLINE)
  while ((await append(log, 1, 4 * RECORD_BYTES)) === undefined) await pass(clock, 50)
  const sizes = [4 * RECORD_BYTES, 8 * RECORD_BYTES, 1, 2]
  expect(await Promise.all(sizes.map((bytes) => append(log, 1, bytes)))).toEqual([
    'no-space',
    'no-space',
    undefined,
    undefined,
  ])
  await log.close()
})

it('an idle log gives back a segment, too, that only one snapshot covers', async () => {
  const { log, clock } = await openHarness({ segmentBytes: SEGMENT_BYTES })
  await log.openLedgers(opened(1, 2), NO_DEADLINE)
  while ((log.bounds(1).end.commit - 2) * RECORD_BYTES < SEGMENT_BYTES - 4 * RECORD_BYTES) await append(log, 1)
  await log.dropLedgers([1], NO_DEADLINE)
  await append(log, 2, 5 * RECORD_BYTES)
  expect(log.statistics().segments).toBe(2)
  await passUntil(clock, BACK_MS, () => log.statistics().segments === 1)
  await log.close()
})

it('and so does one that begins to be written to just then, so that no commit is empty', async () => {
  const { log, disk } = await openHarness({ segmentBytes: SEGMENT_BYTES })
  await log.openLedgers(opened(1, 2), NO_DEADLINE)
  while ((log.bounds(1).end.commit - 2) * RECORD_BYTES < SEGMENT_BYTES - 4 * RECORD_BYTES) await append(log, 1)
  await log.dropLedgers([1], NO_DEADLINE)
  let appends = 0
  const load = async (): Promise<void> => {
    while (log.statistics().segments > 1 && appends < 300) {
      appends++
      await append(log, 2, 1)
    }
  }
  const writers: Promise<void>[] = []
  disk.onOperation = ({ kind, path, bytes }) => {
    // The last of the first snapshot. While a commit is written, others wait already.
    if (kind === 'list' && path === 'meta' && writers.length === 0) writers.push(load())
    if (kind === 'write' && bytes === 4 * KIB && writers.length > 0 && writers.length < 6) writers.push(load())
  }
  await append(log, 2, 5 * RECORD_BYTES)
  while (writers.length === 0) await turns()
  await Promise.all(writers)
  expect(appends).toBeLessThan(300)
  await log.close()
})

describe('waiting for space that is made', () => {
  it('goes on for what is begun, though no further segment can be made', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(6), capacityBytes: 40 * MIB })
    const { log } = await openHarness({ disk, segmentBytes: 32 * MIB, freeBytesMin: 0 })
    await log.openLedgers(opened(1), NO_DEADLINE)
    // So fast that nothing is looked for a second time.
    const stored = (await fill(log, 1)) * RECORD_BYTES
    expect(stored).toBeGreaterThan(29 * MIB)
    await log.close()
  })

  it('ends for what is larger than what the next segment was begun for', async () => {
    const { log, clock } = await openHarness({ segmentBytes: 8 * MIB })
    await log.openLedgers(opened(1), NO_DEADLINE)
    const results: (string | undefined)[] = []
    let running = true
    void (async () => {
      for (let round = 0; round < 40; round++) {
        results.push(await append(log, 1, 200 * KIB))
        results.push(await append(log, 1, round % 2 === 0 ? 3 * MIB : 1 * KIB))
      }
      running = false
    })()
    await passUntil(clock, 60_000, () => !running)
    expect(new Set(results)).toEqual(new Set([undefined]))
    await log.close()
  })
})
