/**
 * Verifies a log's directory without changing it: every byte of every commit, every index page, every snapshot, and
 * that each index says what its segment says. One finding per thing that is wrong; none for a torn tail.
 */
import type { Ledger, Position } from './api.ts'
import { CommitReader } from './commit-reader.ts'
import type { Disk } from './disk.ts'
import { decodeSegmentHeader, type SegmentHeader } from './format/segment-header.ts'
import { isPageValid, type SegmentSummary } from './format/index-format.ts'
import { loadIndexFile } from './index-file.ts'
import { PAGE_BYTES } from './limits.ts'
import { indexPath, numberInName, segmentPath } from './segment.ts'
import { walkSegment } from './segment-walk.ts'
import { loadSnapshots } from './snapshots.ts'

export interface Finding {
  readonly file: string
  readonly offset: number
  /** Whose records are concerned, where that can be told. */
  readonly ledger?: Ledger
  /** The first position that cannot be read … */
  readonly from?: Position
  /** … and the first one after that can. */
  readonly to?: Position
  readonly reason: string
}

interface ListedSegment {
  readonly number: number
  readonly header: SegmentHeader | undefined
  readonly summary: SegmentSummary | undefined
}

/** The directory should not be in use. Throws the signal's reason when it is aborted. */
export async function* checkLog(disk: Disk, signal?: AbortSignal): AsyncGenerator<Finding, void, undefined> {
  const snapshots = await loadSnapshots(disk)
  for (const file of snapshots.damaged) yield { file, offset: 0, reason: 'the snapshot fails its checksum' }
  const freed = snapshots.newest?.freed ?? []
  const names = (await disk.exists('log')) ? await disk.list('log') : []
  const listed: ListedSegment[] = []
  for (const name of names) {
    const number = numberInName(name, '.seg')
    if (number === undefined || freed.some((range) => range.firstNumber <= number && number <= range.lastNumber))
      continue
    signal?.throwIfAborted()
    const loaded = await loadIndexFile(disk, indexPath(number))
    const header = await readHeader(disk, number)
    if (loaded !== undefined || header !== undefined) listed.push({ number, header, summary: loaded?.summary })
  }
  let lastCommit = 0
  let lastCrc: number | undefined
  for (const [place, segment] of listed.entries()) {
    signal?.throwIfAborted()
    const next = listed[place + 1]
    const nextFirst = next?.summary?.firstCommit ?? next?.header?.firstCommit
    const first = segment.summary?.firstCommit ?? segment.header?.firstCommit ?? 0
    const isGone = freed.some((range) => range.firstCommit <= lastCommit + 1 && range.lastCommit >= first - 1)
    if (first > lastCommit + 1 && !isGone) {
      yield {
        file: segmentPath(segment.number),
        offset: 0,
        from: { commit: lastCommit + 1, index: 0 },
        to: { commit: first, index: 0 },
        reason: 'a segment is missing before this one',
      }
    }
    const isNeighbour = first === lastCommit + 1
    const provenCommit = snapshots.newest?.commit ?? 0
    const walked = yield* checkSegment(disk, segment, nextFirst, isNeighbour ? lastCrc : undefined, provenCommit)
    lastCommit = walked.lastCommit
    lastCrc = walked.lastCrc
  }
  const proven = snapshots.newest?.commit ?? 0
  if (proven > lastCommit) {
    yield {
      file: segmentPath(listed.at(-1)?.number ?? 1),
      offset: 0,
      from: { commit: lastCommit + 1, index: 0 },
      to: { commit: proven + 1, index: 0 },
      reason: 'a snapshot knows of commits that are not in the log',
    }
  }
}

async function* checkSegment(
  disk: Disk,
  { number, header, summary }: ListedSegment,
  nextFirst: number | undefined,
  previousCrc: number | undefined,
  snapshotCommit: number,
): AsyncGenerator<Finding, { readonly lastCommit: number; readonly lastCrc: number }, undefined> {
  const path = segmentPath(number)
  if (header === undefined) yield { file: path, offset: 0, reason: "the segment's header cannot be read" }
  const start = header ?? summary
  if (start === undefined) return { lastCommit: 0, lastCrc: 0 }
  if (previousCrc !== undefined && start.previousCrc !== previousCrc) {
    yield { file: path, offset: 0, reason: 'the chain does not lead here from the segment before' }
  }
  const file = await disk.open(path)
  try {
    const walk = await walkSegment(new CommitReader(file, await file.size()), {
      salt: start.salt,
      commit: start.firstCommit,
      previousCrc: start.previousCrc,
      epoch: 0,
      provenCommit: Math.max(snapshotCommit, summary?.lastCommit ?? 0, (nextFirst ?? 0) - 1),
      endBefore: summary === undefined ? nextFirst : summary.lastCommit + 1,
      offset: PAGE_BYTES,
    })
    for (const { fromCommit, toCommit, offset } of walk.damages) {
      const range = { from: { commit: fromCommit, index: 0 }, to: { commit: toCommit + 1, index: 0 } }
      yield { file: path, offset, ...range, reason: 'commits cannot be read' }
    }
    for (const { frame, offset } of walk.payloads) {
      yield {
        file: path,
        offset: offset + frame.payloadOffset,
        ledger: frame.ledger,
        from: { commit: frame.commit, index: 0 },
        to: { commit: frame.commit, index: frame.records },
        reason: 'records fail their checksum',
      }
    }
    if (summary !== undefined) yield* checkIndex(disk, number, summary, walk.index.entries)
    return { lastCommit: walk.lastCommit, lastCrc: walk.lastCrc }
  } finally {
    await file.close()
  }
}

async function* checkIndex(
  disk: Disk,
  number: number,
  summary: SegmentSummary,
  entries: number,
): AsyncGenerator<Finding, void, undefined> {
  const path = indexPath(number)
  if (summary.entries !== entries) {
    const reason = `the index has ${summary.entries} entries, its segment ${entries} frames; it will be built again`
    yield { file: path, offset: 0, reason }
  }
  const file = await disk.open(path)
  try {
    const page = new Uint8Array(PAGE_BYTES)
    for (let offset = 0; (await file.read(page, offset)) === PAGE_BYTES; offset += PAGE_BYTES) {
      if (!isPageValid(page))
        yield { file: path, offset, reason: 'an index page fails its checksum; it will be built again' }
    }
  } finally {
    await file.close()
  }
}

async function readHeader(disk: Disk, number: number): Promise<SegmentHeader | undefined> {
  const file = await disk.open(segmentPath(number))
  try {
    const page = new Uint8Array(PAGE_BYTES)
    const read = await file.read(page, 0)
    const decoded = decodeSegmentHeader(page.subarray(0, read))
    return decoded.kind === 'ok' && decoded.header.number === number ? decoded.header : undefined
  } finally {
    await file.close()
  }
}
