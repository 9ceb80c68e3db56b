/** Has an application process its streams from elsewhere, whole, whether its workers run or not. */
import { type Clock, systemClock } from '@millrace/std'
import { parseLeaseKey } from '../leases/lease-key.ts'
import type { Lease, LeaseChange, NewLease } from '../leases/lease.ts'
import { type StreamService, timeOf } from '../service.ts'
import { type StreamInput, streamInput } from '../stream-names.ts'
import { type InitialPosition, missingLeases } from '../shards/lineage.ts'
import { listShards } from '../shards/list-shards.ts'
import { StreamPresence } from '../shards/stream-presence.ts'
import { LeasesKeepChangingError } from './change-leases.ts'
import { type LeasesOptions, movedTo, moveLeases, never } from './move-leases.ts'

export interface ResetOptions extends LeasesOptions {
  readonly to: InitialPosition
  /** A `KinesisClient`. */
  readonly service: Pick<StreamService, 'describeStreamSummary' | 'listShards' | 'region' | 'serviceTimeMs'>
  /**
   * The streams of the leases that are meant are processed again whole, where `to` is no latest: also shards that were processed to
   * their ends and have no lease any more. Only here: `seekLeases` moves leases that are there. Default: if all leases are meant.
   */
  readonly remakes?: boolean | undefined
  /** Whose now the latest is, where the service does not tell its own. Default: the machine's. */
  readonly clock?: Clock | undefined
}

/** A fleet that splits, ends and removes shards meanwhile is done with it after a look or two. */
const LOOKS_MAX = 20

/**
 * An application begins elsewhere, with all shards that are there. At the latest, leases that are ended stay so. Leases of a stream that
 * the service does not have, or has younger, are left as they are. Says how many leases were moved and made. Rejects as `seekLeases`,
 * and as the client does.
 */
export async function resetApplication(options: ResetOptions): Promise<number> {
  const { administration, application, to, clock = systemClock, signal = never() } = options
  const { leases: chosen, remakes = chosen === undefined } = options
  const isMeant = meaning(chosen, remakes)
  const { service } = options
  const inputOf = (stream: string): StreamInput => streamInput(stream, service.region)
  const streams = new StreamPresence({ service, inputOf, clock })
  let move: ReturnType<typeof movedTo> = () => undefined
  const moved = new Set<string>()
  const made = new Set<string>()
  // Whose shard got its lease from the fleet meanwhile may be elsewhere.
  const isThere = (lease: Lease): boolean => moved.has(lease.key) || (made.has(lease.key) && isAt(lease, move(lease)))
  for (let look = 0; look < LOOKS_MAX; look++) {
    const leases = await administration.leases(application, signal)
    for (const stream of new Set(leases.map((lease) => lease.stream)))
      if (streams.looks(stream) === 0) await streams.look(stream, signal)
    // One now for all looks: what comes behind it is not passed over. The service has told its time by now.
    if (look === 0) move = movedTo(to, timeOf(service, clock))
    const meant = leases.filter((lease) => streams.isThere(lease) && isMeant(lease))
    const missing = remakes && to !== 'latest' ? await missingOf(options, leases, meant, clock.now(), signal) : []
    const remade = missing.filter(({ key }) => !moved.has(key) && !made.has(key))
    const open = meant.filter((lease) => !isThere(lease) && move(lease) !== undefined)
    if (remade.length + open.length === 0) return new Set([...moved, ...made]).size
    await administration.create(application, remade, signal)
    for (const { key } of remade) made.add(key)
    // A shard may end while it is moved, and have children from then on; an ended lease may be taken away: another look tells.
    for (const key of await moveLeases(options, open, move)) moved.add(key)
  }
  throw new LeasesKeepChangingError(`Leases of ${application} were made and removed each time that they had been moved`)
}

function isAt({ checkpoint, startTimeMs }: Lease, change: LeaseChange | undefined): boolean {
  return checkpoint.sequenceNumber === change?.checkpoint?.sequenceNumber && startTimeMs === change.startTimeMs
}

/** Of streams that begin anew whole, also what comes after the leases were chosen. */
function meaning(chosen: readonly Lease[] | undefined, isWhole: boolean): (lease: Lease) => boolean {
  if (chosen === undefined) return () => true
  const keys = new Set(chosen.map(({ key }) => key))
  const streams = new Set(isWhole ? chosen.map(streamOf) : [])
  return (lease) => keys.has(lease.key) || (streamOf(lease) !== undefined && streams.has(streamOf(lease)))
}

/** Shards of the streams that have no lease. */
async function missingOf(
  { service, to }: ResetOptions,
  leases: readonly Lease[],
  meant: readonly Lease[],
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly NewLease[]> {
  const streams = new Map(
    meant.flatMap(({ key }) => {
      const parts = parseLeaseKey(key)
      return parts === undefined ? [] : [[parts.stream, parts] as const]
    }),
  )
  const known = new Set(leases.map(({ key }) => key))
  // Above the terms of the lease that was there before: its last owner may still have a checkpoint, or its end, under way.
  const epoch = Math.floor(nowMs / 1000)
  const missing: NewLease[] = []
  for (const stream of streams.values()) {
    const shards = await listShards(service, streamInput(stream.stream, service.region), signal)
    for (const lease of missingLeases(stream, shards, new Map(), to))
      if (!known.has(lease.key)) missing.push({ ...lease, epoch })
  }
  return missing
}

/** Name and age; a KCL's key of a single stream tells neither. */
function streamOf({ key }: Lease): string | undefined {
  const parts = parseLeaseKey(key)
  return parts && `${parts.stream}:${parts.createdAtSecond}`
}
