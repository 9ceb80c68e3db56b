/**
 * The history checker: holds what the clients of a service saw against what it promises, I1 to I8 of its design as a
 * client can see them. Pure: events in, the first violation out. Which rule is whose: facts.ts (I6, I8, bytes),
 * order-rules.ts (I1, I2, I4), shard-rules.ts (I3), read-rules.ts (I5), whole-rules.ts (I7).
 */
import type { StampedEvent } from './events.ts'
import { Facts } from './facts.ts'
import { checkOrder } from './order-rules.ts'
import { checkReads } from './read-rules.ts'
import { RetentionBounds } from './retention-bounds.ts'
import { checkShards } from './shard-rules.ts'
import { checkWholes } from './whole-rules.ts'

/** Throws a Violation. Takes time proportional to the history, but for sorting. */
export function checkHistory(events: readonly StampedEvent[]): Facts {
  const retention = new RetentionBounds(events)
  const facts = new Facts(events)
  checkShards(events, facts, retention)
  checkOrder(facts)
  checkReads(events, facts, retention)
  checkWholes(events, facts, retention)
  return facts
}
