/**
 * A log that was killed, so that no snapshot holds its newest commits, and one of them rots: a log that lost a change of its
 * metadata stores nothing on top, and one that stores says the same when it is opened again. MILLRACE_SEED replays one
 * history.
 */
import { Log } from '@millrace/log'
import { rot, type SimulatedDisk } from '@millrace/log/testing'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import { expect, it } from 'vitest'
import { ChangeList } from './change-list.ts'
import { History } from './history.ts'
import { makePayload } from './payload.ts'
import { lastCommitOf, openRotten } from './rot-suite.ts'
import { settled } from './settled.ts'

const SECONDS_DEFAULT = 5
const SECONDS = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? SECONDS_DEFAULT)
/** Of each history, how many crashes are looked at, and how many commits rot in each. */
const CRASHES_PER_HISTORY = 8
const ROTS_PER_CRASH = 12
const KINDS = ['head', 'head', 'zero', 'garbage'] as const
/** No history makes so many. */
const OWN_CHANGE = 1_000_000

/**
 * `refused`: a change is lost, or may be, and nothing is stored on top. `told`: no change is lost, and it goes on. `tail`: the
 * newest commits are gone with all that could have told of them. `whole`: nothing that was durable is gone.
 */
type Outcome = 'refused' | 'told' | 'tail' | 'whole'

it(
  'stores nothing on top of a change of its metadata that rotted, and goes on for good over all else',
  { timeout: 240_000 + SECONDS * 1_000 },
  async () => {
    const replay = process.env['MILLRACE_SEED']
    const firstSeed = replay === undefined ? randomBelow(systemRandom, 1_000_000) : Number(replay)
    const untilMs = replay === undefined ? systemClock.monotonic() + SECONDS * 1_000 : 0
    const outcomes = new Map<Outcome, number>()
    let seed = firstSeed
    do {
      await killAndRot(seed, outcomes)
      seed++
    } while (systemClock.monotonic() < untilMs)
    const counts = [...outcomes].sort().map(([outcome, count]) => `${outcome} ${count}`)
    process.stderr.write(`rot of killed logs: seeds ${firstSeed}…${seed - 1}: ${counts.join(', ')}\n`)
    if (replay === undefined) expect([...outcomes.keys()].sort()).toEqual(['refused', 'tail', 'told', 'whole'])
  },
)

async function killAndRot(seed: number, outcomes: Map<Outcome, number>): Promise<void> {
  const history = new History(seed)
  await history.run()
  const random = seededRandom(seed)
  for (let crashes = 0; crashes < CRASHES_PER_HISTORY && history.forks.length > 0; crashes++) {
    const crashed = history.forks[randomBelow(random, history.forks.length)]?.disk.crash('all-kept', random)
    if (crashed === undefined) continue
    const before = await openRotten(crashed.fork(), history)
    for (let round = 0; round < ROTS_PER_CRASH; round++) {
      const kind = KINDS[randomBelow(random, KINDS.length)] ?? 'head'
      const disk = crashed.fork(random)
      const damage = rot(disk, kind, random, crashed, 'log/')
      if (damage === undefined || !damage.path.endsWith('.seg')) continue
      try {
        const outcome = await outcomeOf(disk, before, history)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      } catch (error) {
        throw new Error(
          `${error instanceof Error ? error.message : String(error)}\n` +
            `  seed ${seed}, crash ${crashes}, round ${round}: ${kind} ${damage.path} at ${damage.offset}\n` +
            `  again: MILLRACE_SEED=${seed} npx vitest run --project simulation tests/simulation/log/rot-killed`,
          { cause: error },
        )
      }
    }
  }
}

async function outcomeOf(
  disk: SimulatedDisk,
  before: Awaited<ReturnType<typeof openRotten>>,
  history: History,
): Promise<Outcome> {
  const later = disk.fork()
  const opened = await openRotten(disk, history)
  const found = new Set(opened.contents.changes.map(({ id }) => id))
  const lost = before.contents.changes.filter(({ id }) => !found.has(id))
  if (opened.reported === before.reported) {
    if (lost.some(({ commit }) => commit <= lastCommitOf(opened.contents)))
      throw new Error('a change is lost in silence')
    return lost.length === 0 ? 'whole' : 'tail'
  }
  if (!opened.isWritable) return 'refused'
  if (lost.length > 0) throw new Error(`change ${lost[0]?.id} is lost, and the log goes on`)
  for (const [ledger, { state }] of before.contents.ledgers) {
    const now = opened.contents.ledgers.get(ledger)?.state
    if (now !== state) throw new Error(`ledger ${ledger} was ${state} and is ${now}, and the log goes on`)
  }
  await storeAndOpenAgain(later, history)
  return 'told'
}

/** The change is there at the next start, which does not doubt what this one was sure of. */
async function storeAndOpenAgain(disk: SimulatedDisk, history: History): Promise<void> {
  const clock = new VirtualClock(1_800_000_000_000)
  const metadata = new ChangeList()
  const log = await settled(clock, Log.open({ ...history.settings, disk, clock, random: seededRandom(1), metadata }))
  await settled(clock, log.appendMetadata(makePayload(OWN_CHANGE, 0, 0), { deadlineMs: Number.MAX_SAFE_INTEGER }))
  const left = disk.crash('all-lost')
  disk.halt()
  const { contents, isWritable } = await openRotten(left, history)
  if (!isWritable) throw new Error('the log went on, and doubts its metadata when it is opened again')
  if (!contents.changes.some(({ id }) => id === OWN_CHANGE)) throw new Error('a change behind the hole is lost')
}
