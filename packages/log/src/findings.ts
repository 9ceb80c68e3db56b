/** What `checkLog` finds, and what a walk of a segment says of it. */
import type { Damage, DamagedLedger } from './api.ts'
import { damagedFrame } from './damaged-ledgers.ts'
import { PAGE_BYTES } from './limits.ts'
import type { SegmentWalk, UnreadablePayload } from './segment-walk.ts'

export interface Finding extends Damage {
  readonly file: string
  readonly offset: number
  /** Commits of which nothing can be read, both inclusive, where whole ones are concerned. */
  readonly commits?: { readonly from: number; readonly to: number }
}

/** Before it is asked whose records lay there. */
export interface Found extends Omit<Finding, 'ledgers'> {
  readonly ledgers?: readonly DamagedLedger[]
}

/** One finding per frame whose records cannot be read. */
export function* unreadable(path: string, walk: SegmentWalk): Generator<Found, void, undefined> {
  for (const payload of walk.payloads) {
    const { start, end, frame } = placeOf(payload)
    const isRefused = [...walk.refused].some((page) => page < end && page + PAGE_BYTES > start)
    yield {
      file: path,
      offset: start,
      ledgers: [damagedFrame(frame.ledger, frame)],
      reason: isRefused ? 'records that the drive refuses to read (EIO)' : 'records fail their checksum',
    }
  }
}

function placeOf({ frame, offset }: UnreadablePayload): UnreadablePayload & { start: number; end: number } {
  const start = offset + frame.payloadOffset
  return { frame, offset, start, end: start + frame.payloadBytes }
}

/** Refused pages that no other finding is about: between records, or behind them. */
export function untold({ refused, damages, commits, payloads }: SegmentWalk): readonly number[] {
  const behind = (offset: number): number =>
    commits.find((commit) => commit.offset > offset)?.offset ?? Number.POSITIVE_INFINITY
  const told = [
    ...damages.map(({ offset }) => ({ start: offset, end: behind(offset) })),
    ...payloads.map((payload) => placeOf(payload)),
  ]
  return [...refused].filter((page) => !told.some(({ start, end }) => page < end && page + PAGE_BYTES > start))
}

/** One finding per run of pages. */
export function* refusedRuns(file: string, pages: Iterable<number>): Generator<Found, void, undefined> {
  const offsets = [...pages].sort((a, b) => a - b)
  for (let first = 0, next = 0; first < offsets.length; first = next) {
    const offset = offsets[first] ?? 0
    while (offsets[next] === offset + (next - first) * PAGE_BYTES) next++
    yield { file, offset, reason: `the drive refuses to read ${(next - first) * PAGE_BYTES} bytes (EIO)` }
  }
}
