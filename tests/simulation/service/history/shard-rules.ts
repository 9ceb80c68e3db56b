/**
 * What lists of shards may say: open shards partition the key space whenever nothing is under way, a child begins
 * after its parents' end and only once they are closed, nothing of a shard ever changes but that it closes, and a
 * shard leaves the list only with its records. Invariants I1 (seen by lists) and I3.
 */
import { HASH_KEY_MAX } from '@millrace/protocol'
import type { SeenShard, StampedEvent } from './events.ts'
import { arrivalSecondMs, type Facts, mayLeadClock } from './facts.ts'
import type { RetentionBounds } from './retention-bounds.ts'
import { Violation } from './violation.ts'

type ShardsEvent = StampedEvent & { readonly kind: 'shards' }

export function checkShards(events: readonly StampedEvent[], facts: Facts, retention: RetentionBounds): void {
  const before = new Map<string, { readonly event: ShardsEvent; readonly at: number }>()
  /** Streams that may go at any moment. */
  const deleted = new Set<string>()
  /** Ids of the children of a shard, once a list has them. */
  const children = new Map<string, readonly string[]>()
  for (const [at, event] of events.entries()) {
    if (event.kind === 'delete') deleted.add(event.stream)
    if (event.kind === 'create') {
      before.delete(event.stream)
      deleted.delete(event.stream)
    }
    if (event.kind === 'page' && event.children !== undefined) {
      const shard = facts.shard(event.stream, event.shard)
      shard.closedAt = Math.min(shard.closedAt, at)
    }
    if (event.kind === 'filtered' && event.shardIds.join() !== event.expected.join()) {
      throw new Violation(
        'lists',
        `the list of ${event.stream} by ${event.filter} has ${event.shardIds.join() || 'nothing'}, not ${event.expected.join() || 'nothing'}`,
      )
    }
    if (event.kind !== 'shards') continue
    for (const shard of event.shards) checkShard(event, shard, at, facts)
    checkFamilies(event, children)
    if (event.isQuiet) checkPartition(event)
    if (!event.isFresh || deleted.has(event.stream)) continue
    const last = before.get(event.stream)
    if (last !== undefined && last.at >= event.calledAt) continue
    if (last !== undefined) {
      const between = events.slice(last.at, at + 1).map(({ time }) => time.earliestMs)
      checkGone(last.event, event, {
        goneBeforeMs: retention.goneBefore(event.stream, at),
        sinceMs: Math.min(...between),
      })
    }
    before.set(event.stream, { event, at })
  }
  for (const event of events) {
    if (event.kind !== 'page' || event.children === undefined) continue
    const expected = children.get(`${event.stream} ${event.shard}`)
    if (expected === undefined || expected.join() === event.children.join()) continue
    const { shardId } = facts.shard(event.stream, event.shard)
    throw new Violation(
      'I5',
      `at the end of ${shardId} of ${event.stream} a reader is sent to ${event.children.join()}, not ${expected.join()}`,
    )
  }
}

function checkShard(event: ShardsEvent, seen: SeenShard, at: number, facts: Facts): void {
  const shard = facts.shard(event.stream, seen.starting)
  const where = `${seen.shardId} of ${event.stream}`
  if (shard.shardId !== seen.shardId) throw new Violation('I8', `${where} has the numbers of ${shard.shardId}`)
  const known = shard.listed
  if (known !== undefined) {
    const same =
      known.firstHash === seen.firstHash &&
      known.lastHash === seen.lastHash &&
      known.parents.join() === seen.parents.join()
    if (!same) throw new Violation('I3', `${where} has other keys or parents than before`)
    // Of two that ask at the same time, either may be told first.
    if (seen.ending === undefined && event.isFresh && shard.closedAt < event.calledAt)
      throw new Violation('I1', `${where} was closed and is open again`)
    if (known.ending !== undefined && seen.ending !== undefined && known.ending !== seen.ending)
      throw new Violation('I1', `${where} ended at ${known.ending}, and now at ${seen.ending}`)
  }
  if (known?.ending === undefined) shard.listed = seen
  if (seen.ending !== undefined) shard.closedAt = Math.min(shard.closedAt, at)
}

function checkFamilies(event: ShardsEvent, children: Map<string, readonly string[]>): void {
  const byId = new Map(event.shards.map((shard) => [shard.shardId, shard]))
  const found = new Map<SeenShard, SeenShard[]>()
  for (const child of event.shards) {
    for (const id of child.parents) {
      const parent = byId.get(id)
      // Its records have expired, and it with them.
      if (parent === undefined) continue
      const where = `${child.shardId} of ${event.stream}, child of ${id},`
      if (parent.ending === undefined) throw new Violation('I3', `${where} is there while its parent is open`)
      if (child.starting <= parent.ending)
        throw new Violation('I8', `${where} begins at ${child.starting}, not above its parent's end ${parent.ending}`)
      if (child.parents.length === 1 && (child.firstHash < parent.firstHash || child.lastHash > parent.lastHash))
        throw new Violation('I3', `${where} has keys that its parent had not`)
      if (child.parents.length === 2 && (child.firstHash > parent.firstHash || child.lastHash < parent.lastHash))
        throw new Violation('I3', `${where} lacks keys that its parent had`)
      found.set(parent, [...(found.get(parent) ?? []), child])
    }
  }
  for (const [parent, list] of found)
    children.set(`${event.stream} ${parent.starting}`, list.map(({ shardId }) => shardId).sort())
}

function checkPartition(event: ShardsEvent): void {
  const open = event.shards.filter((shard) => shard.ending === undefined)
  let next = 0n
  for (const shard of open.sort((a, b) => (a.firstHash < b.firstHash ? -1 : 1))) {
    if (shard.firstHash !== next) {
      throw new Violation(
        'I3',
        `the open shards of ${event.stream} ${shard.firstHash > next ? 'leave out' : 'share'} keys at ${next}: ` +
          `${shard.shardId} begins at ${shard.firstHash}`,
      )
    }
    next = shard.lastHash + 1n
  }
  if (next !== HASH_KEY_MAX + 1n)
    throw new Violation('I3', `the open shards of ${event.stream} leave out keys from ${next}`)
}

interface Between {
  /** Records with a time before this may be gone by the second list. */
  readonly goneBeforeMs: number
  /** No clock showed less between the two. */
  readonly sinceMs: number
}

/** No creation lies between the two lists: what is no longer there has expired. */
function checkGone(before: ShardsEvent, now: ShardsEvent, { goneBeforeMs, sinceMs }: Between): void {
  const present = new Set(now.shards.map(({ starting }) => starting))
  for (const shard of before.shards) {
    if (present.has(shard.starting)) continue
    if (shard.ending === undefined && sinceMs < goneBeforeMs) continue
    if (shard.ending === undefined)
      throw new Violation('I7', `${shard.shardId} of ${now.stream} was open and is no longer listed`)
    if (arrivalSecondMs(shard.ending) >= goneBeforeMs && !mayLeadClock(shard.ending))
      throw new Violation(
        'I7',
        `${shard.shardId} of ${now.stream} is no longer listed, and its records have not expired`,
      )
  }
}
