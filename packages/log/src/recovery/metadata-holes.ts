/**
 * Whether a change of the metadata stood in commits that cannot be read. Each later frame of ledger 0 names the one
 * before, and each later commit says how far back the newest one is: nearly always one of them tells.
 */
import { CommitReader } from '../commit-reader.ts'
import type { Disk } from '../disk.ts'
import { type DecodedHeader, holdsMetadata, tellsMetadata } from '../format/commit-format.ts'
import type { Hole } from '../holes.ts'
import { PAGE_BYTES } from '../limits.ts'
import type { Segment } from '../segment.ts'

/** Commits [from, to], of which some may be of no hole. `isLost`: a change certainly stood there. */
export interface DoubtfulRange {
  readonly from: number
  readonly to: number
  readonly isLost: boolean
}

/**
 * Those of `holes` above `toldCommit` that held a change of the metadata, or of which nobody knows. Up to `toldCommit` all is
 * known: it is in the snapshot, or a later change told. `segments`: those that are written to in order, in order.
 */
export async function metadataHoles(
  disk: Disk,
  holes: readonly Hole[],
  segments: readonly Segment[],
  toldCommit: number,
): Promise<readonly DoubtfulRange[]> {
  const found: DoubtfulRange[] = []
  // Of those that are neighbours the last one alone has a commit behind it that can be read.
  let open: { readonly from: number; to: number } | undefined
  const finish = async (): Promise<void> => {
    if (open === undefined) return
    const { from, to } = open
    open = undefined
    const isLost = await tellOf(disk, segments, from, to)
    if (isLost !== false) found.push({ from, to, isLost: isLost === true })
  }
  for (const hole of holes.toSorted((a, b) => a.from - b.from)) {
    if (hole.to <= toldCommit) continue
    const from = Math.max(hole.from, toldCommit + 1)
    if (open === undefined || hole.from > open.to + 1) await finish()
    if (open === undefined) open = { from, to: hole.to }
    else open.to = hole.to
  }
  await finish()
  return found
}

/** `true`: one of the commits [from, to] held a change; `undefined`: nothing that can be read tells. */
async function tellOf(
  disk: Disk,
  segments: readonly Segment[],
  from: number,
  to: number,
): Promise<boolean | undefined> {
  const told = await inHeader(disk, segments, to + 1, (header) => tellsMetadata(header, from))
  // Of a commit whose directory is damaged the header can be read.
  return told ?? (await inHeader(disk, segments, to, (header) => holdsMetadata(header) || tellsMetadata(header, from)))
}

/** What the header of `commit` says, which is the first of its segment, or stands at or behind damage to it. */
async function inHeader(
  disk: Disk,
  segments: readonly Segment[],
  commit: number,
  ask: (header: DecodedHeader) => boolean | undefined,
): Promise<boolean | undefined> {
  const segment = segments.find(({ firstCommit, lastCommit }) => firstCommit <= commit && commit <= lastCommit)
  if (segment === undefined) return undefined
  const { damages, path, start, usedBytes } = segment
  const at = damages.find(({ fromCommit, toCommit }) => fromCommit === commit && toCommit === commit)
  const from = (at ?? damages.find(({ toCommit }) => toCommit === commit - 1))?.offset ?? PAGE_BYTES
  // Behind the last commit may stand those of an earlier opening, with the same numbers.
  const end = at === undefined ? usedBytes : from + PAGE_BYTES
  const file = await disk.open(path)
  try {
    const reader = new CommitReader(file, await file.size())
    const header = await reader.findHeader(from, end, start.salt, commit)
    return header === undefined ? undefined : ask(header)
  } finally {
    await file.close()
  }
}
