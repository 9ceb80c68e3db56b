/** The whole service, simulated, with streams that are scaled by UpdateShardCount beside splits and merges. */
import { it } from 'vitest'
import { SCALING_SEEDS_FROM } from './world/plan.ts'
import { runWorlds } from './world-suite.ts'

const timeout = (Number(process.env['MILLRACE_SOAK_SECONDS'] ?? 0) + 1_800) * 1_000

it('keeps every promise in worlds that scale', { timeout }, () =>
  runWorlds({ name: 'scaling', seeds: 300, offset: SCALING_SEEDS_FROM, covers: ['scalings'] }),
)
