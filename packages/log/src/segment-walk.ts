/**
 * Walks a segment that has no index: builds one from the commits' directories, and tells damage from a torn tail by
 * what is proven. Changes nothing on disk.
 *
 * A commit that cannot be read is *damage* if something proves that it had been durable: a later commit of this
 * segment, or what the caller knows (a snapshot, the next segment). Then the walk goes on behind it. What nothing
 * proves is a *torn tail*: the walk ends before it. But what the drive refuses to read may have been acknowledged, with
 * what would prove it: it is damage, and at the end of the log so is every commit that may stand from there on.
 */
import type { CommitReader, CommitVerdict, Expectation } from './commit-reader.ts'
import { commitBytes, type DecodedHeader, type FrameEntry } from './format/commit-format.ts'
import type { DamagedRange } from './format/index-format.ts'
import { PAGE_BYTES } from './limits.ts'
import { MemoryIndex } from './memory-index.ts'

export interface WalkStart extends Expectation {
  readonly salt: bigint | undefined
  /** The highest commit that is known to have been durable. */
  readonly provenCommit: number
  /** The first commit of the next segment, where that is known: this one ends before it. */
  readonly endBefore: number | undefined
  /** Offset of the first commit. */
  readonly offset: number
}

export interface UnreadablePayload {
  readonly frame: FrameEntry
  readonly offset: number
}

/** `header`: of the last commit of the range, or of the one behind it, where one of them can be read. */
export interface WalkedDamage extends DamagedRange {
  header: DecodedHeader | undefined
}

export interface SegmentWalk {
  readonly index: MemoryIndex
  /** The last commit that stands here, or is known to have stood; one below the first if none. */
  readonly lastCommit: number
  readonly lastCrc: number
  readonly lastEpoch: number
  /** Where the last readable commit ends. */
  readonly usedBytes: number
  /** Raised by what the commits themselves say. */
  readonly provenCommit: number
  /** Offset of each readable commit, with its number, in order. */
  readonly commits: readonly { readonly commit: number; readonly offset: number }[]
  readonly damages: readonly WalkedDamage[]
  readonly payloads: readonly UnreadablePayload[]
  /** Offsets of pages that the drive refused to read. */
  readonly refused: ReadonlySet<number>
  /** True when damage reaches to the segment's end: nothing may be written behind it. */
  readonly isTailDamaged: boolean
  /** Why the walk ended, for people. */
  readonly endReason: string
}

export async function walkSegment(
  reader: CommitReader,
  start: WalkStart,
  onCommit?: (header: DecodedHeader, offset: number, frames: readonly FrameEntry[]) => void,
): Promise<SegmentWalk> {
  const index = new MemoryIndex()
  const commits: { commit: number; offset: number }[] = []
  const damages: WalkedDamage[] = []
  const payloads: UnreadablePayload[] = []
  let { provenCommit, salt } = start
  let expected = start.commit
  let previousCrc = start.previousCrc
  let epoch = start.epoch
  let offset = start.offset
  let endReason = 'the next segment begins here'
  let isTailDamaged = false

  while (expected !== start.endBefore) {
    const expectation: Expectation = { salt, commit: expected, previousCrc, epoch }
    const verdict = await reader.judge(offset, expectation)
    const behind = damages.at(-1)
    if (behind?.toCommit === expected - 1 && 'header' in verdict) behind.header = verdict.header
    if (verdict.kind !== 'whole') {
      // Where it is proven and its length known, nothing has to be looked for, to the end of the file each time.
      const isSought = verdict.kind === 'none' || provenCommit < expected
      const proof = isSought ? await reader.findProof(offset + PAGE_BYTES, expectation) : undefined
      if (proof !== undefined) provenCommit = Math.max(provenCommit, proof.header.durable)
      const isProven = provenCommit >= expected || isRefused(reader, offset, verdict)
      if (!isProven) {
        endReason = verdict.kind === 'none' ? verdict.reason : `the ${verdict.kind} of the commit fails its checksum`
        break
      }
      if (verdict.kind === 'payload') {
        for (const frame of verdict.bad) payloads.push({ frame, offset })
      } else if (verdict.kind === 'directory') {
        damages.push({ fromCommit: expected, toCommit: expected, offset, header: verdict.header })
        offset += commitBytes(verdict.header.bodyBytes)
        previousCrc = verdict.header.crc
        epoch = verdict.header.epoch
        expected++
        continue
      } else if (proof === undefined) {
        const toCommit =
          start.endBefore === undefined
            ? Math.max(provenCommit, await lastThatMayStand(reader, offset, expectation))
            : start.endBefore - 1
        damages.push({ fromCommit: expected, toCommit, offset, header: undefined })
        expected = toCommit + 1
        isTailDamaged = true
        endReason = verdict.reason
        break
      } else {
        damages.push({ fromCommit: expected, toCommit: proof.header.commit - 1, offset, header: proof.header })
        offset = proof.offset
        expected = proof.header.commit
        previousCrc = undefined
        continue
      }
    }
    const { header, frames } = verdict
    for (const frame of frames) index.add(frame, offset)
    commits.push({ commit: header.commit, offset })
    onCommit?.(header, offset, frames)
    provenCommit = Math.max(provenCommit, header.durable)
    salt = header.salt
    previousCrc = header.crc
    epoch = header.epoch
    offset += commitBytes(header.bodyBytes)
    expected++
  }
  return {
    index,
    lastCommit: expected - 1,
    lastCrc: previousCrc ?? 0,
    lastEpoch: epoch,
    usedBytes: offset,
    provenCommit,
    commits,
    damages,
    payloads,
    refused: reader.refused,
    isTailDamaged,
    endReason,
  }
}

/** Whether the drive refuses a page of the commit, as far as it is known which pages are its own. */
function isRefused(reader: CommitReader, offset: number, verdict: CommitVerdict): boolean {
  return reader.isRefused(offset, 'header' in verdict ? commitBytes(verdict.header.bodyBytes) : PAGE_BYTES)
}

async function lastThatMayStand(reader: CommitReader, offset: number, expected: Expectation): Promise<number> {
  if (!reader.isRefused(offset, PAGE_BYTES)) return 0
  return expected.commit - 1 + (await reader.commitsMax(offset, expected.salt))
}
