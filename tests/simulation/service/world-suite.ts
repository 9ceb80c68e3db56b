/**
 * Runs the worlds of a range of seeds and holds each history against the promises. A violation names its seed and the
 * command that shows it again; what was covered is printed. Some worlds are run twice, and must be the same twice.
 *
 * By count, or by time on a very slow machine. MILLRACE_SEED runs one seed; MILLRACE_SOAK_SECONDS goes on by time instead of
 * by count, from a seed drawn by lot. The seeds of `npm test` are always the same: a change is judged by the worlds of the
 * one before. The checker accuses nobody wrongly that we know of: in 7,000 worlds of other seeds it found nothing, 4,400
 * of them with scalings and changes of mode. Rules for numbers that lead a clock that was set back once did (docs/decisions/065-simulated-worlds.md).
 */
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { expect } from 'vitest'
import { pacedSeconds } from '../../support/pace.ts'
import { checkHistory } from './history/check-history.ts'
import { Coverage } from './world/coverage.ts'
import { World } from './world/world.ts'

/** Of the requests of a world, before those of its last reading. */
const CALLS = 245
const CALLS_MEAN = 300
const REPLAYED_EVERY = 50
/** `npm test` has its minutes: a quiet core takes some 155 to 180 s for 2,300 worlds; it says when it ends here. */
const SECONDS_MAX = pacedSeconds(190)
/** So few, on a machine that is very slow today, need not have gone through everything. */
const COVERING_MIN = 60

interface Half {
  readonly name: string
  readonly seeds: number
  /** Two halves that run side by side start so far apart. */
  readonly offset: number
  /** What these worlds must have gone through, beside what all do. */
  readonly covers?: readonly string[]
}

/** Runs one world to its end and checks what was seen in it. */
async function runWorld(seed: number): Promise<World> {
  const world = new World(seed)
  try {
    await world.run(CALLS)
    checkHistory(world.history.events)
  } catch (error) {
    throw new Error(
      `${error instanceof Error ? error.message : String(error)}\n` +
        `  seed ${seed} (${world.plan.engine}), after ${world.calls} requests\n` +
        `  again: MILLRACE_SEED=${seed} npx vitest run --project simulation tests/simulation/service`,
      { cause: error },
    )
  }
  return world
}

export async function runWorlds({ name, seeds, offset, covers = [] }: Half): Promise<void> {
  const { MILLRACE_SEED: replay, MILLRACE_SOAK_SECONDS: soakSeconds } = process.env
  const start = soakSeconds === undefined ? 1 : randomBelow(systemRandom, 1_000_000)
  const firstSeed = replay === undefined ? offset + start : Number(replay)
  const startedMs = systemClock.monotonic()
  const elapsedMs = (): number => systemClock.monotonic() - startedMs
  const isDone = (seed: number): boolean => {
    if (replay !== undefined) return seed > firstSeed
    if (soakSeconds !== undefined) return elapsedMs() >= Number(soakSeconds) * 1_000
    return seed - firstSeed >= seeds || elapsedMs() >= SECONDS_MAX * 1_000
  }
  const coverage = new Coverage()
  let [seed, calls, lost] = [firstSeed, 0, 0]
  for (; !isDone(seed); seed++) {
    const world = await runWorld(seed)
    calls += world.calls
    lost += world.lostAnswers
    coverage.merge(world.coverage)
    if ((seed - firstSeed) % REPLAYED_EVERY !== 0 && replay === undefined) continue
    const again = await runWorld(seed)
    expect(again.digest(), `seed ${seed} gives two histories`).toBe(world.digest())
    coverage.add('replays')
  }
  const count = seed - firstSeed
  process.stderr.write(
    `worlds, ${name}: seeds ${firstSeed}…${seed - 1}, ${count} histories of ${calls} requests in ` +
      `${(elapsedMs() / 1_000).toFixed(1)} s${count < seeds && replay === undefined ? ` (ended by time, ${seeds} were wanted)` : ''}, ${lost} answers lost; ${coverage}\n`,
  )
  if (replay !== undefined) return
  expect(calls).toBeGreaterThanOrEqual(count * CALLS_MEAN)
  expect(lost).toBeGreaterThan(count)
  expect(coverage.of('splits') + coverage.of('merges')).toBeGreaterThanOrEqual(count)
  expect(coverage.of('crashes')).toBeGreaterThan(count)
  if (count < COVERING_MIN) return
  for (const what of [
    'crashes in recovery',
    'expiries of iterators',
    'expiries of records',
    'faults',
    'iterators expired',
    'iterators forged',
    'replays',
    'restarts in order',
    'restarts with another clock',
    'steps of the clock',
    'whole readings',
    ...covers,
  ]) {
    expect(coverage.of(what), what).toBeGreaterThan(0)
  }
}
