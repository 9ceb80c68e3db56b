/** The whole service, simulated: the first half of the worlds. Two files, so that two cores share the work. */
import { it } from 'vitest'
import { runWorlds } from './world-suite.ts'

const timeout = (Number(process.env['MILLRACE_SOAK_SECONDS'] ?? 0) + 1_800) * 1_000

it('keeps every promise in whatever world, seeds of the first half', { timeout }, () =>
  runWorlds({ name: 'first half', seeds: 2_300, offset: 0 }),
)
