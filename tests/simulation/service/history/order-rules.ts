/**
 * Real time: whoever puts after another's answer gets a higher number, key by key and through any reshards; nothing
 * enters a shard that somebody was told is closed; records are in the shard whose keys they have, and arrival times
 * never fall in it. Invariants I1, I2 and I4.
 */
import type { Fact, Facts, ShardFacts } from './facts.ts'
import { shortNumber, Violation } from './violation.ts'

export function checkOrder(facts: Facts): void {
  const lanes = new Map<string, Fact[]>()
  for (const shard of facts.shards.values()) {
    checkShard(shard)
    for (const fact of shard.records) {
      const lane = `${shard.stream} ${fact.hash}`
      const list = lanes.get(lane)
      if (list === undefined) lanes.set(lane, [fact])
      else list.push(fact)
    }
  }
  for (const lane of lanes.values()) checkLane(lane)
}

function checkShard(shard: ShardFacts): void {
  const { listed, closedAt } = shard
  let latestMs = Number.NEGATIVE_INFINITY
  for (const fact of shard.records) {
    const where = `${fact.data} at ${shortNumber(fact.sequenceNumber)} of ${shard.stream}, ${shard.shardId}`
    if (fact.startedAt > closedAt)
      throw new Violation(
        'I1',
        `${where}, was put after the shard was seen closed (moments ${fact.startedAt}, ${closedAt})`,
      )
    if (listed?.ending !== undefined && fact.sequenceNumber > listed.ending)
      throw new Violation('I2', `${where}, lies beyond the shard's end`)
    if (listed !== undefined && (fact.hash < listed.firstHash || fact.hash > listed.lastHash))
      throw new Violation('routing', `${where}, has hash ${fact.hash}, which is not the shard's`)
    if (fact.timeMs === undefined) continue
    if (fact.timeMs < latestMs)
      throw new Violation('times', `${where}, arrived at ${fact.timeMs}, after one of ${latestMs}`)
    latestMs = fact.timeMs
  }
}

function checkLane(lane: readonly Fact[]): void {
  const byStart = [...lane].sort((a, b) => a.startedAt - b.startedAt || a.entry - b.entry)
  const byKnown = [...lane].sort((a, b) => a.knownAt - b.knownAt)
  let known = 0
  let highest: Fact | undefined
  let sameRequest: Fact | undefined
  for (const fact of byStart) {
    for (let next = byKnown[known]; next !== undefined && next.knownAt < fact.startedAt; next = byKnown[++known])
      if (highest === undefined || next.sequenceNumber > highest.sequenceNumber) highest = next
    if (highest !== undefined && highest.sequenceNumber >= fact.sequenceNumber) {
      throw new Violation(
        'I4',
        `of key ${fact.key} in ${fact.shard.stream}, ${fact.data} was put after ${highest.data} was known, ` +
          `and stands before it: ${fact.shard.shardId} ${shortNumber(fact.sequenceNumber)}, ` +
          `${highest.shard.shardId} ${shortNumber(highest.sequenceNumber)}`,
      )
    }
    const isAcknowledged = Number.isFinite(fact.acknowledgedAt)
    if (sameRequest?.request === fact.request && isAcknowledged && sameRequest.sequenceNumber >= fact.sequenceNumber) {
      throw new Violation(
        'I4',
        `of key ${fact.key} in ${fact.shard.stream}, ${fact.data} comes before ${sameRequest.data}, ` +
          `which stood before it in their request`,
      )
    }
    if (isAcknowledged) sameRequest = fact
  }
}
