/**
 * Whether a change stood in commits that cannot be read: of the metadata, or that a ledger was opened or closed. Each
 * commit says how far back the newest one is, so that the one behind nearly always tells.
 */
import { CommitReader } from '../commit-reader.ts'
import type { Disk } from '../disk.ts'
import { COMMIT_HEADER_BYTES, decodeCommitHeader, type DecodedHeader, tellsChange } from '../format/commit-format.ts'
import type { Hole } from '../holes.ts'
import { PAGE_BYTES } from '../limits.ts'
import { type SegmentWalk, walkSegment } from '../segment-walk.ts'
import type { LoadedSegment } from './segment-loader.ts'

/** Commits [from, to]. */
export interface ChangeHole {
  readonly from: number
  readonly to: number
  /** True: a change certainly stood there. False: nobody knows. */
  readonly isLost: boolean
}

/** Those of `holes` above the snapshot that held a change, or of which nobody knows. `loaded`: in order. */
export async function changeHoles(
  disk: Disk,
  holes: readonly Hole[],
  loaded: readonly LoadedSegment[],
  snapshotCommit: number,
): Promise<readonly ChangeHole[]> {
  const found: ChangeHole[] = []
  for (const { from, to } of joined(holes, snapshotCommit)) {
    const header = await tellerOf(disk, loaded, to)
    const isLost = header === undefined ? undefined : tellsChange(header, from, to)
    if (isLost !== false) found.push({ from, to, isLost: isLost === true })
  }
  return found
}

/** Of holes that are neighbours the last one alone has a commit behind it that can be read. */
function joined(holes: readonly Hole[], snapshotCommit: number): readonly { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = []
  for (const hole of holes.toSorted((a, b) => a.from - b.from)) {
    if (hole.to <= snapshotCommit) continue
    const before = ranges.at(-1)
    if (before !== undefined && hole.from <= before.to + 1) before.to = Math.max(before.to, hole.to)
    else ranges.push({ from: Math.max(hole.from, snapshotCommit + 1), to: hole.to })
  }
  return ranges
}

/** The header of `to`, the last commit of a hole, or of the one behind it. */
async function tellerOf(disk: Disk, loaded: readonly LoadedSegment[], to: number): Promise<DecodedHeader | undefined> {
  const around = loaded.find(({ segment }) => segment.damages.some(({ toCommit }) => toCommit === to))
  const walk = around?.walk ?? (around === undefined ? undefined : await walkedAgain(disk, around))
  const known = walk?.damages.find(({ toCommit }) => toCommit === to)?.header
  if (known !== undefined && known.commit > to) return known
  // Where the hole ends with its segment, or is one that is missing.
  const next = loaded.find(({ segment }) => segment.firstCommit === to + 1)
  return (next === undefined ? undefined : await firstHeader(disk, next)) ?? known
}

/** An index does not keep the headers. */
async function walkedAgain(disk: Disk, { segment }: LoadedSegment): Promise<SegmentWalk> {
  const file = await disk.open(segment.path)
  try {
    return await walkSegment(new CommitReader(file, await file.size()), segment.walkStart)
  } finally {
    await file.close()
  }
}

async function firstHeader(disk: Disk, { segment }: LoadedSegment): Promise<DecodedHeader | undefined> {
  const file = await disk.open(segment.path)
  try {
    const bytes = await new CommitReader(file, await file.size()).bytes(PAGE_BYTES, COMMIT_HEADER_BYTES)
    const header = decodeCommitHeader(bytes, 0)
    return header?.salt === segment.start.salt && header.commit === segment.firstCommit ? header : undefined
  } finally {
    await file.close()
  }
}
