/** Every planted bug, in the order of the path of a record: front door, domain, engine, log, and the way back to a consumer. */
import { LEASE_MUTANTS } from './lease-mutants.ts'
import { FORMAT_MUTANTS } from './format-mutants.ts'
import { LOG_MUTANTS } from './log-mutants.ts'
import type { Mutant } from './mutant.ts'
import { REDIS_MUTANTS } from './redis-mutants.ts'
import { RETRIEVAL_MUTANTS } from './retrieval-mutants.ts'
import { SERVICE_MUTANTS } from './service-mutants.ts'
import { SHARD_MUTANTS } from './shard-mutants.ts'

export const MUTANTS: readonly Mutant[] = [
  ...SERVICE_MUTANTS,
  ...LOG_MUTANTS,
  ...FORMAT_MUTANTS,
  ...RETRIEVAL_MUTANTS,
  ...SHARD_MUTANTS,
  ...LEASE_MUTANTS,
  ...REDIS_MUTANTS,
]
