/**
 * Reads commits of one segment file front to back, and judges each. It never changes the file. Pages that the drive
 * refuses to read are as pages with bad bytes, and remembered.
 */
import type { DiskFile } from './disk.ts'
import { viewOf } from './format/bytes.ts'
import {
  COMMIT_HEADER_BYTES,
  commitBytes,
  decodeCommitHeader,
  decodeFrame,
  type DecodedHeader,
  FLAG_CLEAN_STOP,
  FRAME_BYTES,
  type FrameEntry,
  isDirectoryValid,
} from './format/commit-format.ts'
import { crc32 } from './format/crc32.ts'
import { SEGMENT_VERSION } from './format/segment-header.ts'
import { COMMIT_BYTES_MAX, MIB, PAGE_BYTES } from './limits.ts'
import { LogError } from './log-error.ts'
import { readAround } from './refused-read.ts'

/** Read ahead in steps of this. */
const READ_BYTES = 1 * MIB

/** How far behind a first commit that is gone another one is looked for: the largest one, and room for more. */
const FOLLOWED_BYTES = 4 * COMMIT_BYTES_MAX

const NOTHING: Uint8Array = new Uint8Array(0)

/** What the next commit must be to belong to the log. */
export interface Expectation {
  /** `undefined`: the segment's header is gone, any salt will do if the chain holds. */
  readonly salt: bigint | undefined
  readonly commit: number
  /** `undefined`: the commit before is damaged, the chain starts anew. */
  readonly previousCrc: number | undefined
  /** At least this. */
  readonly epoch: number
}

export type CommitVerdict =
  | { readonly kind: 'whole'; readonly header: DecodedHeader; readonly frames: readonly FrameEntry[] }
  /** Header and directory hold, the payload of these frames does not. */
  | {
      readonly kind: 'payload'
      readonly header: DecodedHeader
      readonly frames: readonly FrameEntry[]
      readonly bad: readonly FrameEntry[]
    }
  /** The header holds, so its length is known; the directory does not. */
  | { readonly kind: 'directory'; readonly header: DecodedHeader }
  | { readonly kind: 'none'; readonly reason: string }

/** Memory that is read into again and again, by one reader after another: never by two in turn. */
export class ReadMemory {
  #bytes: Uint8Array = NOTHING

  /** Not zeroed. What was there before is gone. */
  take(size: number): Uint8Array {
    if (this.#bytes.length < size) this.#bytes = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
    return this.#bytes.subarray(0, size)
  }
}

export class CommitReader {
  readonly #file: DiskFile
  readonly #sizeBytes: number
  readonly #memory: ReadMemory
  #buffer: Uint8Array = NOTHING
  #bufferAt = 0
  readonly #refused = new Set<number>()

