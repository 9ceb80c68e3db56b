/**
 * The embedded engine under crashes: the log's own suite crashes every operation; this one shows that what stands on
 * it keeps its word about documents and shards. MILLRACE_SOAK_SECONDS sets the time; MILLRACE_SEED replays one.
 */
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { expect, it } from 'vitest'
import { CrashHistory } from './crash-history.contract.ts'

const SECONDS_DEFAULT = 6
const seconds = Number(process.env['MILLRACE_SOAK_SECONDS'] ?? SECONDS_DEFAULT)

it(
  'an embedded engine keeps every document and record it acknowledged, whole, through crashes',
  async () => {
    const replay = process.env['MILLRACE_SEED']
    const firstSeed = replay === undefined ? randomBelow(systemRandom, 1_000_000) : Number(replay)
    const endMs = replay === undefined ? systemClock.monotonic() + seconds * 1000 : 0
    const modes = new Map<string, number>()
    let acknowledged = 0
    let seed = firstSeed
    for (; seed === firstSeed || systemClock.monotonic() < endMs; seed++) {
      const history = new CrashHistory(seed)
      try {
        await history.run()
      } catch (error) {
        throw new Error(`seed ${seed} fails; replay with MILLRACE_SEED=${seed}`, { cause: error })
      }
      for (const mode of history.modes) modes.set(mode, (modes.get(mode) ?? 0) + 1)
      acknowledged += history.acknowledged
    }
    const crashes = [...modes].map(([mode, count]) => `${mode} ${count}`).join(', ')
    process.stderr.write(`engine crashes: seeds ${firstSeed}…${seed - 1}, ${acknowledged} acknowledged (${crashes})\n`)
    expect(acknowledged).toBeGreaterThan(0)
  },
  600_000 + seconds * 1_000,
)
