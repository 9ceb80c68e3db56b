import { fuzzTargets } from './support/fuzz-suite.ts'

fuzzTargets(0)
