/**
 * Tries inputs on a target: new ones by its grammar, and bent ones from specimens, corpus and cases. Input number
 * `index` depends on the seed, the index and what is kept, on nothing else: so one is made again by itself.
 */
import { randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'

import { checkWithinBounds, type Cost } from './bounds.ts'
import { keptInputs, writeFailure } from './inputs.ts'
import { mutate } from './mutate.ts'
import { chance, pick, type Target } from './target.ts'
import type { Watchdog } from './watchdog.ts'

/** How many inputs come from the grammar as it made them, how many are bent afterwards, and the rest from what is kept. */
const FRESH_SHARE = 0.25
const FRESH_BENT_SHARE = 0.25
/** A larger one takes the time of many. */
const BENT_BYTES_MAX = 4 * 1024

export interface Tally {
  readonly target: string
  readonly executions: number
  readonly elapsedMs: number
  readonly corpus: number
  readonly seed: number
  /** The longest input took so long, CPU; absent where several are tried at once. */
  readonly slowestMs?: number
  /** The most that one input has taken of memory, in bytes. */
  readonly largestBytes: number
}

/** An input did what it may not. The message says how to repeat it. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure'
}

export class Fuzzer {
  readonly target: Target
  /** Specimens, corpus, cases: what is bent. */
  readonly pool: readonly Uint8Array[]

  constructor(target: Target) {
    this.target = target
    const kept = [...keptInputs('corpus', target.name), ...keptInputs('cases', target.name)]
    const small = kept.map(({ bytes }) => bytes).filter(({ length }) => length <= BENT_BYTES_MAX)
    this.pool = [...target.specimens, ...small]
  }

  /** `pool` replaces what is kept, for growing. */
  input(seed: number, index: number, pool = this.pool): Uint8Array {
    const { target } = this
    const random = seededRandom(seed ^ Math.imul(index + 1, 0x9e37_79b1))
    const roll = random.float()
    if (roll < FRESH_SHARE || pool.length === 0) return target.generate(random)
    const base = roll < FRESH_SHARE + FRESH_BENT_SHARE ? target.generate(random) : pick(random, pool)
    const other = chance(random, 0.5) ? base : pool[randomBelow(random, pool.length)]
    return mutate(base, random, target.words ?? [], other ?? base)
  }

  /** Until `executions` were tried or `elapsedMs` have passed, whichever is first. Throws FuzzFailure. */
  async run(
    seed: number,
    { executions = Infinity, elapsedMs }: { readonly executions?: number; readonly elapsedMs: number },
    watchdog?: Watchdog,
  ): Promise<Tally> {
    const { target } = this
    const startedMs = performance.now()
    const isOver = (index: number): boolean => index >= executions || performance.now() - startedMs >= elapsedMs
    watchdog?.begin(`${target.name}:${seed}`)
    let [slowestMs, largestBytes, index] = [0, 0, 0]
    for (; !isOver(index); index++) {
      watchdog?.step(index)
      const { cpuMs, grownBytes } = await this.try(seed, index)
      slowestMs = Math.max(slowestMs, cpuMs)
      largestBytes = Math.max(largestBytes, grownBytes)
    }
    watchdog?.rest()
    const { length: corpus } = this.pool
    return {
      target: target.name,
      executions: index,
      elapsedMs: performance.now() - startedMs,
      corpus,
      seed,
      slowestMs,
      largestBytes,
    }
  }

  /** Tries one input; what it cost. Throws FuzzFailure. */
  async try(seed: number, index: number): Promise<Cost> {
    const input = this.input(seed, index)
    try {
      return await checkWithinBounds(this.target, input)
    } catch (error) {
      const path = writeFailure(this.target.name, seed, index, input)
      throw new FuzzFailure(
        `${this.target.name}: ${error instanceof Error ? error.message : String(error)}\n` +
          `input ${index} of seed ${seed} (${input.length} bytes) is in ${path}\n` +
          `repeat: MILLRACE_FUZZ=${this.target.name}:${seed}:${index} npx vitest run --project fuzz\n` +
          `or:     MILLRACE_FUZZ=${this.target.name}:${path} npx vitest run --project fuzz\n` +
          `once mended, keep it as tests/fuzz/cases/${this.target.name}/<what-was-wrong>.bin`,
        { cause: error },
      )
    }
  }
}
