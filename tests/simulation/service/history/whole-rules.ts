/**
 * Acknowledged ⊆ read, whenever somebody has read a stream whole: what is in no shard that is listed has expired with
 * its shard, or the stream it was in was deleted. Invariant I7. Also: `MillisBehindLatest` above 0 means that more
 * was there to read.
 */
import type { StampedEvent } from './events.ts'
import { arrivalSecondMs, type Fact, type Facts, mayLeadClock } from './facts.ts'
import type { PageEvent } from './read-rules.ts'
import type { RetentionBounds } from './retention-bounds.ts'
import { shortNumber, Violation } from './violation.ts'

/** A deletion that was not refused. What is put while it is under way goes with the rest. */
interface Deletion {
  /** When the stream was next begun to be made: what was put after that is another stream's. */
  until: number
}

export function checkWholes(events: readonly StampedEvent[], facts: Facts, retention: RetentionBounds): void {
  const refused = new Set<number>()
  for (const event of events) if (event.kind === 'answer' && event.outcome === 'refused') refused.add(event.call)
  const deletions = new Map<string, Deletion[]>()
  /** `starting` of what was listed last, and when that was asked. */
  const lists = new Map<
    string,
    { readonly calledAt: number; readonly shards: ReadonlySet<string>; readonly birth: string }
  >()
  /** When a shard was last read to its tip or end. */
  const finished = new Map<string, number>()
  for (const [at, event] of events.entries()) {
    if (event.kind === 'delete' && !refused.has(event.call))
      deletions.set(event.stream, [...(deletions.get(event.stream) ?? []), { until: Number.POSITIVE_INFINITY }])
    if (event.kind === 'create' && !refused.has(event.call))
      for (const deletion of deletions.get(event.stream) ?? []) deletion.until = Math.min(deletion.until, at)
    if (event.kind === 'shards') {
      const shards = event.shards.map(({ starting }) => starting).sort()
      lists.set(event.stream, { calledAt: event.calledAt, shards: new Set(shards), birth: shards[0] ?? '' })
    }
    if (event.kind === 'page' && (event.children !== undefined || event.behindMs === 0))
      finished.set(`${event.stream} ${event.shard}`, event.calledAt)
    if (event.kind !== 'whole') continue
    const list = event.state === 'read' ? lists.get(event.stream) : undefined
    if (event.state === 'read' && (list === undefined || list.calledAt < event.calledAt))
      throw new Violation('history', `${event.stream} was read whole without a list of its shards`)
    for (const starting of list?.shards ?? [])
      if ((finished.get(`${event.stream} ${starting}`) ?? -1) < event.calledAt)
        throw new Violation(
          'I7',
          `${facts.shard(event.stream, starting).shardId} of ${event.stream} could not be read to its end`,
        )
    const goneBeforeMs = retention.goneBefore(event.stream, at)
    for (const shard of facts.shards.values()) {
      if (shard.stream !== event.stream || list?.shards.has(shard.starting) === true) continue
      for (const fact of shard.records) {
        if (fact.knownAt >= event.calledAt || arrivalSecondMs(fact.sequenceNumber) < goneBeforeMs) continue
        if (mayLeadClock(fact.sequenceNumber)) continue
        if (wasDeleted(fact, deletions.get(event.stream) ?? []) && (list === undefined || shard.starting < list.birth))
          continue
        throw new Violation(
          'I7',
          `${fact.data} at ${shortNumber(fact.sequenceNumber)} of ${event.stream} is in no shard that is listed ` +
            `(${shard.shardId} is not), and has neither expired nor was the stream deleted`,
        )
      }
    }
  }
  checkLags(events, facts, lists, retention)
}

function wasDeleted(fact: Fact, deletions: readonly Deletion[]): boolean {
  return deletions.some(({ until }) => fact.startedAt < until)
}

/** Only where all of the shard is known: it was read whole at last, and nothing of it can have expired. */
function checkLags(
  events: readonly StampedEvent[],
  facts: Facts,
  lists: ReadonlyMap<string, { readonly shards: ReadonlySet<string> }>,
  retention: RetentionBounds,
): void {
  const wholes = new Set(events.map((event) => (event.kind === 'whole' && event.state === 'read' ? event.stream : '')))
  const pages = events.filter((event): event is PageEvent => event.kind === 'page')
  for (const { stream, shard: starting, behindMs, records, children } of pages) {
    const last = records.at(-1)
    if (behindMs === 0 || last === undefined || children !== undefined || !wholes.has(stream)) continue
    if (lists.get(stream)?.shards.has(starting) !== true) continue
    const shard = facts.shard(stream, starting)
    if (last.timeMs < retention.goneBefore(stream, events.length)) continue
    if ((shard.records.at(-1)?.sequenceNumber ?? '') > last.sequenceNumber) continue
    throw new Violation(
      'tips',
      `a reader of ${shard.shardId} of ${stream} is told that it is ${behindMs} ms behind, and nothing comes after`,
    )
  }
}
