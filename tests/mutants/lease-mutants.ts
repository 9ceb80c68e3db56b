/** Bugs of who processes which shard: terms, checkpoints that go back, what is taken, let go of and brought to its end. */
import type { Mutant, Suite } from './mutant.ts'

const COORDINATOR: Suite = { project: 'units', files: ['consumer/src/leases/lease-coordinator'] }
const WORKER: Suite = { project: 'units', files: ['consumer/src/worker.test'] }
const SRC = 'packages/consumer/src'

export const LEASE_MUTANTS: readonly Mutant[] = [
  {
    name: 'latest-without-time',
    mechanism: 'a lease that is made at LATEST tells since when',
    file: `${SRC}/shards/shard-sync.ts`,
    find: '{ ...lease, startTimeMs }',
    replace: '{ ...lease, startTimeMs: Infinity }',
    suite: WORKER,
  },
  {
    name: 'latest-of-each-owner',
    mechanism: 'a lease at LATEST that tells no time is given one before it is read',
    file: `${SRC}/worker.ts`,
    find: 'if (isLatestWithoutTime(held.lease))',
    replace: 'if (isLatestWithoutTime(held.lease) && held.lost.aborted)',
    suite: WORKER,
  },
  {
    name: 'term-begun-twice',
    mechanism: 'who begins a shard again takes a new term first',
    file: `${SRC}/leases/claims.ts`,
    find: 'return this.#begun.get(key) === epoch',
    replace: 'return this.#begun.get(key) === epoch && false',
    suite: COORDINATOR,
  },
  {
    name: 'checkpoint-goes-back-in-its-term',
    mechanism: 'a store refuses a checkpoint before the stored one',
    file: `${SRC}/leases/lease.ts`,
    find: 'return checkpoint !== undefined && epoch === undefined &&',
    replace: 'return epoch === NaN && checkpoint !== undefined &&',
    suite: { project: 'units', files: ['consumer/src/leases/memory-lease-store'] },
  },
  {
    name: 'store-without-bound',
    mechanism: 'a call of the store that is not answered ends, and is made again',
    file: `${SRC}/leases/bounded-lease-store.ts`,
    find: 'const limitMs = ttlMs / 3',
    replace: 'const limitMs = ttlMs * 1_000',
    suite: COORDINATOR,
  },
  {
    name: 'more-than-leases-max',
    mechanism: 'no worker processes more than leasesMax',
    file: `${SRC}/leases/claims.ts`,
    find: '.slice(0, room)',
    replace: '.slice(0, room + 9)',
    suite: COORDINATOR,
  },
  {
    name: 'heir-that-stops',
    mechanism: 'a worker that stops is handed nothing',
    file: `${SRC}/leases/lease-table.ts`,
    find: '(this.#live.get(heir) ?? 0) > 0',
    replace: 'this.#live.has(heir)',
    suite: COORDINATOR,
  },
  {
    name: 'lost-after-its-end',
    mechanism: 'what happens to a lease after SHARD_END is no loss',
    file: `${SRC}/leases/holding.ts`,
    find: 'if (this.#isEnding && lease !== undefined && isShardEnd(lease.checkpoint)) this.#isEnded = true',
    replace: '',
    suite: COORDINATOR,
  },
  {
    name: 'stream-of-others-ended',
    mechanism: 'leases that a living worker holds are not ended by one that does not find their stream',
    file: `${SRC}/shards/shard-sync.ts`,
    find: 'if (deleted.some(({ owner, paused }) => !paused && table.isLive(owner))) return',
    replace: '',
    suite: WORKER,
  },
  {
    name: 'shard-of-another-stream-begun',
    mechanism: 'no lease is begun before its stream was found',
    file: `${SRC}/shards/shard-sync.ts`,
    find: 'if (this.#presence.isThere(lease)) return false',
    replace: 'if (lease !== undefined) return false',
    suite: WORKER,
  },
]
