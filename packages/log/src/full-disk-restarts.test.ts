/** Starts on a full disk, any number of them: what they say to the log uses up nothing of its last pages. */
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom, type VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { KIB, MIB, PAGE_BYTES } from './limits.ts'
import { segmentPath } from './segment.ts'
import { CRASH_MODES, type CrashMode } from './testing/crash-mode.ts'
import { type Harness, NO_DEADLINE, openHarness, part, readAll, textOf } from './testing/log-harness.ts'
import { SimulatedDisk } from './testing/simulated-disk.ts'

/** 16 pages of it are the reserve. */
const SEGMENT_BYTES = 256 * KIB
const SPACE_BYTES = 4 * SEGMENT_BYTES
const RESTARTS = 200
const DEATHS: readonly (CrashMode | 'closed')[] = ['closed', 'kill', 'prefix', 'all-lost']
/** It looks for space every second. */
const BACK_MS = 6_000

type Durability = 'fsync' | 'os'

const optionsOf = (durability: Durability) => ({ segmentBytes: SEGMENT_BYTES, freeBytesMin: SEGMENT_BYTES, durability })

const NEXT = segmentPath(2)

/** What may go, in the first segments; and what is asked for when there is no room. */
const [OLD, LEDGER] = [1, 2]
const LEDGERS = [OLD, LEDGER].map((ledger) => ({ ledger, notBeforeMs: 0 }))

/** One life of a log, and what the one before has left of it. */
interface Life extends Harness {
  /** What is stored of `LEDGER`. */
  readonly texts: string[]
  readonly durability: Durability
}

async function fullDisk(seed: number, durability: Durability = 'fsync'): Promise<Life> {
  const disk = new SimulatedDisk({ random: seededRandom(seed), capacityBytes: 6 * SEGMENT_BYTES })
  const harness = await openHarness({ disk, ...optionsOf(durability), seed })
  const { log } = harness
  await log.openLedgers(LEDGERS, NO_DEADLINE)
  while (log.statistics().segments < 3) await log.append([part(OLD, '.'.repeat(8 * KIB))], NO_DEADLINE)
  const life = { ...harness, texts: [], durability }
  for (let looks = 0; looks < 3; looks++) {
    for (let bytes = 16 * KIB; bytes > 0; bytes = Math.floor(bytes / 8)) while (await append(life, bytes));
    await pass(life.clock, 1_050)
  }
  return life
}

/** Whether it was stored. */
async function append({ log, texts }: Life, bytes = 1): Promise<boolean> {
  const text = `${texts.length};`.padEnd(bytes, '.')
  const [result] = await log.append([part(LEDGER, text)], NO_DEADLINE)
  if (result?.failure === undefined) texts.push(text)
  else expect(result.failure).toBe('no-space')
  return result?.failure === undefined
}

async function restarted(before: Life, death: CrashMode | 'closed', seed: number): Promise<Life> {
  const { clock, texts, durability } = before
  if (death === 'closed') await before.log.close()
  const disk = death === 'closed' ? before.disk : before.disk.crash(death, seededRandom(seed))
  if (death !== 'closed') before.disk.halt()
  return { ...(await openHarness({ disk, clock, ...optionsOf(durability), seed })), texts, durability }
}

/** Asks for a change of the metadata that does not give space back soon. */
async function change({ log }: Life, random: Random): Promise<void> {
  const kinds = [{}, { freesSpace: 'later' }] as const
  const options = { ...NO_DEADLINE, ...kinds[randomBelow(random, kinds.length)] }
  await log
    .appendMetadata(new Uint8Array(10), options)
    .catch((error: unknown) => expect(error).toMatchObject({ code: 'no-space' }))
}

async function expectAppendsAgain(life: Life): Promise<void> {
  for (let passedMs = 0; !(await append(life)); passedMs += 50) {
    if (passedMs > BACK_MS) throw new Error(`nothing is taken: ${life.log.health().reason ?? ''}`)
    await pass(life.clock, 50)
  }
}

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    clock.advance(50)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

function makeRoom({ disk }: Life): void {
  disk.capacityBytes = (disk.capacityBytes ?? 0) + SPACE_BYTES
}

async function drop({ log }: Life): Promise<void> {
  await log.dropLedgers([OLD], NO_DEADLINE)
}

