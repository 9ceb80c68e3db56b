/**
 * The crash suite on logs under `os` alone: what is acknowledged there is written and no more, so that a loss of power may
 * take the newest of it. Chain and epoch of the commits, and the syncs of the upkeep, see to it that it takes nothing else.
 * One history, or as many as MILLRACE_SOAK_SECONDS have; `crash-1.test.ts` and `crash-2.test.ts` meet some among others, and
 * `crash-1.test.ts` replays one of these.
 */
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { notingDisk } from './call-sites.ts'
import { type CrashSelection, crashHistory, newCoverage, OS_ONE_IN, OS_REMAINDER, statesOf } from './crash-suite.ts'

const soakSeconds = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? 0)
const SEEDS = 1_000_000

/** Histories that need what each says, as long as histories are drawn as they are now. The first two were faults. */
const CASES: readonly (readonly [what: string, seed: number, only: CrashSelection])[] = [
  ['a segment goes when the log has said so durably', 460_330, { boundary: 0, mode: 'kill' }],
  ['a sync counts for full segments too', 5_363_705, { boundary: 118, mode: 'all-lost' }],
  ['segments go when the log has said durably what took their place', 11_449_555, { boundary: 78, mode: 'subset' }],
  ['behind a torn tail a former opening left commits', 19_438_555, { boundary: 36, mode: 'without', cut: 14 }],
]

describe('a log under `os` that crashes', () => {
  it.each(CASES)('holds where %s', async (_what, seed, only) => {
    const coverage = newCoverage()
    await crashHistory(seed, coverage, undefined, only, notingDisk(new Map()))
    expect(coverage.boundaries).toBe(1)
  })

  it('loses the newest at most, without a hole', { timeout: (soakSeconds + 240) * 1_000 }, async () => {
    const coverage = newCoverage()
    const startMs = systemClock.monotonic()
    const elapsedMs = (): number => systemClock.monotonic() - startMs
    const first = randomBelow(systemRandom, SEEDS) * OS_ONE_IN + OS_REMAINDER
    let seed = first
    do {
      await crashHistory(seed, coverage, undefined, {}, notingDisk(new Map()))
      seed += OS_ONE_IN
    } while (elapsedMs() < soakSeconds * 1_000)
    process.stderr.write(
      `log crashes under os: every ${OS_ONE_IN}th seed of ${first}…${seed - OS_ONE_IN}, ${coverage.histories} histories, ` +
        `${statesOf(coverage)} states in ${(elapsedMs() / 1_000).toFixed(1)} s\n`,
    )
    expect(coverage.histories).toBeGreaterThan(0)
  })
})
