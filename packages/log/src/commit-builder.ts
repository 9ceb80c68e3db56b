/**
 * A commit while it is being filled: frames, at most one per ledger, each the parts of its ledger side by side. Laid
 * out into one buffer at the end: each payload is copied once and summed once. See docs/decisions/015.
 */
import { assert } from '@millrace/std'
import type { AllocateBuffer } from './disk.ts'
import type { AppendRequest, PartTaker } from './append-queue.ts'
import { viewOf } from './format/bytes.ts'
import {
  COMMIT_HEADER_BYTES,
  commitBytes,
  type CommitHeader,
  encodeCommitHeader,
  encodeFrame,
  FLAG_CHANGE,
  FLAG_METADATA,
  FRAME_BYTES,
  FRAME_RECORDS,
  type FrameEntry,
  withChangeAge,
} from './format/commit-format.ts'
import { crc32 } from './format/crc32.ts'
import type { LedgerState } from './ledger-table.ts'
import { COMMIT_BYTES_MAX, FRAME_RECORDS_MAX } from './limits.ts'

/** A frame that is still being filled: where its payload lies, and its checksum, is known when the commit is laid out. */
type BuildingFrame = { -readonly [Field in keyof FrameEntry]: FrameEntry[Field] }

/** A part of a request in this commit: where it went. */
export interface TakenPart {
  readonly request: AppendRequest
  readonly part: number
  readonly frame: FrameEntry
  readonly firstIndex: number
  /** Where it begins in the payload of its frame. */
  readonly offset: number
}

export interface BuiltCommit {
  readonly commit: number
  /** What its header calls durable. */
  readonly durable: number
  /** With room for the segment's header in front, when it is the first. */
  readonly buffer: Uint8Array
  readonly headerCrc: number
  readonly frames: readonly FrameEntry[]
}

export interface CommitPlace {
  /** That of the segment. */
  readonly version: number
  readonly commit: number
  readonly durable: number
  readonly epoch: number
  readonly previousCrc: number
  readonly salt: bigint
  readonly flags: number
  /** The newest commit before with a frame that is not records; 0 if there was none. */
  readonly changeCommit: number
  /** Bytes to leave free in front. */
  readonly leadBytes: number
}

export class CommitBuilder implements PartTaker {
  readonly commit: number
  readonly timeMs: number
  readonly #dataBytesMax: number
  readonly #frames: BuildingFrame[] = []
  /** Of the ledger of each frame. */
  readonly #states: LedgerState[] = []
  /** Payloads of frames that are not records. */
  readonly #payloads: { readonly frame: FrameEntry; readonly bytes: Uint8Array }[] = []
  readonly taken: TakenPart[] = []
  #bodyBytes = 0
  #flags = 0
  /** Set when a part did not fit for want of room in the segments, not because the commit has enough. */
  isShortOfRoom = false
  /** What the part that did not fit would have taken. */
  missingBytes = 0

  /** `dataBytesMax`: what the segments have room for. */
  constructor(commit: number, timeMs: number, dataBytesMax: number) {
    this.commit = commit
    this.timeMs = timeMs
    this.#dataBytesMax = dataBytesMax
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0
  }

