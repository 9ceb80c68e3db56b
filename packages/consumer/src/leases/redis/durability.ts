/**
 * Whether Redis keeps what it has answered. A store of leases must: a checkpoint that is taken back has records processed again that
 * were done with. By default Redis answers up to a second before it writes to the disk, or never writes.
 */
import { LeaseStoreError } from '../lease-store.ts'
import type { RedisConnection } from './redis-connection.ts'

/** What each setting must be, and what to set it to. */
const SETTINGS: readonly (readonly [name: string, isDurable: (value: string) => boolean, set: string])[] = [
  ['appendonly', (value) => value === 'yes', 'yes'],
  ['appendfsync', (value) => value === 'always', 'always'],
  ['no-appendfsync-on-rewrite', (value) => value === 'no', 'no'],
  // The others evict nothing, or only what is to expire, which leases are not.
  ['maxmemory-policy', (value) => !value.startsWith('allkeys-'), 'noeviction'],
]

/** Rejects with a `LeaseStoreError` `invalid` where it does not, or where that cannot be seen. `key`: of the node that is meant. */
export async function requireDurable(connection: RedisConnection, key: string, signal: AbortSignal): Promise<void> {
  const found = await settings(connection, key, signal)
  const wrong = SETTINGS.filter(([name, isDurable]) => !isDurable(found.get(name) ?? ''))
  if (wrong.length === 0) return
  const each = wrong.map(([name, , set]) => `${name} ${found.get(name) ?? 'unknown'} (set: ${name} ${set})`)
  throw new LeaseStoreError(
    'invalid',
    `Expected a Redis that keeps what it has answered, found ${each.join(', ')}. ` + OTHERWISE,
  )
}

const OTHERWISE =
  'Where answers are durable all the same, or may be taken back, say so to the lease store: durability: "assumed".'

async function settings(
  connection: RedisConnection,
  key: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  try {
    const reply = await connection.send(['CONFIG', 'GET', ...SETTINGS.map(([name]) => name)], key, signal)
    return new Map(pairsOf(reply))
  } catch (error) {
    if (!(error instanceof LeaseStoreError) || error.retryable) throw error
    throw new LeaseStoreError(
      'invalid',
      `Expected to see whether Redis keeps what it has answered, but CONFIG GET is refused (${error.message}). ` +
        OTHERWISE,
      { cause: error },
    )
  }
}

/** A list of names and values by turns, or what clients make of one. */
function pairsOf(reply: unknown): readonly (readonly [string, string])[] {
  if (reply instanceof Map) return [...(reply as ReadonlyMap<string, string>)]
  if (!Array.isArray(reply)) return Object.entries(reply as Record<string, string>)
  return Array.from({ length: reply.length / 2 }, (_, i) => [String(reply[2 * i]), String(reply[2 * i + 1])])
}
