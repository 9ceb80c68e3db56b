/** A stream as it is just after its creation, and its open shards, for tests of `streams/`. */
import { beginStream, commitCreation, firstShards } from '../streams/create.ts'
import type { Shard } from '../streams/shard.ts'
import { shardsOf, type Stream } from '../streams/stream.ts'

/** An active stream of that many equal shards, with refs from 1 on. */
export function evenStream(shards: number, nowMs: number): Stream {
  const begun = beginStream({
    key: { account: '123456789012', region: 'us-east-1', name: 's' },
    shards,
    firstRef: 1,
    nowMs,
    lastBirthS: 0,
    maxRecordKiB: 1024,
    tags: {},
  })
  return commitCreation({ ...begun, pages: firstShards(begun) })
}

/** In the order of their hash keys. */
export function openShards(stream: Stream): readonly Shard[] {
  return [...shardsOf(stream)]
    .filter((shard) => shard.closed === undefined)
    .sort((a, b) => (a.range.start < b.range.start ? -1 : 1))
}
