/** Bugs of leases in Redis: what it lost, and what it may lose. Their suite needs a `redis-server`. */
import type { Mutant, Suite } from './mutant.ts'

const suite = (test: string): Suite => ({ project: 'stores', files: ['stores/redis-lease-store'], test })
const LOSSES: Suite = { project: 'stores', files: ['stores/redis-losses'] }
const SRC = 'packages/consumer/src/leases/redis'

export const REDIS_MUTANTS: readonly Mutant[] = [
  {
    name: 'redis-term-comes-again',
    mechanism: 'in a Redis that lost leases a change is refused of a term whose epoch came again',
    file: `${SRC}/scripts.ts`,
    find: "(update.term ~= '' and lease.term ~= update.term) or",
    replace: 'false or',
    suite: suite('thought of a term that is lost'),
  },
  {
    name: 'redis-own-epoch-again',
    mechanism: 'a worker is told no epoch of its own for another term',
    file: `${SRC}/redis-leases.ts`,
    find: 'if (older.length > 0)',
    replace: 'if (older.length < 0)',
    suite: suite('ends a term in an epoch'),
  },
  {
    name: 'redis-cursor-of-what-is-lost',
    mechanism: 'who has a cursor that Redis does not know is told everything',
    file: `${SRC}/scripts.ts`,
    find: "redis.call('ZSCORE', history, cursor) or -1",
    replace: "redis.call('ZSCORE', history, cursor) or (cursor == '' and -1 or news)",
    suite: suite('tells everything, however many'),
  },
  {
    name: 'redis-answer-of-what-is-lost',
    mechanism: 'who was answered a change that Redis does not know is told everything',
    file: `${SRC}/scripts.ts`,
    find: "if answered ~= '' and not redis.call('ZSCORE', history, answered)",
    replace: 'if false',
    suite: LOSSES,
  },
  {
    name: 'redis-older-epoch-than-known',
    mechanism: 'a change is refused in an epoch before one that was told',
    file: `${SRC}/known-terms.ts`,
    find: 'return epoch === known.epoch ? known.term : NONE',
    replace: "return epoch === known.epoch ? known.term : ''",
    suite: LOSSES,
  },
  {
    name: 'redis-checkpoint-goes-back',
    mechanism: 'Redis orders sequence numbers as numbers',
    file: `${SRC}/scripts.ts`,
    find: 'if #a.checkpoint ~= #b.checkpoint then return #a.checkpoint < #b.checkpoint end',
    replace: '',
    suite: suite('refuses a checkpoint before'),
  },
  {
    name: 'redis-that-forgets',
    mechanism: 'a Redis that may take back what it answered is refused',
    file: `${SRC}/durability.ts`,
    find: 'if (wrong.length === 0)',
    replace: 'if (wrong.length >= 0)',
    suite: suite('refuses a Redis that may take back'),
  },
  {
    name: 'redis-wait-on-another-connection',
    mechanism: 'a wait for replicas counts on the connection of the write alone',
    file: `${SRC}/redis-connection.ts`,
    find: 'if (before !== after)',
    replace: 'if (before === undefined)',
    suite: suite('trusts no wait'),
  },
]
