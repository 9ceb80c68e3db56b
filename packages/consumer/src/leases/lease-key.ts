/**
 * Keys of leases: `<stream>:<creation second of the stream>:<shard id>`, the stream with its account before it where it is
 * named by its ARN (`stream-names.ts`). A stream that was deleted and made again under its name is another one, and an
 * application may always take up a second stream (the KCL has short keys for one stream and long ones for several, and
 * cannot go from one to the other).
 */
import type { Lease } from './lease.ts'

export interface LeaseKeyParts {
  /** `<name>`, or `<account>:<name>`. */
  readonly stream: string
  /** Seconds since the epoch. */
  readonly createdAtSecond: number
  readonly shardId: string
}

export function leaseKey({ stream, createdAtSecond, shardId }: LeaseKeyParts): string {
  return `${stream}:${createdAtSecond}:${shardId}`
}

/** `undefined` for what is no such key. */
export function parseLeaseKey(key: string): LeaseKeyParts | undefined {
  const match = /^((?:\d{12}:)?[A-Za-z0-9_.-]{1,128}):(\d{1,12}):([A-Za-z0-9_.-]{1,128})$/.exec(key)
  if (match === null) return undefined
  const [, stream = '', second, shardId = ''] = match
  return { stream, createdAtSecond: Number(second), shardId }
}

/** Of the leases of its parents. A lease whose key is none of ours has theirs by their shard ids. */
export function parentKeys({ key, parents }: Pick<Lease, 'key' | 'parents'>): readonly string[] {
  const parts = parseLeaseKey(key)
  return parents.map((shardId) => (parts === undefined ? shardId : leaseKey({ ...parts, shardId })))
}