  /** `memory`: of whoever reads many files. Default: of its own. */
  constructor(file: DiskFile, sizeBytes: number, memory = new ReadMemory()) {
    this.#file = file
    this.#sizeBytes = sizeBytes
    this.#memory = memory
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Offsets of pages that the drive refused to read. */
  get refused(): ReadonlySet<number> {
    return this.#refused
  }

  /** Whether one of the pages that begin in [offset, offset + length) was refused. */
  isRefused(offset: number, length: number): boolean {
    for (const page of this.#refused) if (page >= offset && page < offset + length) return true
    return false
  }

  /** Bytes [offset, offset + length) of the file, fewer at its end. Valid until the next call. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    if (!this.#holds(offset, length)) await this.#load(offset, length)
    const end = Math.min(offset + length, this.#sizeBytes)
    return this.#buffer.subarray(offset - this.#bufferAt, Math.max(offset, end) - this.#bufferAt)
  }

  /** Judges what stands at `offset` against what should. */
  async judge(offset: number, expected: Expectation): Promise<CommitVerdict> {
    const head = await this.bytes(offset, COMMIT_HEADER_BYTES)
    const header = decodeCommitHeader(head, 0)
    if (header === undefined) {
      return {
        kind: 'none',
        reason: this.#refused.has(offset) ? 'the drive refuses to read it (EIO)' : 'no commit header',
      }
    }
    const mismatch = mismatchOf(header, expected)
    if (mismatch !== undefined) return { kind: 'none', reason: mismatch }
    this.#refuseNewer(header, offset)
    const length = COMMIT_HEADER_BYTES + header.bodyBytes
    if (offset + commitBytes(header.bodyBytes) > this.#sizeBytes) {
      return { kind: 'none', reason: 'the commit reaches beyond the file' }
    }
    const bytes = await this.bytes(offset, length)
    if (bytes.length < length) return { kind: 'none', reason: 'the commit reaches beyond the file' }
    if (!isDirectoryValid(header, bytes, 0)) return { kind: 'directory', header }
    const view = viewOf(bytes)
    const frames: FrameEntry[] = []
    const bad: FrameEntry[] = []
    for (let index = 0; index < header.frames; index++) {
      const frame = decodeFrame(view, 0, index)
      frames.push(frame)
      const end = frame.payloadOffset + frame.payloadBytes
      const inside = frame.payloadOffset >= COMMIT_HEADER_BYTES + header.frames * FRAME_BYTES && end <= length
      if (!inside || crc32(bytes, frame.payloadOffset, end) !== frame.payloadCrc) bad.push(frame)
    }
    return bad.length === 0 ? { kind: 'whole', header, frames } : { kind: 'payload', header, frames, bad }
  }

  /**
   * The first later commit that proves `expected.commit` to have been durable: of this segment and epoch or later,
   * written when that commit was known to be synced. It is also where reading can go on.
   */
  async findProof(from: number, expected: Expectation): Promise<{ offset: number; header: DecodedHeader } | undefined> {
    for (let offset = from; offset + COMMIT_HEADER_BYTES <= this.#sizeBytes; offset += PAGE_BYTES) {
      // Without a turn of the event loop for each page: the rest of a segment has up to 16,000.
      if (!this.#holds(offset, COMMIT_HEADER_BYTES)) await this.#load(offset, COMMIT_HEADER_BYTES)
      const header = decodeCommitHeader(this.#buffer, offset - this.#bufferAt)
      if (header === undefined || header.salt !== expected.salt) continue
      if (header.commit <= expected.commit || header.epoch < expected.epoch) continue
      const isProof = header.durable >= expected.commit || (header.flags & FLAG_CLEAN_STOP) !== 0
      if (isProof) return { offset, header }
    }
    return undefined
  }

  /**
   * Whether a commit behind `offset` proves `expected.commit` to have been durable, where the salt went with the segment's header.
   * What the file held before has lower numbers, and of a commit that is torn nothing says that it is durable. A commit has a page
   * of its own at least, so that a record with a commit of another log in it has hardly a number that could stand there. Looks
   * at the first 4 MiB: each start asks it of the file that is prepared as the next segment.
   */
  async isFollowed(offset: number, expected: Expectation): Promise<boolean> {
    const end = Math.min(this.#sizeBytes, offset + FOLLOWED_BYTES)
    for (let page = offset + PAGE_BYTES; page + PAGE_BYTES <= end; page += PAGE_BYTES) {
      if (!this.#holds(page, COMMIT_HEADER_BYTES)) await this.#load(page, COMMIT_HEADER_BYTES)
      const header = decodeCommitHeader(this.#buffer, page - this.#bufferAt)
      if (header === undefined || header.epoch < expected.epoch || header.durable < expected.commit) continue
      const commitMax = expected.commit + (page - offset) / PAGE_BYTES
      if (header.commit > header.durable && header.commit <= commitMax) return true
    }
    return false
  }

  /**
   * How many commits may stand from `offset` on, one a page: up to the last page that was refused, or that begins a commit of
   * this use of the file.
   */
  async commitsMax(offset: number, salt: bigint | undefined): Promise<number> {
    let pages = 0
    for (let page = offset; page + PAGE_BYTES <= this.#sizeBytes; page += PAGE_BYTES) {
      if (!this.#holds(page, COMMIT_HEADER_BYTES)) await this.#load(page, COMMIT_HEADER_BYTES)
      const isCommit = decodeCommitHeader(this.#buffer, page - this.#bufferAt)?.salt === salt
      if (isCommit || this.#refused.has(page)) pages = (page - offset) / PAGE_BYTES + 1
    }
    return pages
  }

  #holds(offset: number, length: number): boolean {
    const end = Math.min(offset + length, this.#sizeBytes)
    return offset >= this.#bufferAt && end <= this.#bufferAt + this.#buffer.length
  }

  async #load(offset: number, length: number): Promise<void> {
    const size = Math.max(0, Math.min(Math.max(length, READ_BYTES), this.#sizeBytes - offset))
    const into = this.#memory.take(size)
    this.#buffer = NOTHING
    // Nothing is shown but what was read.
    const read = size === 0 ? 0 : await this.#read(into, offset)
    this.#buffer = into.subarray(0, read)
    this.#bufferAt = offset
  }

  #read(into: Uint8Array, offset: number): Promise<number> {
    const file = this.#file
    return file.read(into, offset).catch((error: unknown) => readAround(error, file, into, offset, this.#refused))
  }

  #refuseNewer(header: DecodedHeader, offset: number): void {
    if (header.version > SEGMENT_VERSION) {
      throw new LogError(
        'newer-version',
        `${this.#file.path}: the commit at offset ${offset} has format version ${header.version}, ` +
          `this program knows ${SEGMENT_VERSION}; use the version that wrote it, or a later one`,
      )
    }
  }
}

function mismatchOf(header: DecodedHeader, expected: Expectation): string | undefined {
  if (expected.salt !== undefined && header.salt !== expected.salt) return 'a commit of another use of this file'
  if (header.commit !== expected.commit) return `commit ${header.commit} where ${expected.commit} should be`
  if (expected.previousCrc !== undefined && header.previousCrc !== expected.previousCrc) {
    return 'the chain does not lead here from the commit before'
  }
  if (header.epoch < expected.epoch) return 'a commit of an earlier opening'
  if (header.durable >= header.commit) return 'a commit that claims to be durable before it was written'
  return undefined
}
