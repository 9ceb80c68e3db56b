/**
 * How leases are called in the table. The KCL has short keys for an application of one stream and long ones for several,
 * and sees nothing of the other kind: the table is opened with the kind that is in it.
 */
import { KinesisServiceError } from '@millrace/client'
import type { StreamService } from '../../service.ts'
import { StreamNames } from '../../stream-names.ts'
import { leaseKey, type LeaseKeyParts, parseLeaseKey } from '../lease-key.ts'
import { LeaseStoreError } from '../lease-store.ts'
import type { Item } from './lease-item.ts'

export interface ItemKeys {
  /** Throws a `LeaseStoreError` for a key of the other kind, or a lease of the stream that had the name before. */
  parse(item: Item): { readonly key: string; readonly stream: string; readonly shardId: string }
  /** The key, and what else says which lease it is. */
  attributesOf(key: string): Item
}

/**
 * `leaseKey` is the shard's id, which a stream that is made again has, too: what we make tells the stream's creation second, as rows of
 * the one before, at SHARD_END, would have shards of the new one read by nobody. Rows of a KCL tell none.
 */
function shortKeys({ stream, createdAtSecond }: Omit<LeaseKeyParts, 'shardId'>): ItemKeys {
  return {
    parse(item) {
      const shardId = itemKeyOf(item)
      if (!/^[A-Za-z0-9_.-]{1,128}$/.test(shardId))
        throw invalid(`Expected lease keys that are shard ids, found "${shardId}": open the table with long keys.`)
      const found = item['millraceStreamCreatedAt']?.N
      if (found !== undefined && found !== String(createdAtSecond))
        throw invalid(
          `Expected leases of ${stream} as it was created at ${createdAtSecond}, found those of one created at ${found}: ` +
            'the stream was made again. Delete the table, so that the stream is processed from its beginning, or name another table.',
        )
      return { key: leaseKey({ stream, createdAtSecond, shardId }), stream, shardId }
    },
    attributesOf(key) {
      const parts = partsOf(key)
      if (parts.stream !== stream || parts.createdAtSecond !== createdAtSecond)
        throw invalid(
          `Expected a lease of ${stream}, created at ${createdAtSecond}, found ${key}: ` +
            'a table with short keys is for one stream only; for another, or one that was made again, use another table.',
        )
      return { leaseKey: { S: parts.shardId }, millraceStreamCreatedAt: { N: String(createdAtSecond) } }
    },
  }
}

/** Asks the service when the stream, by its name or ARN, was made; leases call it as `StreamNames` does. Rejects with a `LeaseStoreError`. */
export async function shortKeysOf(service: StreamService, stream: string, signal: AbortSignal): Promise<ItemKeys> {
  const names = new StreamNames({ region: service.region })
  const [called = stream] = names.told([stream])
  try {
    const { StreamDescriptionSummary } = await service.describeStreamSummary(names.inputOf(called), { signal })
    const createdAtSecond = Math.floor(StreamDescriptionSummary.StreamCreationTimestamp / 1000)
    return shortKeys({ stream: called, createdAtSecond })
  } catch (cause) {
    const isDenied = cause instanceof KinesisServiceError && cause.type === 'AccessDeniedException'
    const message = cause instanceof Error ? cause.message : String(cause)
    const what = `Its leases have short keys, and when the stream ${stream} was made is not known: ${message}`
    throw new LeaseStoreError(isDenied ? 'denied' : 'unavailable', what, { cause })
  }
}

/**
 * `<account>:<stream>:<creation second>:<shard id>`, for any number of streams. `account`: of those that our leases call by their names
 * alone; without, none.
 */
export function longKeys(account: string | undefined): ItemKeys {
  return {
    parse(item) {
      const itemKey = itemKeyOf(item)
      const parts = parseLeaseKey(itemKey)
      const [found, name] = parts?.stream.split(':') ?? []
      if (parts === undefined || name === undefined)
        throw invalid(
          `Expected lease keys like 111122223333:stream:1700000000:shardId-000000000000, found "${itemKey}": ` +
            'where they are shard ids, open the table with short keys.',
        )
      const stream = found === account ? name : parts.stream
      return { key: leaseKey({ ...parts, stream }), stream, shardId: parts.shardId }
    },
    attributesOf(key) {
      const { stream, createdAtSecond, shardId } = partsOf(key)
      const isForeign = stream.includes(':')
      if (!isForeign && account === undefined) throw invalid(`Expected a lease that tells its account, found ${key}.`)
      const streamName = `${isForeign ? stream : `${account}:${stream}`}:${createdAtSecond}`
      return { leaseKey: { S: `${streamName}:${shardId}` }, streamName: { S: streamName }, shardId: { S: shardId } }
    },
  }
}

export function itemKeyOf(item: Item): string {
  return item['leaseKey']?.S ?? ''
}

function partsOf(key: string): LeaseKeyParts {
  const parts = parseLeaseKey(key)
  if (parts === undefined) throw invalid(`Expected <stream>:<creation second>:<shard id>, found "${key}".`)
  return parts
}

function invalid(message: string): LeaseStoreError {
  return new LeaseStoreError('invalid', message)
}
