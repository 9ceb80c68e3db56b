/**
 * What a reader may be given: from its origin on every record once, in order, up to where it got; at the tip, all
 * that was acknowledged before it asked; at the end, all there ever was. Only retention may take anything away, and
 * what it took is not shown again. Invariants I5 and I7, and that each origin is where going through all would find it.
 */
import type { Origin, StampedEvent } from './events.ts'
import { arrivalSecondMs, type Fact, type Facts, type ShardFacts } from './facts.ts'
import type { RetentionBounds } from './retention-bounds.ts'
import { shortNumber, Violation } from './violation.ts'

export type PageEvent = StampedEvent & { readonly kind: 'page' }

/** Iterators live for so long. */
const ITERATOR_LIFE_MS = 300_000
/** Servers may disagree about the time by so much. */
const ITERATOR_LEAD_MS = 5_000

export function checkReads(events: readonly StampedEvent[], facts: Facts, retention: RetentionBounds): void {
  for (const [at, event] of events.entries()) {
    if (event.kind === 'page') checkPage(event, at, facts, retention)
    else if (event.kind === 'iterator') checkIterator(event)
    else if (event.kind === 'complaint') throw new Violation('answers', event.what)
  }
}

function checkPage(page: PageEvent, at: number, facts: Facts, retention: RetentionBounds): void {
  const shard = facts.shard(page.stream, page.shard)
  const { origin, after, records } = page
  const where = `a reader of ${shard.shardId} of ${page.stream} from ${describe(origin)}`
  const hiddenBeforeMs = retention.hiddenBefore(page.stream, page.calledAt, at)
  let last = after
  for (const record of records) {
    const number = shortNumber(record.sequenceNumber)
    if (last !== undefined && record.sequenceNumber <= last)
      throw new Violation('I5', `${where} was given ${number} after ${shortNumber(last)}`)
    last = record.sequenceNumber
    const fact = facts.find(page.stream, record.sequenceNumber)
    if (fact === undefined) continue
    if (liesBefore(fact, origin))
      throw new Violation('origins', `${where} was given ${number}, ${fact.data}, which lies before that`)
    if (record.timeMs < hiddenBeforeMs)
      throw new Violation('I7', `${where} was given ${number} of ${record.timeMs}, which expired at ${hiddenBeforeMs}`)
  }
  const given = new Set(records.map(({ sequenceNumber }) => sequenceNumber))
  const goneBeforeMs = retention.goneBefore(page.stream, at)
  for (let i = firstAbove(shard, after); i < shard.records.length; i++) {
    const fact = shard.records[i]
    if (fact === undefined || given.has(fact.sequenceNumber)) continue
    if (!isDue(fact, page, last, goneBeforeMs)) continue
    throw new Violation(
      'I5',
      `${where} ${reached(page)} without ${fact.data} at ${shortNumber(fact.sequenceNumber)} ` +
        `(known at moment ${fact.knownAt}, asked at ${page.calledAt})`,
    )
  }
}

/** Whether the reader, having got as far as this page, should have been given a record above its last page. */
function isDue(fact: Fact, page: PageEvent, last: string | undefined, goneBeforeMs: number): boolean {
  const { origin } = page
  if (page.after === undefined) {
    if (liesBefore(fact, origin)) return false
    if (origin.type === 'LATEST' && fact.startedAt < origin.answeredAt) return false
    if (origin.type === 'AT_TIMESTAMP') {
      const isLater = fact.startedAt > (origin.answeredAt ?? Number.POSITIVE_INFINITY)
      if (!isLater && (fact.timeMs === undefined || fact.timeMs < origin.timestampMs)) return false
    }
  }
  if ((fact.timeMs ?? earliestArrivalMs(fact)) < goneBeforeMs) return false
  if (last !== undefined && fact.sequenceNumber < last) return true
  if (page.children !== undefined) return true
  return page.behindMs === 0 && fact.knownAt < page.calledAt
}

/** A number never says a second before its shard's birth, which may lead a clock that was set back: then it says nothing. */
function earliestArrivalMs({ sequenceNumber, shard }: Fact): number {
  const arrivedMs = arrivalSecondMs(sequenceNumber)
  return arrivedMs <= shard.birthS * 1_000 ? Number.NEGATIVE_INFINITY : arrivedMs
}

function liesBefore(fact: Fact, origin: Origin): boolean {
  switch (origin.type) {
    case 'TRIM_HORIZON':
      return false
    case 'AT_SEQUENCE_NUMBER':
      return fact.sequenceNumber < origin.sequenceNumber
    case 'AFTER_SEQUENCE_NUMBER':
      return fact.sequenceNumber <= origin.sequenceNumber
    case 'AT_TIMESTAMP':
      if (fact.knownAt >= (origin.calledAt ?? Number.POSITIVE_INFINITY)) return false
      return fact.timeMs !== undefined && fact.timeMs < origin.timestampMs
    case 'LATEST':
      return fact.knownAt < origin.calledAt
  }
}

function firstAbove(shard: ShardFacts, after: string | undefined): number {
  if (after === undefined) return 0
  let low = 0
  for (let high = shard.records.length; low < high;) {
    const middle = (low + high) >> 1
    if ((shard.records[middle]?.sequenceNumber ?? '') <= after) low = middle + 1
    else high = middle
  }
  return low
}

function reached({ children, behindMs, records }: PageEvent): string {
  if (children !== undefined) return 'came to the end'
  return behindMs === 0 ? 'came to the tip' : `got past ${shortNumber(records.at(-1)?.sequenceNumber ?? '')}`
}

function describe(origin: Origin): string {
  switch (origin.type) {
    case 'AT_SEQUENCE_NUMBER':
    case 'AFTER_SEQUENCE_NUMBER':
      return `${origin.type} ${shortNumber(origin.sequenceNumber)}`
    case 'AT_TIMESTAMP':
      return `${origin.type} ${origin.timestampMs}`
    default:
      return origin.type
  }
}

function checkIterator(event: StampedEvent & { readonly kind: 'iterator' }): void {
  const { ageMinMs, ageMaxMs, answer, isForged } = event
  if (isForged) {
    if (answer !== 'invalid') throw new Violation('iterators', `a forged iterator was not refused but ${answer}`)
    return
  }
  if (answer === 'taken' && ageMinMs > ITERATOR_LIFE_MS)
    throw new Violation('iterators', `an iterator was taken at the age of ${ageMinMs} ms`)
  if (answer === 'expired' && ageMaxMs <= ITERATOR_LIFE_MS)
    throw new Violation('iterators', `an iterator had expired at the age of ${ageMaxMs} ms`)
  if (answer === 'invalid' && ageMinMs >= -ITERATOR_LEAD_MS)
    throw new Violation('iterators', `a true iterator of ${ageMinMs} ms was called invalid`)
}