  /** What the commit takes in the file. */
  get bytes(): number {
    return commitBytes(this.#bodyBytes)
  }

  /** A frame in it is not records. */
  get hasChange(): boolean {
    return (this.#flags & FLAG_CHANGE) !== 0
  }

  has(state: LedgerState): boolean {
    return this.#states[state.place] === state
  }

  /** Whether a further frame of `payloadBytes` fits: into the commit, and into `bytesMax` of room. */
  fits(payloadBytes: number, bytesMax: number): boolean {
    const body = this.#bodyBytes + FRAME_BYTES + payloadBytes
    if (commitBytes(body) > bytesMax) return false
    return this.isEmpty || COMMIT_HEADER_BYTES + body <= COMMIT_BYTES_MAX
  }

  /** Adds a frame that is not records. `state` is the ledger's own, or a new one that is being opened. */
  addFrame(state: LedgerState, kind: number, timeMs: number, payload?: Uint8Array): void {
    assert(!this.has(state), 'a ledger has one frame in a commit')
    const frame = this.#begin(state, kind, timeMs)
    if (payload !== undefined) {
      this.#payloads.push({ frame, bytes: payload })
      frame.payloadBytes = payload.length
    }
    this.#bodyBytes += FRAME_BYTES + frame.payloadBytes
    this.#flags |= state.ledger === 0 ? FLAG_CHANGE | FLAG_METADATA : FLAG_CHANGE
  }

  take(request: AppendRequest, part: number, state: LedgerState): boolean {
    const given = request.parts[part]
    assert(given !== undefined, 'the queue hands out parts that exist')
    let frame = this.has(state) ? this.#frames[state.place] : undefined
    const added = given.bytes.length + (frame === undefined ? FRAME_BYTES : 0)
    if (!this.isEmpty && COMMIT_HEADER_BYTES + this.#bodyBytes + added > COMMIT_BYTES_MAX) return false
    if (commitBytes(this.#bodyBytes + added) > this.#dataBytesMax) {
      this.isShortOfRoom = true
      this.missingBytes = commitBytes(this.#bodyBytes + added)
      return false
    }
    if (frame !== undefined && frame.kind !== FRAME_RECORDS) return false
    if (frame !== undefined && frame.records + given.records > FRAME_RECORDS_MAX) return false
    frame ??= this.#begin(state, FRAME_RECORDS, Math.max(this.timeMs, state.lastTimeMs))
    this.taken.push({ request, part, frame, firstIndex: frame.records, offset: frame.payloadBytes })
    frame.records += given.records
    frame.payloadBytes += given.bytes.length
    this.#bodyBytes += added
    return true
  }

  /** One object for a frame, from here until it is in the index (bench: `wide`, docs/decisions/138). */
  #begin(state: LedgerState, kind: number, timeMs: number): BuildingFrame {
    const frame: BuildingFrame = {
      ledger: state.ledger,
      kind,
      codec: 0,
      records: 0,
      payloadOffset: 0,
      payloadBytes: 0,
      commit: this.commit,
      previousCommit: state.lastFrameCommit,
      timeMs,
      payloadCrc: 0,
    }
    state.lastFrameCommit = this.commit
    state.lastTimeMs = timeMs
    state.place = this.#frames.length
    this.#frames.push(frame)
    this.#states.push(state)
    return frame
  }

  /** The frames' ledgers, as the table holds them, in order of frames. */
  get states(): readonly LedgerState[] {
    return this.#states
  }

  build(place: CommitPlace, allocate: AllocateBuffer): BuiltCommit {
    const at = place.leadBytes
    const buffer = allocate(at + this.bytes)
    const view = viewOf(buffer)
    const directoryStart = at + COMMIT_HEADER_BYTES
    let payloadOffset = COMMIT_HEADER_BYTES + this.#frames.length * FRAME_BYTES
    for (const frame of this.#frames) {
      frame.payloadOffset = payloadOffset
      payloadOffset += frame.payloadBytes
    }
    for (const { frame, bytes } of this.#payloads) buffer.set(bytes, at + frame.payloadOffset)
    for (const { request, part, frame, offset } of this.taken) {
      const given = request.parts[part]
      if (given !== undefined) buffer.set(given.bytes, at + frame.payloadOffset + offset)
    }
    let frameStart = directoryStart
    for (const frame of this.#frames) {
      const start = at + frame.payloadOffset
      frame.payloadCrc = crc32(buffer, start, start + frame.payloadBytes)
      encodeFrame(frame, view, frameStart)
      frameStart += FRAME_BYTES
    }
    const header: CommitHeader = {
      version: place.version,
      flags: withChangeAge(this.#flags | place.flags, place.commit, place.changeCommit),
      commit: place.commit,
      durable: place.durable,
      epoch: place.epoch,
      previousCrc: place.previousCrc,
      bodyBytes: this.#bodyBytes,
      frames: this.#frames.length,
      timeMs: this.timeMs,
      salt: place.salt,
      directoryCrc: crc32(buffer, directoryStart, frameStart),
    }
    return {
      commit: place.commit,
      durable: place.durable,
      buffer,
      headerCrc: encodeCommitHeader(header, buffer, view, at),
      frames: this.#frames,
    }
  }
}
