/**
 * Half of the states that `crash-1.test.ts` and `crash-2.test.ts` crash the log into, so that both cores have work. The
 * number of states is what ends a run: MILLRACE_CRASH_STATES (both together); or time, on a very slow machine and where
 * only MILLRACE_SOAK_SECONDS is set. MILLRACE_SEED and MILLRACE_CRASH replay one case, in the first half. What is kept
 * to tell states apart is one history's, so that a run of ten million needs no more memory than a short one.
 */
import { CRASH_MODES, type CrashMode } from '@millrace/log/testing'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { expect, it } from 'vitest'
import { pacedSeconds } from '../../support/pace.ts'
import { type CallSite, callSites, notingDisk } from './call-sites.ts'
import { type Coverage, type CrashSelection, crashHistory, kindOf, newCoverage, statesOf } from './crash-suite.ts'
import { History } from './history.ts'

const HALVES = 2
const STATES_DEFAULT = 300_000
/** For a machine ten times as slow as the one that this was measured on. */
const STATES_PER_SECOND_MIN = 100
/** `npm test` has its minutes: it says when it ends here. */
const SECONDS_MAX = pacedSeconds(205)
/** A long run says how far it is. */
const PROGRESS_MS = 60_000
/** Seeds of the second half are far from those of the first. */
const SEEDS_APART = 10_000_000
/** So many further histories are looked through for lines of the log that none has gone through yet; a few ms each. */
const SEARCHED_HISTORIES_MAX = 2_000

const environment = process.env
const soakSeconds = Number(environment['MILLRACE_SOAK_SECONDS'] ?? Number.POSITIVE_INFINITY)
const wanted = environment['MILLRACE_CRASH_STATES']
const isTimed = wanted === undefined && Number.isFinite(soakSeconds)
const statesWanted = isTimed ? Number.POSITIVE_INFINITY : Number(wanted ?? STATES_DEFAULT) / HALVES
const timeoutMs = (isTimed ? soakSeconds + 240 : 240 + statesWanted / STATES_PER_SECOND_MIN) * 1_000

export function crashStates(half: 1 | 2): void {
  it(
    'loses nothing it acknowledged and shows nothing that was never written, wherever and however it crashes',
    { timeout: timeoutMs },
    async () => {
      const coverage = newCoverage()
      const seen = new Map<CallSite, number>()
      const replay = environment['MILLRACE_SEED']
      if (replay !== undefined) {
        // On a noting disk too: its promises take turns of their own, and without them some things change places.
        const only = replayedCrash(environment['MILLRACE_CRASH'])
        if (half === 1) await crashHistory(Number(replay), coverage, undefined, only, notingDisk(seen))
        return
      }
      const firstSeed = randomBelow(systemRandom, 1_000_000) + (half - 1) * SEEDS_APART
      const startMs = systemClock.monotonic()
      const elapsedMs = (): number => systemClock.monotonic() - startMs
      const sites = [...callSites()].filter(([, { code }]) => !unreached.has(code)).map(([site]) => site)
      const missing = (): readonly CallSite[] => sites.filter((site) => !seen.has(site))
      // Who asks for a number gets it.
      const secondsMax = isTimed ? soakSeconds : wanted === undefined ? SECONDS_MAX : Number.POSITIVE_INFINITY
      const isDue = (): boolean => statesOf(coverage) < statesWanted && elapsedMs() < secondsMax * 1_000
      const crash = (seed: number): Promise<void> => crashHistory(seed, coverage, undefined, {}, notingDisk(seen))
      let seed = firstSeed
      let nextProgressMs = PROGRESS_MS
      for (; isDue(); seed++) {
        await crash(seed)
        if (elapsedMs() < nextProgressMs) continue
        nextProgressMs = elapsedMs() + PROGRESS_MS
        process.stderr.write(
          `log crashes, half ${half}: ${statesOf(coverage)} of ${statesWanted} states, ` +
            `${Math.round(elapsedMs() / 1_000)} s, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB\n`,
        )
      }
      const end = isTimed ? seed : seed + SEARCHED_HISTORIES_MAX
      for (; missing().length > 0 && seed < end; seed++) {
        const found = new Map<CallSite, number>()
        await new History(seed, notingDisk(found), kindOf(seed)).run()
        if (missing().some((site) => found.has(site))) await crash(seed)
      }
      report(coverage, seen, firstSeed, elapsedMs())
      const isCutShort = !isTimed && statesOf(coverage) < statesWanted
      if (isCutShort) process.stderr.write(`log crashes: ended by time, ${statesWanted} states were wanted\n`)
      const drawn = [...coverage.states.keys()].filter((mode) => !mode.startsWith('each '))
      expect(drawn.sort()).toEqual([...CRASH_MODES].sort())
      expect(coverage.recycledSegments).toBeGreaterThan(0)
      if (isTimed) return
      expect(isCutShort && elapsedMs() < secondsMax * 1_000).toBe(false)
      // A line that no history goes through: give the histories something that leads there, or say why none can.
      expect(missing()).toEqual([])
    },
  )
}

/** Lines to which no history of this suite leads, and why. */
const unreached: ReadonlyMap<string, string> = new Map([
  ['if (await this.#disk.exists(path)) await this.#disk.remove(path)', 'only after a failure: faults.test.ts'],
  ['if (await disk.exists(temporary)) await disk.remove(temporary)', 'only after a failure: faults.test.ts'],
])

function replayedCrash(text: string | undefined): CrashSelection {
  const [boundary, name, cut] = text?.split(':') ?? []
  const mode = CRASH_MODES.find((known: CrashMode) => known === name)
  if (boundary === undefined || mode === undefined) return {}
  return { boundary: Number(boundary), mode, ...(cut === undefined ? {} : { cut: Number(cut) }) }
}

function report(coverage: Coverage, seen: ReadonlyMap<CallSite, number>, firstSeed: number, elapsedMs: number): void {
  const states = statesOf(coverage)
  const table = (counts: ReadonlyMap<unknown, number>): string =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `  ${String(count).padStart(9)}  ${String(name)}`)
      .join('\n')
  const depths = new Map([...coverage.nested].map(([depth, count]) => [`within ${depth - 1} recoveries`, count]))
  process.stderr.write(
    `log crashes: seeds ${firstSeed}…${firstSeed + coverage.histories - 1}, ${coverage.histories} histories, ` +
      `${coverage.lives} lives, ${coverage.recycledSegments} recycled segments, ${coverage.boundaries} boundaries, ` +
      `${states} states in ${(elapsedMs / 1_000).toFixed(1)} s (${Math.round((states * 1_000) / elapsedMs)} a second)\n` +
      `states by what the crash kept\n${table(coverage.states)}\n${table(depths)}\n` +
      `boundaries by call and file\n${table(coverage.sites)}\n` +
      `calls of the disk port by line of packages/log/src, each a boundary crashed at\n${table(seen)}\n`,
  )
}
