/**
 * The life of a log on a disk that fills up, by itself or by somebody else, or at its own bound: it refuses, dies, is opened again, and takes
 * appends again within seconds when a ledger goes. MILLRACE_SEED replays one life.
 */
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom, type VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { KIB } from './limits.ts'
import type { CrashMode } from './testing/crash-mode.ts'
import { type Harness, NO_DEADLINE, openHarness, part, SMALL_SEGMENT_BYTES } from './testing/log-harness.ts'
import { SimulatedDisk } from './testing/simulated-disk.ts'

const LIVES = 200
const DAY_MS = 86_400_000
/** It looks for space every second, and so it does for what can be given back. */
const BACK_MS = 6_000
const FULL_LOOKS = 3
const DEATHS: readonly CrashMode[] = ['kill', 'prefix', 'all-lost']
const DRAIN_ROUNDS_MAX = 30
const LEDGERS = [1, 2, 3, 4]

it('a log comes back from a full disk by itself, over a death', async () => {
  const replay = process.env['MILLRACE_SEED']
  const seeds = replay === undefined ? Array.from({ length: LIVES }, (_, i) => i + 1) : [Number(replay)]
  const failed: string[] = []
  for (const seed of seeds) await live(seed).catch((error: unknown) => failed.push(`${seed}: ${String(error)}`))
  expect(failed).toEqual([])
})

async function live(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const segmentBytes = SMALL_SEGMENT_BYTES << randomBelow(random, 3)
  const freeBytesMin = randomBelow(random, 3) * segmentBytes
  const disk = new SimulatedDisk({ random, capacityBytes: (9 + randomBelow(random, 8)) * segmentBytes })
  // Now and then its own bound comes first.
  const bytesMax = randomBelow(random, 3) === 0 ? (6 + randomBelow(random, 6)) * segmentBytes : Number.POSITIVE_INFINITY
  const options = { segmentBytes, freeBytesMin, bytesMax, seed }
  const before = await openHarness({ disk, ...options })
  const { clock, log } = before
  await log.openLedgers(
    LEDGERS.map((ledger) => ({ ledger, notBeforeMs: 0 })),
    NO_DEADLINE,
  )
  while (log.statistics().segments < 3) await append(before, random, 1)
  // Somebody else takes some of the space, or nearly all of it.
  if (randomBelow(random, 2) === 0) {
    const takenBytes = Math.max(0, (await disk.freeBytes()) - segmentBytes)
    disk.capacityBytes = (disk.capacityBytes ?? 0) - Math.floor((takenBytes * (1 + randomBelow(random, 4))) / 4)
  }
  await fill(before, random)

  // It dies in the middle of what it does then.
  for (let i = randomBelow(random, 4); i > 0; i--) void append(before, random, 2)
  clock.advance(randomBelow(random, 1_500))
  await turns(randomBelow(random, 30))
  const next = disk.crash(DEATHS[randomBelow(random, DEATHS.length)] ?? 'kill', random)
  disk.halt()
  const after = await openHarness({ disk: next, clock, ...options })
  // As the service does in the first seconds.
  await after.log.trim(LEDGERS.map((ledger) => ({ ledger, beforeMs: 0, retentionMs: DAY_MS })))
  await fill(after, random)
  // The four pages of the smallest reserve are one drop, and what gives a segment back.
  if (segmentBytes > SMALL_SEGMENT_BYTES) await drain(after, random)
  await after.log.dropLedgers([1], NO_DEADLINE)

  const stored: number[] = []
  for (let passedMs = 0; sum(stored) < segmentBytes / 4; passedMs += 50) {
    if (passedMs > BACK_MS) throw new Error(`only ${sum(stored)} bytes are taken: ${after.log.health().reason ?? ''}`)
    void append(after, random, 2).then((bytes) => stored.push(bytes))
    await pass(clock, 50)
  }
  await after.log.close()
}

/** The bytes that were stored; 0: there was no space. */
async function append({ log }: Harness, random: Random, ledger: number): Promise<number> {
  const bytes = 1 * KIB + randomBelow(random, 15 * KIB)
  const [result] = await log.append([part(ledger, '.'.repeat(bytes))], NO_DEADLINE)
  if (result?.failure !== undefined) expect(result.failure).toBe('no-space')
  return result?.failure === undefined ? bytes : 0
}

/** Until nothing fits any more, also after it looked for space again. */
async function fill(harness: Harness, random: Random): Promise<void> {
  for (let refused = 0; refused < FULL_LOOKS;) {
    const stored: number[] = []
    void append(harness, random, 2 + randomBelow(random, 3)).then((bytes) => stored.push(bytes))
    for (let turn = 0; stored.length === 0; turn++) {
      if (turn > 1_000) throw new Error('an append waits for ever')
      if (turn > 20) harness.clock.advance(50)
      await turns(1)
    }
    if (sum(stored) > 0) continue
    refused++
    await pass(harness.clock, 1_050)
  }
}

/** Asks for what gives no space back. */
async function drain({ log, clock }: Harness, random: Random): Promise<void> {
  for (let round = randomBelow(random, DRAIN_ROUNDS_MAX); round > 0; round--) {
    const ask = [
      () => log.trim([{ ledger: 1 + randomBelow(random, LEDGERS.length), beforeMs: DRAIN_ROUNDS_MAX - round }]),
      () => log.appendMetadata(new Uint8Array(1 + randomBelow(random, 5 * KIB)), NO_DEADLINE),
      () => log.closeLedgers([LEDGERS.at(-1) ?? 0], NO_DEADLINE),
    ][randomBelow(random, 3)]
    await ask?.().catch((error: unknown) => expect(error).toMatchObject({ code: 'no-space' }))
    await pass(clock, 50 * randomBelow(random, 2))
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

async function pass(clock: VirtualClock, ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    clock.advance(50)
    await turns(5)
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
