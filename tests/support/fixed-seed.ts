/** Properties draw the same cases each time, so that a change is judged by what it changed; MILLRACE_SEED draws others. */
import fc from 'fast-check'
import { MUTANT_VARIABLE } from '../mutants/mutant.ts'

fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  seed: Number(process.env['MILLRACE_SEED'] ?? 1),
  // Of a planted bug nobody wants to see the smallest case.
  endOnFailure: process.env[MUTANT_VARIABLE] !== undefined,
})
