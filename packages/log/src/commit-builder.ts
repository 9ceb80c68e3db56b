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
  FLAG_METADATA,
  FRAME_BYTES,
  FRAME_RECORDS,
  type FrameEntry,
} from './format/commit-format.ts'
import { crc32 } from './format/crc32.ts'
import type { LedgerState } from './ledger-table.ts'
import { COMMIT_BYTES_MAX, FRAME_RECORDS_MAX } from './limits.ts'

interface BuildingFrame {
  readonly ledger: number
  readonly kind: number
  readonly timeMs: number
  readonly previousCommit: number
  records: number
  bytes: number
  payloads: Uint8Array[]
}

/** A part of a request in this commit: where it went. */
export interface TakenPart {
  readonly request: AppendRequest
  readonly part: number
  readonly frame: number
  readonly firstIndex: number
}

export interface BuiltCommit {
  readonly commit: number
  /** With room for the segment's header in front, when it is the first. */
  readonly buffer: Uint8Array
  readonly headerCrc: number
  readonly frames: readonly FrameEntry[]
}

export interface CommitPlace {
  readonly commit: number
  readonly durable: number
  readonly epoch: number
  readonly previousCrc: number
  readonly salt: bigint
  readonly flags: number
  /** Bytes to leave free in front. */
  readonly leadBytes: number
}

export class CommitBuilder implements PartTaker {
  readonly commit: number
  readonly timeMs: number
  readonly #dataBytesMax: number
  readonly #frames: BuildingFrame[] = []
  readonly #frameOf = new Map<LedgerState, number>()
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

  has(state: LedgerState): boolean {
    return this.#frameOf.has(state)
  }

  /** Whether a further frame of `payloadBytes` fits: into the commit, and into `bytesMax` of room. */
  fits(payloadBytes: number, bytesMax: number): boolean {
    const body = this.#bodyBytes + FRAME_BYTES + payloadBytes
    if (commitBytes(body) > bytesMax) return false
    return this.isEmpty || COMMIT_HEADER_BYTES + body <= COMMIT_BYTES_MAX
  }

  /** Adds a frame that is not records. `state` is the ledger's own, or a new one that is being opened. */
  addFrame(state: LedgerState, kind: number, timeMs: number, payload?: Uint8Array): void {
    assert(!this.#frameOf.has(state), 'a ledger has one frame in a commit')
    this.#frameOf.set(state, this.#frames.length)
    this.#frames.push({
      ledger: state.ledger,
      kind,
      timeMs,
      previousCommit: state.lastFrameCommit,
      records: 0,
      bytes: payload?.length ?? 0,
      payloads: payload === undefined ? [] : [payload],
    })
    this.#bodyBytes += FRAME_BYTES + (payload?.length ?? 0)
    if (state.ledger === 0) this.#flags |= FLAG_METADATA
    state.lastFrameCommit = this.commit
    state.lastTimeMs = timeMs
  }

  take(request: AppendRequest, part: number, state: LedgerState): boolean {
    const given = request.parts[part]
    assert(given !== undefined, 'the queue hands out parts that exist')
    let place = this.#frameOf.get(state)
    const added = given.bytes.length + (place === undefined ? FRAME_BYTES : 0)
    if (!this.isEmpty && COMMIT_HEADER_BYTES + this.#bodyBytes + added > COMMIT_BYTES_MAX) return false
    if (commitBytes(this.#bodyBytes + added) > this.#dataBytesMax) {
      this.isShortOfRoom = true
      this.missingBytes = commitBytes(this.#bodyBytes + added)
      return false
    }
    let frame = place === undefined ? undefined : this.#frames[place]
    if (frame !== undefined && frame.kind !== FRAME_RECORDS) return false
    if (frame !== undefined && frame.records + given.records > FRAME_RECORDS_MAX) return false
    if (place === undefined || frame === undefined) {
      place = this.#frames.length
      frame = {
        ledger: state.ledger,
        kind: FRAME_RECORDS,
        timeMs: Math.max(this.timeMs, state.lastTimeMs),
        previousCommit: state.lastFrameCommit,
        records: 0,
        bytes: 0,
        payloads: [],
      }
      state.lastFrameCommit = this.commit
      state.lastTimeMs = frame.timeMs
      this.#frames.push(frame)
      this.#frameOf.set(state, place)
    }
    this.taken.push({ request, part, frame: place, firstIndex: frame.records })
    frame.records += given.records
    frame.bytes += given.bytes.length
    frame.payloads.push(given.bytes)
    this.#bodyBytes += added
    return true
  }

  /** The frames' ledgers, as the table holds them, in order of frames. */
  states(): IterableIterator<LedgerState> {
    return this.#frameOf.keys()
  }

  build(place: CommitPlace, allocate: AllocateBuffer): BuiltCommit {
    const at = place.leadBytes
    const buffer = allocate(at + this.bytes)
    const view = viewOf(buffer)
    const entries: FrameEntry[] = []
    const directoryStart = at + COMMIT_HEADER_BYTES
    let payloadOffset = COMMIT_HEADER_BYTES + this.#frames.length * FRAME_BYTES
    for (const [number, frame] of this.#frames.entries()) {
      const start = at + payloadOffset
      let end = start
      for (const payload of frame.payloads) {
        buffer.set(payload, end)
        end += payload.length
      }
      const entry: FrameEntry = {
        ledger: frame.ledger,
        kind: frame.kind,
        codec: 0,
        records: frame.records,
        payloadOffset,
        payloadBytes: frame.bytes,
        commit: place.commit,
        previousCommit: frame.previousCommit,
        timeMs: frame.timeMs,
        payloadCrc: crc32(buffer, start, end),
      }
      encodeFrame(entry, view, directoryStart + number * FRAME_BYTES)
      entries.push(entry)
      payloadOffset += frame.bytes
    }
    const header: CommitHeader = {
      flags: this.#flags | place.flags,
      commit: place.commit,
      durable: place.durable,
      epoch: place.epoch,
      previousCrc: place.previousCrc,
      bodyBytes: this.#bodyBytes,
      frames: this.#frames.length,
      timeMs: this.timeMs,
      salt: place.salt,
      directoryCrc: crc32(buffer, directoryStart, directoryStart + this.#frames.length * FRAME_BYTES),
    }
    return { commit: place.commit, buffer, headerCrc: encodeCommitHeader(header, buffer, view, at), frames: entries }
  }
}
