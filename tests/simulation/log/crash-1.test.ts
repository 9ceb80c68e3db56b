/** One half of the crash states of the log: see crash-states.ts. */
import { describe } from 'vitest'
import { crashStates } from './crash-states.ts'

describe('a log that crashes', () => crashStates(1))