describe('a log on a full disk', () => {
  it.each([
    ['there is room on the disk', 'fsync', makeRoom],
    ['there is room on the disk', 'os', makeRoom],
    ['something goes', 'fsync', drop],
  ] as const)(
    'is started any number of times, closed or killed, and takes appends when %s (%s)',
    async (_, durability, giveSpace) => {
      const random = seededRandom(1)
      let life = await fullDisk(1, durability)
      // What was not synced goes with the power.
      const deaths = durability === 'os' ? DEATHS.slice(0, 2) : DEATHS
      let commits = 0
      for (let round = 0; round < RESTARTS; round++) {
        life = await restarted(life, deaths[randomBelow(random, deaths.length)] ?? 'closed', round)
        expect(await append(life)).toBe(false)
        // The first lives use up what they may.
        if (round < RESTARTS / 2) await change(life, random)
        else commits ||= life.log.statistics().commits
      }
      expect(life.log.statistics().commits).toBe(commits)
      expect(life.log.health().damage).toEqual([])
      await giveSpace(life)
      await expectAppendsAgain(life)
      life = await restarted(life, 'closed', RESTARTS)
      expect(textOf(await readAll(life.log, LEDGER))).toBe(life.texts.join(''))
      await life.log.close()
    },
  )

  it('is started without a single page left, and takes appends when there is room', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(2) })
    const harness = await openHarness({ disk, ...optionsOf('fsync') })
    const before: Life = { ...harness, texts: [], durability: 'fsync' }
    await before.log.openLedgers(LEDGERS, NO_DEADLINE)
    // While the next segment stands ready the reserve is there, and this one is filled to its end.
    const pages = SEGMENT_BYTES / PAGE_BYTES
    while (before.log.statistics().commits < pages - 1) {
      expect(await append(before)).toBe(true)
      await pass(before.clock, before.log.statistics().spares > 1 ? 0 : 50)
    }
    expect(before.log.statistics().segments).toBe(1)
    const left = before.disk.crash('all-lost', seededRandom(3))
    before.disk.halt()
    for (const path of left.paths()) {
      if (path.startsWith('meta/') || path.startsWith('spare/') || path === NEXT) await left.remove(path)
    }
    left.capacityBytes = SEGMENT_BYTES
    const life: Life = {
      ...(await openHarness({ disk: left, clock: before.clock, ...optionsOf('fsync'), seed: 4 })),
      texts: before.texts,
      durability: 'fsync',
    }
    expect(life.log.statistics().commits).toBe(pages - 1)
    expect(await append(life)).toBe(false)
    expect(textOf(await readAll(life.log, LEDGER))).toBe(life.texts.join(''))
    const again = await restarted(life, 'closed', 5)
    makeRoom(again)
    await expectAppendsAgain(again)
    await again.log.close()
  })

  it('keeps the next segment, though a part of it has its zeros only: records have taken the reserve of the one before', async () => {
    const segmentBytes = 2 * MIB
    const options = { ...optionsOf('fsync'), segmentBytes, freeBytesMin: segmentBytes }
    const disk = new SimulatedDisk({ random: seededRandom(8), capacityBytes: 2 * segmentBytes + 100 * KIB })
    const harness = await openHarness({ disk, ...options })
    const life: Life = { ...harness, texts: [], durability: 'fsync' }
    await life.log.openLedgers(LEDGERS, NO_DEADLINE)
    for (let looks = 0; looks < 3; looks++) {
      for (const bytes of [60 * KIB, 3_000]) while (await append(life, bytes));
      await pass(life.clock, 1_050)
    }
    disk.capacityBytes = (disk.capacityBytes ?? 0) + segmentBytes
    while (life.log.statistics().spares === 0) await pass(life.clock, 50)
    disk.capacityBytes -= await disk.freeBytes()
    // A page each, until the active segment is nearly full: what is left is nobody's but the log's own.
    for (let pages = segmentBytes / 4 / PAGE_BYTES; pages > 8; pages--) expect(await append(life, 3_000)).toBe(true)
    const nextBytes = disk.peek(NEXT).length
    expect(nextBytes).toBeLessThan(segmentBytes)
    expect(life.log.statistics()).toMatchObject({ segments: 1, spares: 1 })

    const left = disk.crash('kill', seededRandom(9))
    disk.halt()
    const { log } = await openHarness({ disk: left, clock: life.clock, ...options, seed: 4 })
    expect(left.peek(NEXT)).toHaveLength(nextBytes)
    await log.appendMetadata(new Uint8Array(10), { ...NO_DEADLINE, freesSpace: 'soon' })
    await log.dropLedgers([OLD], NO_DEADLINE)
    await log.close()
  })

  it('is closed with the last pages that are left, and damage to the last change before is named (os)', async () => {
    // So small that the share of what frees space leaves no more than that.
    const options = { ...optionsOf('os'), segmentBytes: 128 * KIB }
    const disk = new SimulatedDisk({ random: seededRandom(10), capacityBytes: 4 * options.segmentBytes })
    const life: Life = { ...(await openHarness({ disk, ...options })), texts: [], durability: 'os' }
    const { log, clock } = life
    await log.openLedgers(LEDGERS, NO_DEADLINE)
    for (let looks = 0; looks < 3; looks++) {
      while (await append(life));
      await pass(clock, 1_050)
    }
    const free = () => log.appendMetadata(new Uint8Array(10), { ...NO_DEADLINE, freesSpace: 'soon' })
    for (let isStored = true; isStored;) {
      isStored = await free().then(
        () => true,
        () => false,
      )
    }
    // There is no room for a snapshot either, which would prove as much.
    disk.capacityBytes = (disk.capacityBytes ?? 0) - (await disk.freeBytes())
    await log.close()

    const path = disk.paths().findLast((each) => /^log\/\d+\.seg$/.test(each)) ?? ''
    const left = disk.paths()
    const bytes = disk.peek(path).slice()
    const lastByte = bytes.findLastIndex((byte) => byte !== 0)
    const at = (Math.floor(lastByte / PAGE_BYTES) - 1) * PAGE_BYTES + 70
    bytes[at] = (bytes[at] ?? 0) ^ 1
    disk.poke(path, bytes)
    disk.capacityBytes = undefined
    const again = await openHarness({ disk, clock, ...options, seed: 11 })
    expect(again.log.health().damage).not.toEqual([])
    expect(left).not.toContain('meta/snapshot.tmp')
    await again.log.close()
  })

  it('is no disk that cannot be written: there a start fails, also on the last pages', async () => {
    const full = await fullDisk(12)
    const { disk, clock } = await restarted(full, 'closed', 1)
    const { texts } = full
    const killed = disk.crash('kill', seededRandom(13))
    disk.halt()
    killed.capacityBytes = undefined
    killed.faults = ({ kind }) => (kind === 'write' ? { code: 'EIO' } : undefined)
    await expect(openHarness({ disk: killed, clock, ...optionsOf('fsync'), seed: 14 })).rejects.toThrow('EIO')
    killed.faults = undefined
    const { log } = await openHarness({ disk: killed, clock, ...optionsOf('fsync'), seed: 15 })
    expect(textOf(await readAll(log, LEDGER))).toBe(texts.join(''))
    await log.close()
  })

  it.each(['fsync', 'os'] as const)(
    'loses nothing, wherever the life crashes that is the first to write again (%s)',
    async (durability) => {
      const full = await restarted(await fullDisk(3, durability), 'closed', 1)
      const life = await restarted(full, 'kill', 2)
      const before = life.texts.length
      const states: { readonly disk: SimulatedDisk; readonly mode: CrashMode; readonly acknowledged: number }[] = []
      life.disk.onOperation = ({ mutates, index }) => {
        if (!mutates) return
        // Two of the modes at each operation, others at the next.
        for (const offset of [0, 5]) {
          const mode = CRASH_MODES[(index + offset) % CRASH_MODES.length] ?? 'kill'
          states.push({ disk: life.disk.crash(mode, seededRandom(index)), mode, acknowledged: life.texts.length })
        }
      }
      makeRoom(life)
      await expectAppendsAgain(life)
      for (let count = 0; count < 5; count++) await append(life, 5 * KIB)
      await life.log.close()
      expect(states.length).toBeGreaterThan(50)
      for (const { disk, mode, acknowledged } of states) {
        const isKept = durability === 'fsync' || mode === 'kill' || mode === 'all-kept'
        await expectRecovered(disk, life, isKept ? acknowledged : before)
      }
    },
  )
})

/** Of `life` at least `least` records are there, those in order, over two more lives, the first of which is killed. */
async function expectRecovered(disk: SimulatedDisk, { clock, texts, durability }: Life, least: number): Promise<void> {
  const options = optionsOf(durability)
  const first = await openHarness({ disk, clock, ...options, seed: 5 })
  expect(first.log.health().damage).toEqual([])
  const found = textOf(await readAll(first.log, LEDGER))
  expect(texts.join('').startsWith(found)).toBe(true)
  expect(found.length).toBeGreaterThanOrEqual(texts.slice(0, least).join('').length)
  const killed = disk.crash('kill', seededRandom(6))
  disk.halt()
  const second = await openHarness({ disk: killed, clock, ...options, seed: 7 })
  killed.capacityBytes = undefined
  const life: Life = { ...second, texts: [found], durability }
  await expectAppendsAgain(life)
  expect(textOf(await readAll(second.log, LEDGER))).toBe(life.texts.join(''))
  await second.log.close()
}
