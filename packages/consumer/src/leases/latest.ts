/**
 * LATEST as a place that stays: a lease at it tells since when (`startTimeMs`), and each owner until the first checkpoint begins
 * there. At a latest of its own it would pass over what came between two owners.
 */
import type { Lease } from './lease.ts'

/**
 * So much the clock of who says LATEST may be before the one that stamps the records; the place is so much earlier. LATEST is told by the
 * service's clock, but servers have one each, and a service in front of a proxy, or somebody who seeks, may have told none. What is delivered because of it, though it was there before, is less bad than a record lost.
 */
const CLOCK_DIFFERENCE_MS = 60_000

/** `startTimeMs` of a lease that begins at LATEST now. `nowMs`: by the service's clock, where it is known. */
export function latestAsOf(nowMs: number): number {
  return nowMs - CLOCK_DIFFERENCE_MS
}

/** At LATEST, and nobody has said since when: what a KCL makes. */
export function isLatestWithoutTime({ checkpoint, startTimeMs }: Pick<Lease, 'checkpoint' | 'startTimeMs'>): boolean {
  return checkpoint.sequenceNumber === 'LATEST' && startTimeMs === undefined
}
