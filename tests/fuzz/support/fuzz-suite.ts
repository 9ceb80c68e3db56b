/**
 * Every parser that sees bytes from outside, fuzzed from a seed; in two halves, so that both cores have work. MILLRACE_SEED sets it (default: the
 * same each time, one drawn by lot in the soak), MILLRACE_SOAK_SECONDS the time to spend in all (default: a number of
 * inputs per target). MILLRACE_FUZZ repeats one input: `target:seed:index`, or
 * `target:path` of a file; `target` alone tries that one only.
 */
import { readFileSync } from 'node:fs'

import { randomBelow, systemRandom } from '@millrace/std'
import { afterAll, describe, expect, it } from 'vitest'

import { checkWithinBounds } from './bounds.ts'
import { Fuzzer, type Tally } from './fuzzer.ts'
import { keptInputs } from './inputs.ts'
import { printTable } from './progress-table.ts'
import { Watchdog } from './watchdog.ts'
import { targets } from '../targets/all.ts'

/** Tried in sockets.test.ts. */
const SOCKET_TARGETS = ['http1', 'http2']

const environment = process.env
const [only, ...replay] = environment['MILLRACE_FUZZ']?.split(':') ?? []
const soakSeconds = Number(environment['MILLRACE_SOAK_SECONDS'] ?? 0)
/** The same each time where a change is judged by it; the soak looks further. */
const seed = Number(environment['MILLRACE_SEED'] ?? (soakSeconds > 0 ? randomBelow(systemRandom, 1_000_000) : 1))

/** On a machine that is slow today a target ends here, with fewer inputs: the table says how many. */
const TARGET_MS_MAX = 6_000

/** The targets with odd numbers, or those with even ones. */
export function fuzzTargets(half: 0 | 1): void {
  const wanted = targets.filter(({ name }) => only === undefined || only === name)
  const chosen = wanted.filter((_, n) => n % 2 === half)
  // The halves run side by side.
  const soakMs = (soakSeconds * 1_000) / Math.max(1, chosen.length)
  const watchdog = new Watchdog()
  const tallies: Tally[] = []
  afterAll(async () => {
    await watchdog.close()
    if (tallies.length > 0) process.stderr.write(`${printTable(tallies)}\n`)
  })

  describe('fuzzing', () => {
    it('knows the target that is asked for', () => {
      const names = [...targets.map(({ name }) => name), ...SOCKET_TARGETS]
      if (only !== undefined) expect(names).toContain(only)
    })

    it.each(chosen)('$name: never a crash, a hang or a wrong answer', { timeout: soakMs + 240_000 }, async (target) => {
      const [first, second] = replay
      if (second !== undefined) await new Fuzzer(target).try(Number(first), Number(second))
      else if (first !== undefined) await checkWithinBounds(target, readFileSync(first))
      else
        tallies.push(
          await new Fuzzer(target).run(
            seed,
            soakMs > 0 ? { elapsedMs: soakMs } : { executions: target.executions, elapsedMs: TARGET_MS_MAX },
            watchdog,
          ),
        )
    })

    it.each(chosen)('$name: every specimen, every named case and all of the corpus', async (target) => {
      for (const [index, specimen] of target.specimens.entries())
        await named(`specimen ${index}`, checkWithinBounds(target, specimen))
      for (const kind of ['cases', 'corpus'] as const) {
        for (const { name, bytes } of keptInputs(kind, target.name))
          await named(`${kind}/${target.name}/${name}`, checkWithinBounds(target, bytes))
      }
    })
  })
}

async function named(name: string, work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
