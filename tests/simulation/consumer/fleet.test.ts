/**
 * Fleets of workers from seeds, held to F1–F8 of packages/consumer/SPEC.md. At least 500 in `npm test`, by time in the soak
 * (MILLRACE_SOAK_SECONDS); MILLRACE_SEED runs one. A violation names its seed and the command that shows it again.
 */
import { SimulatedFleet } from '@millrace/consumer/testing'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { expect, it } from 'vitest'
import { pacedSeconds } from '../../support/pace.ts'

const FLEETS = 500
/** On a machine that is slow today it ends here, with fewer, and says so. */
const SECONDS_MAX = pacedSeconds(80)
const LARGE_EVERY = 100
/** What some fleet goes through. */
const EXPECTED = [
  'crash', 'stop', 'cut', 'halt', 'split', 'merge', 'shake', 'failure', 'seek', 'reset', 'pause',
  'face-run', 'face-each', 'face-batches', 'by-load', 'unequal', 'fan-out', 'several-streams', 'rolling', 'list',
] // prettier-ignore

const { MILLRACE_SEED: replay, MILLRACE_SOAK_SECONDS: soakSeconds } = process.env

it('keep their promises through crashes, cuts, reshards and skewed clocks', { timeout: 14_400_000 }, async () => {
  const first =
    replay === undefined ? (soakSeconds === undefined ? 1 : randomBelow(systemRandom, 1_000_000)) : Number(replay)
  const startedMs = systemClock.monotonic()
  const elapsedSeconds = (): number => (systemClock.monotonic() - startedMs) / 1_000
  const isDone = (seed: number): boolean => {
    if (replay !== undefined) return seed > first
    if (soakSeconds !== undefined) return elapsedSeconds() >= Number(soakSeconds)
    return seed - first >= FLEETS || elapsedSeconds() >= SECONDS_MAX
  }
  const events: Record<string, number> = {}
  let [seed, records, deliveries] = [first, 0, 0]
  for (; !isDone(seed); seed++) {
    const plan = seed % LARGE_EVERY === 0 ? { workers: 24, shards: 128, steps: 30 } : undefined
    const fleet = new SimulatedFleet(seed, plan)
    await fleet.run().catch((error: unknown) => {
      throw new Error(
        `${error instanceof Error ? error.message : String(error)}\n  seed ${seed}\n` +
          `  again: MILLRACE_SEED=${seed} npx vitest run --project simulation tests/simulation/consumer`,
        { cause: error },
      )
    })
    records += fleet.history.records
    deliveries += fleet.history.deliveries
    for (const [name, count] of Object.entries(fleet.events)) events[name] = (events[name] ?? 0) + count
  }
  const counted = Object.entries(events).map(([name, count]) => `${name} ${count}`)
  process.stderr.write(
    `fleets: ${seed - first} from seed ${first} in ${elapsedSeconds().toFixed(0)} s, ${records} records, ` +
      `${deliveries} deliveries; ${counted.sort().join(', ')}\n`,
  )
  for (const name of replay === undefined ? EXPECTED : []) expect(events).toHaveProperty(name)
})
