/** Leases in the order in which they have to come to light, or to be moved, where each is written by itself. */
import type { Lease } from './lease.ts'

type Member = Pick<Lease, 'stream' | 'shardId' | 'parents'>

/** Each with the leases whose parents are not among the rest. */
export function* generations<L extends Member>(leases: readonly L[]): Generator<readonly L[]> {
  for (let rest = leases; rest.length > 0;) {
    const waiting = new Set(rest.map(nameOf))
    const isFirst = ({ stream, parents }: L): boolean =>
      !parents.some((shardId) => waiting.has(nameOf({ stream, shardId })))
    const first = rest.filter(isFirst)
    // Shards that are each other's ancestors would wait for ever.
    yield first.length > 0 ? first : rest
    rest = first.length > 0 ? rest.filter((lease) => !isFirst(lease)) : []
  }
}

function nameOf({ stream, shardId }: Pick<Lease, 'stream' | 'shardId'>): string {
  return `${stream}:${shardId}`
}
