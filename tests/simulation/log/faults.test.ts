/**
 * The log on a disk that fails: every operation of a history fails once, or from then on, with every error that such a
 * call can give. The log may refuse and may stop; it may not lie, and the next life on a sound disk finds all that was
 * acknowledged and nothing that was refused. MILLRACE_SEED replays one history.
 */
import { CRASH_MODES, type DiskFault, type DiskOperation, type DiskOperationKind } from '@millrace/log/testing'
import { type Random, randomBelow, systemClock, systemRandom } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { surviveFaults } from './crash-suite.ts'
import { History } from './history.ts'

const SECONDS_DEFAULT = 8
const SECONDS = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? SECONDS_DEFAULT)
/** Beside its time, one history on a machine that is slow today. */
const timeout = 240_000 + SECONDS * 1_000

const ERRORS: Readonly<Record<DiskOperationKind, readonly string[]>> = {
  open: ['EMFILE', 'EIO', 'EACCES'],
  create: ['EMFILE', 'ENOSPC', 'EIO'],
  list: ['EMFILE', 'EIO'],
  exists: ['EIO'],
  rename: ['EIO', 'ENOSPC'],
  remove: ['EIO'],
  makeDirectory: ['ENOSPC', 'EIO'],
  syncDirectory: ['EIO', 'EMFILE'],
  freeBytes: ['EIO'],
  size: ['EIO'],
  write: ['EIO', 'ENOSPC'],
  sync: ['EIO', 'ENOSPC'],
  read: ['EIO'],
  truncate: ['EIO'],
  closeFile: ['EIO'],
}

it('on a disk that fails anywhere it neither lies nor loses what it acknowledged', { timeout }, async () => {
  const replay = process.env['MILLRACE_SEED']
  const firstSeed = replay === undefined ? randomBelow(systemRandom, 1_000_000) : Number(replay)
  const untilMs = replay === undefined ? systemClock.monotonic() + SECONDS * 1_000 : 0
  const failed = new Map<string, number>()
  let seed = firstSeed
  do {
    await failEverywhere(seed, failed)
    seed++
  } while (systemClock.monotonic() < untilMs)
  const counts = [...failed].sort().map(([fault, count]) => `${fault} ${count}`)
  process.stderr.write(`log faults: seeds ${firstSeed}…${seed - 1}: ${counts.join(', ')}\n`)
  expect(counts.length).toBeGreaterThan(10)
})

async function failEverywhere(seed: number, failed: Map<string, number>): Promise<void> {
  let operations = 0
  const counting = new History(seed, undefined, { lives: 1, faults: () => void operations++ })
  await counting.run()
  for (let at = 1; at <= operations; at++) {
    const random = seededRandom(seed * 1_000_003 + at)
    const plan = new FaultPlan(at, random)
    const mode = CRASH_MODES[randomBelow(random, CRASH_MODES.length)] ?? 'all-lost'
    const history = new History(seed, undefined, { lives: 1, faults: (operation) => plan.faultOf(operation) })
    try {
      await surviveFaults(history, mode, random)
    } catch (error) {
      throw new Error(
        `${error instanceof Error ? error.message : String(error)}\n  seed ${seed}: ${plan.description}, then ${mode}\n` +
          `  again: MILLRACE_SEED=${seed} npx vitest run --project simulation tests/simulation/log/faults`,
        { cause: error },
      )
    }
    failed.set(plan.kind, (failed.get(plan.kind) ?? 0) + 1)
  }
}

/** The operation number `at` fails; in one plan of three all later ones of its kind fail too. */
class FaultPlan {
  description = 'nothing failed'
  kind = 'none'
  readonly #at: number
  readonly #isLasting: boolean
  readonly #random: Random
  #operations = 0
  #fault: DiskFault | undefined
  #failing: DiskOperationKind | undefined

  constructor(at: number, random: Random) {
    this.#at = at
    this.#random = random
    this.#isLasting = random.float() < 0.33
  }

  faultOf(operation: DiskOperation): DiskFault | undefined {
    this.#operations++
    if (this.#operations === this.#at) {
      const codes = ERRORS[operation.kind]
      const code = codes[randomBelow(this.#random, codes.length)] ?? 'EIO'
      this.#failing = operation.kind
      this.#fault = {
        code,
        writtenBytes: randomBelow(this.#random, operation.bytes + 1),
        failedSync: this.#random.float() < 0.5 ? 'phantom' : 'revert',
      }
      this.kind = `${operation.kind} ${code}`
      this.description = `operation ${this.#at}, ${operation.kind} ${operation.path}, gives ${code}${this.#isLasting ? ' from then on' : ''}`
      return this.#fault
    }
    return this.#isLasting && operation.kind === this.#failing ? this.#fault : undefined
  }
}
