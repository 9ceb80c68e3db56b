/** The whole service, simulated, with streams that are on-demand for a while: their shards are split in the background. */
import { it } from 'vitest'
import { MODE_SEEDS_FROM } from './world/plan.ts'
import { runWorlds } from './world-suite.ts'

const timeout = (Number(process.env['MILLRACE_SOAK_SECONDS'] ?? 0) + 1_800) * 1_000

it('keeps every promise in worlds with on-demand streams', { timeout }, () =>
  runWorlds({
    name: 'on demand',
    seeds: 100,
    offset: MODE_SEEDS_FROM,
    covers: ['changes to ON_DEMAND', 'changes to PROVISIONED'],
  }),
)
