/**
 * Has an application begin elsewhere, or not at all for a while, whether its workers run or not. A lease that is moved begins a new
 * term, which takes it from its owner: whatever that one still had under way is refused (SPEC.md, L1).
 */
import { type Clock, systemClock } from '@millrace/std'
import {
  AT_TIMESTAMP,
  type ExtendedSequenceNumber,
  isShardEnd,
  LATEST,
  TRIM_HORIZON,
} from '../extended-sequence-number.ts'
import { latestAsOf } from '../leases/latest.ts'
import type { LeaseAdministration } from '../leases/lease-administration.ts'
import { parseLeaseKey } from '../leases/lease-key.ts'
import type { Lease, LeaseChange, NewLease } from '../leases/lease.ts'
import type { StreamService } from '../service.ts'
import { type InitialPosition, missingLeases } from '../shards/lineage.ts'
import { listShards } from '../shards/list-shards.ts'
import { changeLeases } from './change-leases.ts'

export interface LeasesOptions {
  /** A `ServiceApplications`, `DynamoApplications` or `PostgresApplications`. */
  readonly administration: LeaseAdministration
  readonly application: string
  /** Those that are meant, as `administration.leases` gave them. Default: all. */
  readonly leases?: readonly Lease[] | undefined
  /** Default: none. What was done before it stays. */
  readonly signal?: AbortSignal | undefined
}

export interface SeekOptions extends LeasesOptions {
  /** `after`: behind this record of the shard. */
  readonly to: InitialPosition | { readonly after: ExtendedSequenceNumber }
  /** Whose now the latest is. Default: the machine's. */
  readonly clock?: Clock | undefined
}

export interface ResetOptions extends LeasesOptions {
  readonly to: InitialPosition
  /** A `KinesisClient`. */
  readonly service: Pick<StreamService, 'listShards'>
  /**
   * Also shards that were processed to their ends and have no lease any more are processed again, where `to` is no latest. Default:
   * if all leases are meant.
   */
  readonly remakes?: boolean | undefined
  /** As in `SeekOptions`. */
  readonly clock?: Clock | undefined
}

/**
 * Leases begin elsewhere. Says how many. Rejects as `LeaseAdministration` does, with a `LeasesKeepChangingError` where a fleet does
 * not come to rest, and with the signal's reason.
 */
export async function seekLeases({ to, clock = systemClock, ...options }: SeekOptions): Promise<number> {
  return change(options, await meant(options), movedTo(to, clock.now()))
}

/**
 * An application begins elsewhere, with all shards that are there. At the latest, leases that are ended stay so. Says how many leases
 * were moved and made. Rejects as `seekLeases`, and as the client does.
 */
export async function resetApplication(options: ResetOptions): Promise<number> {
  const { administration, application, service, to, clock = systemClock } = options
  const { remakes = options.leases === undefined, signal = never() } = options
  const leases = await meant(options)
  const remade = remakes ? await leasesToRemake(service, leases, to, clock.now(), signal) : []
  await administration.create(application, remade, signal)
  // Those at their end first: their children wait for them from then on. Nothing in them is later than all.
  const ended = to === 'latest' ? [] : leases.filter(({ checkpoint }) => isShardEnd(checkpoint))
  const open = leases.filter(({ checkpoint }) => !isShardEnd(checkpoint))
  let count = remade.length
  for (const part of [ended, open]) count += await change(options, part, movedTo(to, clock.now()))
  return count
}

/** Nobody processes these leases until they are resumed; each worker finishes what is in hand. Says how many were not paused. Rejects as `seekLeases`. */
export async function pauseLeases(options: LeasesOptions): Promise<number> {
  return change(options, await meant(options), ({ paused }) => (paused ? undefined : { paused: true }))
}

/** Says how many were paused. Rejects as `seekLeases`. */
export async function resumeLeases(options: LeasesOptions): Promise<number> {
  return change(options, await meant(options), ({ paused }) => (paused ? { paused: false } : undefined))
}

async function meant({
  administration,
  application,
  leases,
  signal = never(),
}: LeasesOptions): Promise<readonly Lease[]> {
  return leases ?? (await administration.leases(application, signal))
}

function change(
  { administration, application, signal = never() }: LeasesOptions,
  leases: readonly Lease[],
  changeOf: (lease: Lease) => LeaseChange | undefined,
): Promise<number> {
  return changeLeases(administration, application, leases, changeOf, signal)
}

function movedTo(to: SeekOptions['to'], nowMs: number): (lease: Lease) => LeaseChange {
  const { checkpoint, startTimeMs } = placeOf(to, nowMs)
  return ({ epoch }) => ({ checkpoint, startTimeMs, pending: undefined, epoch: epoch + 1, ownerSwitches: 0 })
}

function placeOf(to: SeekOptions['to'], nowMs: number): Pick<Lease, 'checkpoint' | 'startTimeMs'> {
  if (to === 'oldest') return { checkpoint: TRIM_HORIZON }
  if (to === 'latest') return { checkpoint: LATEST, startTimeMs: latestAsOf(nowMs) }
  return 'after' in to ? { checkpoint: to.after } : { checkpoint: AT_TIMESTAMP, startTimeMs: to.timeMs }
}

async function leasesToRemake(
  service: ResetOptions['service'],
  leases: readonly Lease[],
  to: InitialPosition,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly NewLease[]> {
  if (to === 'latest') return []
  const streams = new Map(
    leases.flatMap(({ key }) => {
      const parts = parseLeaseKey(key)
      return parts === undefined ? [] : [[`${parts.stream}:${parts.createdAtSecond}`, parts] as const]
    }),
  )
  const known = new Set(leases.map(({ key }) => key))
  // Above the terms of the lease that was there before: its last owner may still have a checkpoint, or its end, under way.
  const epoch = Math.floor(nowMs / 1000)
  const missing: NewLease[] = []
  for (const stream of streams.values()) {
    const shards = await listShards(service, stream.stream, signal)
    for (const lease of missingLeases(stream, shards, new Map(), to))
      if (!known.has(lease.key)) missing.push({ ...lease, epoch })
  }
  return missing
}

function never(): AbortSignal {
  return new AbortController().signal
}
