/**
 * One cell of the matrix: a history lives through a fault on a simulated disk, with everything that the log says
 * meanwhile written down, and is then held to what it owes. `fault-matrix.test.ts` goes through all places and faults.
 */
import { CRASH_MODES } from '@millrace/log/testing'
import { seededRandom } from '@millrace/std/testing'
import type { NamedFault } from './call-faults.ts'
import type { CallSite } from './call-sites.ts'
import { surviveFaults } from './crash-suite.ts'
import { FaultHistory, type Sign } from './fault-history.ts'
import { type Cell, FaultPlan } from './fault-plan.ts'
import { Violation } from './oracle.ts'

/** Which passes of a history through each place reach the disk; and what it costs to live through. */
export interface Passes {
  readonly seed: number
  readonly bySite: ReadonlyMap<CallSite, readonly number[]>
  readonly operations: number
}

/** Lives through the history without a fault. */
export async function passesOf(seed: number): Promise<Passes> {
  const bySite = new Map<CallSite, number[]>()
  let operations = 0
  const life = new FaultHistory(seed, {
    isNamed: () => true,
    note: () => {},
    faultOf: ({ site, pass }, { kind }) => {
      operations++
      // What is cut off between its halves has no sync to fail.
      if (kind === 'write' && site.endsWith(' writeAndSync')) return undefined
      const passes = bySite.get(site)
      if (passes === undefined) bySite.set(site, [pass])
      else passes.push(pass)
      return undefined
    },
    endLife: (isLast) => isLast,
    isLasting: false,
    isMendedInLife: false,
    mend: () => {},
  })
  await life.history.run()
  return { seed, bySite, operations }
}

/** What a cell came to. */
export interface Outcome {
  readonly signs: ReadonlySet<Sign>
  /** Where the second fault hit, if one was to. */
  readonly second: { readonly site: CallSite; readonly fault: NamedFault } | undefined
}

/** Lives through the history with the cell's faults. Throws when anything is lost, shown wrongly, or does not go on. */
export async function runCell(cell: Cell): Promise<Outcome> {
  const { seed, pass } = cell
  const plan = new FaultPlan(cell)
  const life = new FaultHistory(seed, plan)
  const mode = CRASH_MODES[(seed + pass) % CRASH_MODES.length] ?? 'all-lost'
  try {
    await surviveFaults(life.history, mode, seededRandom(seed * 1_000_003 + pass))
  } catch (error) {
    const { second } = plan
    if (second === undefined) throw error
    throw new Violation(`after ${second.fault.name} at ${second.site}: ${error}`, { cause: error })
  }
  if (!plan.hasFirst) throw new Violation('the history does not lead there')
  return { signs: life.signs, second: plan.second }
}
