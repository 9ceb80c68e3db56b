/**
 * Has an application begin elsewhere, or not at all for a while, whether its workers run or not. A lease that is moved begins a new
 * term, which takes it from its owner: whatever that one still had under way is refused (SPEC.md, L1).
 */
import { type Clock, systemClock } from '@millrace/std'
import {
  AT_TIMESTAMP,
  type ExtendedSequenceNumber,
  isSentinel,
  isShardEnd,
  LATEST,
  TRIM_HORIZON,
} from '../extended-sequence-number.ts'
import { latestAsOf } from '../leases/latest.ts'
import { generations } from '../leases/generations.ts'
import type { LeaseAdministration } from '../leases/lease-administration.ts'
import type { Lease, LeaseChange } from '../leases/lease.ts'
import type { InitialPosition } from '../shards/lineage.ts'
import { changeLeases } from './change-leases.ts'

export interface LeasesOptions {
  /** A `ServiceApplications`, `DynamoApplications`, `PostgresApplications` or `RedisApplications`. */
  readonly administration: LeaseAdministration
  readonly application: string
  /** Those that are meant, as `administration.leases` gave them. Default: all. */
  readonly leases?: readonly Lease[] | undefined
  /** Default: none. What was done before it stays. */
  readonly signal?: AbortSignal | undefined
}

export interface SeekOptions extends LeasesOptions {
  /** `after`: behind this record; of the one lease that is meant. */
  readonly to: InitialPosition | { readonly after: ExtendedSequenceNumber }
  /** Whose now the latest is. Default: the machine's. */
  readonly clock?: Clock | undefined
}

/**
 * Leases begin elsewhere; at the latest, those that are ended stay so. Makes none: `resetApplication` does. Says how many were moved. As many as
 * there are: their store is given 100 at a time, DynamoDB 20, one write each.
 * Rejects as `LeaseAdministration` does, with a `RangeError` for an `after` that is of no record, or where not one lease is meant, with a
 * `LeasesKeepChangingError` where a fleet does not come to rest, and with the signal's reason.
 */
export async function seekLeases({ to, clock = systemClock, ...options }: SeekOptions): Promise<number> {
  const leases = await meant(options)
  if (typeof to === 'object' && 'after' in to) requireRecordOfOne(to.after, leases)
  return (await moveLeases(options, leases, movedTo(to, clock.now()))).length
}

/**
 * Nobody processes these leases until they are resumed; each worker of this library finishes what is in hand. A KCL knows no
 * pause, and goes on. Says how many were not paused. Rejects as `seekLeases`.
 */
export async function pauseLeases(options: LeasesOptions): Promise<number> {
  return (await change(options, await meant(options), ({ paused }) => (paused ? undefined : { paused: true }))).length
}

/** Says how many were paused. Rejects as `seekLeases`. */
export async function resumeLeases(options: LeasesOptions): Promise<number> {
  return (await change(options, await meant(options), ({ paused }) => (paused ? { paused: false } : undefined))).length
}

async function meant({
  administration,
  application,
  leases,
  signal = never(),
}: LeasesOptions): Promise<readonly Lease[]> {
  return leases ?? (await administration.leases(application, signal))
}

/**
 * Those at their ends first, and parents before children, each generation by itself: these wait for them from then on, instead of
 * beginning before them, also where a store fails half-way through a call. Gives the keys of those that were moved.
 */
export async function moveLeases(
  options: LeasesOptions,
  leases: readonly Lease[],
  changeOf: (lease: Lease) => LeaseChange | undefined,
): Promise<readonly string[]> {
  const moved: string[] = []
  for (const generation of generations(leases.filter(isEnded)))
    moved.push(...(await change(options, generation, changeOf)))
  return [...moved, ...(await change(options, leases.filter((lease) => !isEnded(lease)), changeOf))] // prettier-ignore
}

/** What moves a lease. `undefined`: nothing in a shard that is processed to its end is later than all. */
export function movedTo(to: SeekOptions['to'], nowMs: number): (lease: Lease) => LeaseChange | undefined {
  const { checkpoint, startTimeMs } = placeOf(to, nowMs)
  return (lease) =>
    to === 'latest' && isEnded(lease)
      ? undefined
      : { checkpoint, startTimeMs, pending: undefined, epoch: lease.epoch + 1, ownerSwitches: 0 }
}

function change(
  { administration, application, signal = never() }: LeasesOptions,
  leases: readonly Lease[],
  changeOf: (lease: Lease) => LeaseChange | undefined,
): Promise<readonly string[]> {
  return changeLeases(administration, application, leases, changeOf, signal)
}

function requireRecordOfOne(after: ExtendedSequenceNumber, leases: readonly Lease[]): void {
  if (isSentinel(after))
    throw new RangeError(`Expected the sequence number of a record to go on behind, found ${after.sequenceNumber}.`)
  if (leases.length !== 1)
    throw new RangeError(`Expected one lease to go on behind a record of its shard, found ${leases.length}.`)
}

function isEnded({ checkpoint }: Lease): boolean {
  return isShardEnd(checkpoint)
}

function placeOf(to: SeekOptions['to'], nowMs: number): Pick<Lease, 'checkpoint' | 'startTimeMs'> {
  if (to === 'oldest') return { checkpoint: TRIM_HORIZON }
  if (to === 'latest') return { checkpoint: LATEST, startTimeMs: latestAsOf(nowMs) }
  return 'after' in to ? { checkpoint: to.after } : { checkpoint: AT_TIMESTAMP, startTimeMs: to.timeMs }
}

export function never(): AbortSignal {
  return new AbortController().signal
}
