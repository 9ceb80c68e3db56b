/**
 * Looks into a log's directory without changing it: for `dump`. Shows what stands there, segment by segment and
 * commit by commit, whole or not. The directory should not be in use: a commit being written looks torn.
 */
import { CommitReader } from './commit-reader.ts'
import type { Disk } from './disk.ts'
import { commitBytes, type DecodedHeader, type FrameEntry } from './format/commit-format.ts'
import { decodeSegmentHeader, type SegmentHeader } from './format/segment-header.ts'
import { PAGE_BYTES } from './limits.ts'
import { groupedNumberInName, numberInName, segmentPath } from './segment.ts'

export interface InspectedSegment {
  readonly kind: 'segment'
  readonly path: string
  readonly sizeBytes: number
  /** `undefined`: never begun, or unreadable. */
  readonly header: SegmentHeader | undefined
}

export interface InspectedCommit {
  readonly kind: 'commit'
  readonly path: string
  readonly offset: number
  readonly header: DecodedHeader
  readonly frames: readonly FrameEntry[]
  /** Frames among them whose payload fails its checksum. */
  readonly bad: readonly FrameEntry[]
}

/** Where the commits of a segment end, or are interrupted. */
export interface InspectedEnd {
  readonly kind: 'end'
  readonly path: string
  readonly offset: number
  /** The commit that would come next. */
  readonly commit: number
  readonly reason: string
  /** Set when something behind proves that this commit was durable: damage, and reading goes on there. */
  readonly damagedUntil?: { readonly commit: number; readonly offset: number }
}

export type Inspected = InspectedSegment | InspectedCommit | InspectedEnd

export async function* inspectLog(disk: Disk): AsyncGenerator<Inspected, void, undefined> {
  const names = (await disk.exists('log')) ? await disk.list('log') : []
  for (const name of names) {
    const number = numberInName(name, '.seg') ?? groupedNumberInName(name, '.seg')
    if (number !== undefined) yield* inspectSegment(disk, number)
  }
}

async function* inspectSegment(disk: Disk, number: number): AsyncGenerator<Inspected, void, undefined> {
  const path = segmentPath(number)
  const file = await disk.open(path)
  try {
    const sizeBytes = await file.size()
    const reader = new CommitReader(file, sizeBytes)
    const decoded = decodeSegmentHeader(await reader.bytes(0, PAGE_BYTES))
    const header = decoded.kind === 'ok' && decoded.header.number === number ? decoded.header : undefined
    yield { kind: 'segment', path, sizeBytes, header }
    if (header !== undefined) yield* inspectCommits(reader, path, header)
  } finally {
    await file.close()
  }
}

async function* inspectCommits(
  reader: CommitReader,
  path: string,
  { salt, isGrouped, firstCommit, previousCrc: firstCrc }: SegmentHeader,
): AsyncGenerator<Inspected, void, undefined> {
  // Blocks of a regrouped segment are numbered from 1; their frames say of which commits they are.
  let commit = isGrouped ? 1 : firstCommit
  let previousCrc: number | undefined = firstCrc
  let epoch = 0
  let offset = PAGE_BYTES
  for (;;) {
    const expected = { salt, commit, previousCrc, epoch }
    const verdict = await reader.judge(offset, expected)
    if (verdict.kind === 'whole' || verdict.kind === 'payload') {
      const { header, frames } = verdict
      yield { kind: 'commit', path, offset, header, frames, bad: verdict.kind === 'payload' ? verdict.bad : [] }
      offset += commitBytes(header.bodyBytes)
      commit++
      previousCrc = header.crc
      epoch = header.epoch
      continue
    }
    const reason = verdict.kind === 'none' ? verdict.reason : 'the directory of the commit fails its checksum'
    const proof = await reader.findProof(offset + PAGE_BYTES, expected)
    if (proof === undefined) {
      yield { kind: 'end', path, offset, commit, reason }
      return
    }
    const damagedUntil = { commit: proof.header.commit, offset: proof.offset }
    yield { kind: 'end', path, offset, commit, reason, damagedUntil }
    commit = damagedUntil.commit
    offset = damagedUntil.offset
    previousCrc = undefined
  }
}
