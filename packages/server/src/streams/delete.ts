/**
 * How a stream ends: it is DELETING, without consumers, with all that must be dropped and remembered written down; then its shards and
 * pages go; then its root, leaving behind only the last birth, so that a stream of the same name starts above it.
 */
import type { ShardRef } from '../engine/engine.ts'
import { consumerSecond, noConsumers } from './consumer.ts'
import { shardsOf, type Stream } from './stream.ts'

export function beginDeletion(stream: Stream, nowMs: number): Stream {
  const planned = plannedRefs(stream)
  return {
    ...stream,
    status: 'DELETING',
    consumers: noConsumers,
    change: {
      kind: 'delete',
      sinceMs: nowMs,
      lastBirthS: lastBirthS(stream),
      ...(planned === undefined ? {} : { planned }),
    },
  }
}

/** Everything the engine holds for a stream that is being deleted, or might. */
export function refsToDrop(stream: Stream): readonly ShardRef[] {
  const refs = [...shardsOf(stream)].map((shard) => shard.ref)
  const planned = stream.change?.kind === 'delete' ? stream.change.planned : undefined
  for (let i = 0; i < (planned?.count ?? 0); i++) refs.push((planned?.firstRef ?? 0) + i)
  return [...new Set(refs)]
}

function plannedRefs(stream: Stream): { readonly firstRef: ShardRef; readonly count: number } | undefined {
  const { change } = stream
  if (change?.kind === 'create') return { firstRef: change.firstRef, count: change.shards }
  if (change?.kind !== 'reshard') return undefined
  const { scaling, children } = change
  if (scaling !== undefined) return { firstRef: scaling.firstRef, count: scaling.shards }
  const [first] = children
  return first === undefined ? undefined : { firstRef: first.ref, count: children.length }
}

function lastBirthS(stream: Stream): number {
  let last = stream.change?.kind === 'create' ? stream.change.birthS : 0
  for (const shard of shardsOf(stream)) last = Math.max(last, shard.birthS)
  // Consumers of a later stream of the name are registered later, too.
  for (const consumer of stream.consumers.values()) last = Math.max(last, consumerSecond(consumer))
  return Math.max(last, stream.lastConsumerS ?? 0)
}
