/** New leases in the order in which they have to come to light where each is written by itself. */
import type { NewLease } from '../lease.ts'

/** Each with the leases whose parents are not among the rest. */
export function* generations(leases: readonly NewLease[]): Generator<readonly NewLease[]> {
  for (let rest = leases; rest.length > 0;) {
    const waiting = new Set(rest.map(nameOf))
    const isFirst = ({ stream, parents }: NewLease): boolean =>
      !parents.some((shardId) => waiting.has(nameOf({ stream, shardId })))
    const first = rest.filter(isFirst)
    // Shards that are each other's ancestors would wait for ever.
    yield first.length > 0 ? first : rest
    rest = first.length > 0 ? rest.filter((lease) => !isFirst(lease)) : []
  }
}

function nameOf({ stream, shardId }: Pick<NewLease, 'stream' | 'shardId'>): string {
  return `${stream}:${shardId}`
}
