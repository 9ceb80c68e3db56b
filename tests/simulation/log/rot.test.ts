/**
 * The log on a disk that rots: bits flip, pages vanish, files are cut, swapped, lost or put back as they once were.
 * Whatever happens, a reader gets the right bytes or is told. MILLRACE_SEED replays one history.
 */
import { type Rot, rot, ROT_KINDS, type RotKind } from '@millrace/log/testing'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { History } from './history.ts'
import { missingFrom, openRotten, type Outcome, outcomeOf } from './rot-suite.ts'

const SECONDS_DEFAULT = 8
const SECONDS = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? SECONDS_DEFAULT)
const ROTS_PER_HISTORY = 150
/** Of each history, how many crashes are looked at, and how many times a snapshot rots in each. */
const CRASHES_PER_HISTORY = 4
const SNAPSHOT_ROTS_PER_CRASH = 8

/** Damage to snapshots; `head` looks for commits. */
const SNAPSHOT_KINDS = ['flip', 'zero', 'garbage', 'truncate'] as const
it(
  'answers damage with the right bytes or with a word, never with wrong ones and never in silence',
  { timeout: 240_000 + SECONDS * 1_000 },
  async () => {
    const replay = process.env['MILLRACE_SEED']
    const firstSeed = replay === undefined ? randomBelow(systemRandom, 1_000_000) : Number(replay)
    // A replay is one history.
    const untilMs = replay === undefined ? systemClock.monotonic() + SECONDS * 1_000 : 0
    const outcomes = new Map<string, number>()
    let seed = firstSeed
    do {
      await rotHistory(seed, outcomes)
      seed++
    } while (systemClock.monotonic() < untilMs)
    const counts = [...outcomes].sort().map(([outcome, count]) => `${outcome} ${count}`)
    process.stderr.write(`log rot: seeds ${firstSeed}…${seed - 1}: ${counts.join(', ')}\n`)
    expect(counts.length).toBeGreaterThan(ROT_KINDS.length)
  },
)

async function rotHistory(seed: number, outcomes: Map<string, number>): Promise<void> {
  const history = new History(seed, undefined, { endClean: true })
  const sound = await history.run()
  const earlier = history.forks[Math.floor(history.forks.length / 2)]?.disk ?? sound
  const before = await openRotten(sound.fork(), history)
  for (let round = 0; round < ROTS_PER_HISTORY; round++) {
    const random = seededRandom(seed * 1_000_003 + round)
    const anyKind = ROT_KINDS[randomBelow(random, ROT_KINDS.length)] ?? 'flip'
    const dice = random.float()
    const kind = dice < 0.2 ? 'flip' : dice < 0.5 ? 'head' : anyKind
    const disk = sound.fork(random)
    const damage = rot(disk, kind, random, earlier)
    if (damage === undefined) continue
    try {
      note(outcomes, kind, await outcomeOf(disk, damage, before.contents, history))
    } catch (error) {
      throw failure(error, seed, `round ${round}`, damage)
    }
  }
  await rotSnapshots(history, seed, outcomes)
}

/** One snapshot may rot at any time: another one, and the log behind that, hold the same. */
async function rotSnapshots(history: History, seed: number, outcomes: Map<string, number>): Promise<void> {
  const random = seededRandom(seed * 1_000_003 - 1)
  const after = history.forks.filter(({ disk }) => disk.paths().some((path) => path.startsWith('meta/')))
  for (let crashes = 0; crashes < CRASHES_PER_HISTORY && after.length > 0; crashes++) {
    const index = randomBelow(random, after.length)
    const crashed = after[index]?.disk.crash('all-kept', random)
    if (crashed === undefined) continue
    const before = await openRotten(crashed.fork(), history)
    for (let round = 0; round < SNAPSHOT_ROTS_PER_CRASH; round++) {
      const kind = SNAPSHOT_KINDS[randomBelow(random, SNAPSHOT_KINDS.length)] ?? 'flip'
      const disk = crashed.fork(random)
      const damage = rot(disk, kind, random, crashed, 'meta/')
      if (damage === undefined) continue
      try {
        const opened = await openRotten(disk, history)
        const { missing } = missingFrom(opened.contents, before.contents, history)
        if (missing.length > 0) throw new Error(`a snapshot takes with it ${missing.join(', ')}`)
        note(outcomes, kind, 'snapshot')
      } catch (error) {
        throw failure(error, seed, `crash ${crashes} at operation ${index}`, damage)
      }
    }
  }
}

function failure(error: unknown, seed: number, when: string, { kind, path, offset }: Rot): Error {
  const message = error instanceof Error ? error.message : String(error)
  return new Error(
    `${message}\n  seed ${seed}, ${when}: ${kind} ${path} at ${offset}\n` +
      `  again: MILLRACE_SEED=${seed} npx vitest run --project simulation tests/simulation/log/rot`,
    { cause: error },
  )
}

function note(outcomes: Map<string, number>, kind: RotKind, outcome: Outcome): void {
  const key = `${kind} ${outcome}`
  outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
}
