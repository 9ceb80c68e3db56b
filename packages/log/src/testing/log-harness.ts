/**
 * A log on a simulated disk and a clock held by hand, with metadata that is a list of what was applied: what the
 * suites of this package open again and again.
 */
import { VirtualClock, seededRandom } from '@millrace/std/testing'
import type { Frame, LogOptions, Metadata, Position, ReadResult } from '../api.ts'
import { Log } from '../log.ts'
import { KIB } from '../limits.ts'
import { POSITION_START } from '../position.ts'
import { SimulatedDisk } from './simulated-disk.ts'

/** Far away on the monotonic scale. */
export const NO_DEADLINE = { deadlineMs: Number.POSITIVE_INFINITY }

/** Metadata as the list of its changes: replaying, snapshots and order are all visible in it. */
export class ListMetadata implements Metadata {
  changes: string[] = []

  restore(snapshot: Uint8Array | undefined): void {
    this.changes = snapshot === undefined || snapshot.length === 0 ? [] : new TextDecoder().decode(snapshot).split('\n')
  }

  apply(commit: number, bytes: Uint8Array): void {
    this.changes.push(`${commit}:${new TextDecoder().decode(bytes)}`)
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(this.changes.join('\n'))
  }
}

export interface Harness {
  readonly disk: SimulatedDisk
  readonly clock: VirtualClock
  readonly metadata: ListMetadata
  readonly log: Log
}

/** Segments of 64 KiB, so that a few dozen commits cross several. */
export const SMALL_SEGMENT_BYTES = 64 * KIB

export async function openHarness(
  options: { readonly disk?: SimulatedDisk; readonly clock?: VirtualClock; readonly seed?: number } & Partial<
    Omit<LogOptions, 'disk' | 'clock' | 'random' | 'metadata'>
  > = {},
): Promise<Harness> {
  const { disk: givenDisk, clock = new VirtualClock(), seed = 1, ...rest } = options
  const disk = givenDisk ?? new SimulatedDisk({ random: seededRandom(seed) })
  const metadata = new ListMetadata()
  const log = await Log.open({
    disk,
    clock,
    random: seededRandom(seed + 1_000),
    metadata,
    durability: 'fsync',
    segmentBytes: SMALL_SEGMENT_BYTES,
    ...rest,
  })
  return { disk, clock, metadata, log }
}

/** Everything readable of a ledger, read in pieces of `recordsMax` records. Fails on damage. */
export async function readAll(
  log: Log,
  ledger: number,
  options: { readonly from?: Position; readonly recordsMax?: number; readonly bytesMax?: number } = {},
): Promise<Frame[]> {
  const frames: Frame[] = []
  let from = options.from ?? POSITION_START
  for (;;) {
    const result: ReadResult = await log.read(ledger, from, {
      recordsMax: options.recordsMax ?? 1_000,
      bytesMax: options.bytesMax ?? 1 << 20,
      visibleFromMs: 0,
      ...NO_DEADLINE,
    })
    if (result.damaged !== undefined) throw new Error(`damaged: ${result.damaged.reason}`)
    frames.push(...result.frames.map((frame) => ({ ...frame, bytes: frame.bytes.slice() })))
    result.release()
    if (result.atTip) return frames
    from = result.next
  }
}

/** A part of `records` records whose bytes say which it is. */
export function part(
  ledger: number,
  text: string,
  records = 1,
): { ledger: number; records: number; bytes: Uint8Array } {
  return { ledger, records, bytes: new TextEncoder().encode(text) }
}

export function textOf(frames: readonly Frame[]): string {
  return frames.map(({ bytes }) => new TextDecoder().decode(bytes)).join('')
}
