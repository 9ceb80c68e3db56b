/**
 * Logs as they stand on disk, for their files to be bent: of one segment and of many, closed in order and killed, with
 * trims, drops and closes, raw and regrouped.
 */
import { Log, type LogOptions, type Metadata } from '@millrace/log'
import { SimulatedDisk } from '@millrace/log/testing'
import { seededRandom, VirtualClock } from '@millrace/std/testing'

export const DEADLINE = { deadlineMs: Number.POSITIVE_INFINITY }
const DAY_MS = 86_400_000
const LEDGERS = [1, 2, 3, 9]
const TURNS_MAX = 20_000

export function silentMetadata(): Metadata {
  return { restore() {}, apply() {}, snapshot: () => new Uint8Array(24) }
}

export async function openLog(disk: LogOptions['disk'], clock: VirtualClock, segmentBytes: number): Promise<Log> {
  return await Log.open({
    disk,
    clock,
    random: seededRandom(5),
    metadata: silentMetadata(),
    durability: 'fsync',
    segmentBytes,
    // Nearly everything is read from files.
    tailBytesMax: 8 * 1024,
    readBytesMax: 1024 * 1024,
  })
}

/** Lets what waits for the clock go on until `work` has settled. */
export async function whileTimePasses<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  const state = { isSettled: false }
  const settled = work.finally(() => (state.isSettled = true))
  settled.catch(() => undefined)
  for (let turn = 0; !state.isSettled; turn++) {
    if (turn > TURNS_MAX) throw new Error('it does not end')
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(turn % 8 === 7 ? 100 : 0)
  }
  return await settled
}

async function fill(log: Log, clock: VirtualClock, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    clock.advance(1_000)
    await log.append(
      LEDGERS.slice(0, 1 + (round % 3)).map((ledger) => {
        const records = 1 + (round % 2)
        return { ledger, records, bytes: Buffer.alloc(ledger === 1 ? 1_500 : 200, `${ledger}:${round};`) }
      }),
      DEADLINE,
    )
    if (round % 5 === 0) await log.appendMetadata(Buffer.from(`change ${round}`), DEADLINE)
  }
}

interface Story {
  readonly seed: number
  readonly segmentBytes: number
  readonly rounds: number
  readonly ending: 'closed' | 'killed'
  /** How long records are kept differs, and is told: full segments are written again. */
  readonly isRegrouped?: boolean
}

async function tell(disk: SimulatedDisk, clock: VirtualClock, story: Story): Promise<Log> {
  const { rounds, segmentBytes, isRegrouped = false } = story
  const log = await openLog(disk, clock, segmentBytes)
  const opened = LEDGERS.map((ledger) => ({ ledger, notBeforeMs: 0 }))
  await log.openLedgers(opened, DEADLINE)
  await fill(log, clock, rounds)
  await log.closeLedgers([3], DEADLINE)
  await log.dropLedgers([9], DEADLINE)
  const beforeMs = isRegrouped ? 0 : clock.now() - (rounds * 1_000) / 2
  await log.trim(
    LEDGERS.slice(0, 3).map((ledger) => ({
      ledger,
      beforeMs,
      ...(isRegrouped ? { retentionMs: ledger === 1 ? DAY_MS : 365 * DAY_MS } : {}),
    })),
  )
  // What was given back is written down, or, for the small ones, is about to be.
  for (let turn = 0; turn < rounds; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(100)
  }
  await fill(log, clock, 6)
  return log
}

export interface LogImage {
  readonly disk: SimulatedDisk
  readonly atMs: number
}

async function imageOf(story: Story): Promise<LogImage> {
  const { seed, ending } = story
  const clock = new VirtualClock()
  const disk = new SimulatedDisk({ random: seededRandom(seed) })
  const log = await whileTimePasses(clock, tell(disk, clock, story))
  const killed = disk.crash('kill', seededRandom(seed))
  await whileTimePasses(clock, log.close())
  return { disk: ending === 'killed' ? killed : disk.fork(), atMs: clock.now() }
}

const KIB = 1024
const stories: readonly Story[] = [
  { seed: 1, segmentBytes: 512 * KIB, rounds: 6, ending: 'killed' },
  { seed: 2, segmentBytes: 512 * KIB, rounds: 6, ending: 'closed' },
  { seed: 3, segmentBytes: 32 * KIB, rounds: 24, ending: 'killed' },
  { seed: 4, segmentBytes: 32 * KIB, rounds: 24, ending: 'closed' },
  { seed: 5, segmentBytes: 32 * KIB, rounds: 30, ending: 'killed', isRegrouped: true },
  { seed: 6, segmentBytes: 64 * KIB, rounds: 60, ending: 'closed', isRegrouped: true },
]

export const logImages: readonly LogImage[] = await Promise.all(stories.map(imageOf))
