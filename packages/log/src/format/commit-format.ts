/**
 * Bytes of a commit: a header of 64, a directory of 48 per frame, the payloads, zeros up to the next page. All frame
 * entries lie together, so that an index is rebuilt without reading a payload; their checksum covers the payloads'
 * checksums, so each payload is summed once.
 *
 * Byte by byte in docs/formats/commit.md. The magic, version and header checksum stay in place in later versions. A
 * commit has the version of its segment.
 */
import { PAGE_BYTES } from '../limits.ts'
import { getUint64, roundUp, setUint64, viewOf } from './bytes.ts'
import { crc32, maskedCrc } from './crc32.ts'

export const COMMIT_HEADER_BYTES = 64
export const FRAME_BYTES = 48
const MAGIC = 0x4d4d_434d // "MCMM" read as a little-endian number.
const OFFSET_HEADER_CRC = 60
/** Up to here the header's checksum is stored as it is. */
const VERSION_WITH_PLAIN_CRC = 1

/** Written when the log fell idle: proves what stands before it. */
export const FLAG_SEAL = 1
/** The last commit of an orderly close. */
export const FLAG_CLEAN_STOP = 2
/** The first commit of an epoch. */
export const FLAG_OPEN = 4
/** Holds a frame of ledger 0. */
export const FLAG_METADATA = 8
/** Holds a frame that is a change, and no records, of whatever ledger. */
export const FLAG_CHANGE = 16
/** The bits above: how many commits before this one the newest one with a change stands. */
const CHANGE_AGE_SHIFT = 5
const CHANGE_AGE_MAX = 0x7ff

/** What a frame is. Those with records have at least one; all others none. */
export const FRAME_RECORDS = 1
/** The first frame of a ledger; its time is the ledger's first. */
export const FRAME_OPEN = 2
/** The last frame of a ledger; its time is when it was closed. */
export const FRAME_CLOSE = 3
/** Ledger 0: a change of the user's metadata. */
export const FRAME_METADATA = 4
/** Ledger 0: trim floors. See control-format.ts. */
export const FRAME_TRIM = 5
/** Ledger 0: ledgers forgotten. */
export const FRAME_DROP = 6
/** Ledger 0: a segment whose file goes. */
export const FRAME_FREED = 7
/** Ledger 0: segments whose frames stand in others now, and whose files go. */
export const FRAME_REGROUPED = 8

export interface CommitHeader {
  readonly version: number
  readonly flags: number
  readonly commit: number
  /** The highest commit known to be synced when this was written. */
  readonly durable: number
  /** Grows with each opening of the log. */
  readonly epoch: number
  /** Header checksum of the commit before. */
  readonly previousCrc: number
  /** Directory and payloads, without the padding. */
  readonly bodyBytes: number
  readonly frames: number
  readonly timeMs: number
  readonly salt: bigint
  readonly directoryCrc: number
}

export interface FrameEntry {
  readonly ledger: number
  readonly kind: number
  /** How the payload is coded: 0 as it came. For compression or encryption, later. */
  readonly codec: number
  readonly records: number
  /** From the start of the commit. */
  readonly payloadOffset: number
  readonly payloadBytes: number
  readonly commit: number
  /** The commit of this ledger's frame before; 0 for its first. */
  readonly previousCommit: number
  readonly timeMs: number
  readonly payloadCrc: number
}

export interface DecodedHeader extends CommitHeader {
  /** The chain's link: what the next commit must name. As it is stored. */
  readonly crc: number
}

/** Flags of `commit` that say where the newest change before it stands. */
export function withChangeAge(flags: number, commit: number, changeCommit: number): number {
  return flags | (Math.min(commit - changeCommit, CHANGE_AGE_MAX) << CHANGE_AGE_SHIFT)
}

/**
 * Whether one of the commits [from, to] holds a change, as the header of `to` or of the one behind it tells. `undefined`:
 * it does not. It was written before headers did, or they are too many.
 */
export function tellsChange({ flags, commit }: CommitHeader, from: number, to: number): boolean | undefined {
  if (commit === to && (flags & (FLAG_METADATA | FLAG_CHANGE)) !== 0) return true
  const age = flags >> CHANGE_AGE_SHIFT
  if (age === 0) return undefined
  if (commit - age < from) return false
  return age === CHANGE_AGE_MAX ? undefined : true
}

export function commitBytes(bodyBytes: number): number {
  return roundUp(COMMIT_HEADER_BYTES + bodyBytes, PAGE_BYTES)
}

/** Writes the header at `at` and returns its checksum, as it is stored. */
export function encodeCommitHeader(header: CommitHeader, bytes: Uint8Array, view: DataView, at: number): number {
  view.setUint32(at, MAGIC, true)
  view.setUint16(at + 4, header.version, true)
  view.setUint16(at + 6, header.flags, true)
  setUint64(view, at + 8, header.commit)
  setUint64(view, at + 16, header.durable)
  view.setUint32(at + 24, header.epoch, true)
  view.setUint32(at + 28, header.previousCrc, true)
  view.setUint32(at + 32, header.bodyBytes, true)
  view.setUint32(at + 36, header.frames, true)
  setUint64(view, at + 40, header.timeMs)
  view.setBigUint64(at + 48, header.salt, true)
  view.setUint32(at + 56, header.directoryCrc, true)
  const crc = headerCrc(header.version, bytes, at)
  view.setUint32(at + OFFSET_HEADER_CRC, crc, true)
  return crc
}

export function encodeFrame(frame: FrameEntry, view: DataView, at: number): void {
  view.setUint32(at, frame.ledger, true)
  view.setUint8(at + 4, frame.kind)
  view.setUint8(at + 5, frame.codec)
  view.setUint16(at + 6, frame.records, true)
  view.setUint32(at + 8, frame.payloadOffset, true)
  view.setUint32(at + 12, frame.payloadBytes, true)
  setUint64(view, at + 16, frame.commit)
  setUint64(view, at + 24, frame.previousCommit)
  setUint64(view, at + 32, frame.timeMs)
  view.setUint32(at + 40, frame.payloadCrc, true)
  view.setUint32(at + 44, 0, true)
}

/** The header at `at`, if one stands there whole. Says nothing about directory and payloads, salt or chain. */
export function decodeCommitHeader(bytes: Uint8Array, at: number): DecodedHeader | undefined {
  if (at + COMMIT_HEADER_BYTES > bytes.length) return undefined
  const view = viewOf(bytes)
  if (view.getUint32(at, true) !== MAGIC) return undefined
  const version = view.getUint16(at + 4, true)
  const crc = view.getUint32(at + OFFSET_HEADER_CRC, true)
  if (headerCrc(version, bytes, at) !== crc) return undefined
  return {
    version,
    flags: view.getUint16(at + 6, true),
    commit: getUint64(view, at + 8),
    durable: getUint64(view, at + 16),
    epoch: view.getUint32(at + 24, true),
    previousCrc: view.getUint32(at + 28, true),
    bodyBytes: view.getUint32(at + 32, true),
    frames: view.getUint32(at + 36, true),
    timeMs: getUint64(view, at + 40),
    salt: view.getBigUint64(at + 48, true),
    directoryCrc: view.getUint32(at + 56, true),
    crc,
  }
}

function headerCrc(version: number, bytes: Uint8Array, at: number): number {
  const crc = crc32(bytes, at, at + OFFSET_HEADER_CRC)
  return version === VERSION_WITH_PLAIN_CRC ? crc : maskedCrc(crc)
}

/** Checks the directory of a commit whose header stands at `at`; the bytes must reach to its end. */
export function isDirectoryValid(header: DecodedHeader, bytes: Uint8Array, at: number): boolean {
  const start = at + COMMIT_HEADER_BYTES
  const end = start + header.frames * FRAME_BYTES
  return header.frames * FRAME_BYTES <= header.bodyBytes && crc32(bytes, start, end) === header.directoryCrc
}

/** Frame number `index` of the commit at `at`. */
export function decodeFrame(view: DataView, at: number, index: number): FrameEntry {
  const offset = at + COMMIT_HEADER_BYTES + index * FRAME_BYTES
  return {
    ledger: view.getUint32(offset, true),
    kind: view.getUint8(offset + 4),
    codec: view.getUint8(offset + 5),
    records: view.getUint16(offset + 6, true),
    payloadOffset: view.getUint32(offset + 8, true),
    payloadBytes: view.getUint32(offset + 12, true),
    commit: getUint64(view, offset + 16),
    previousCommit: getUint64(view, offset + 24),
    timeMs: getUint64(view, offset + 32),
    payloadCrc: view.getUint32(offset + 40, true),
  }
}
