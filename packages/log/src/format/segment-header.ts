/**
 * The first page of a segment file. Written together with the segment's first commit, so that a rotation costs no
 * sync of its own; rewritten with a new salt whenever the file is used again.
 *
 * Byte by byte in docs/formats/segment.md. Magic, version and checksum stay where they are in every later version, and
 * the checksum plain: by it a program of before knows that it must not touch what is newer.
 */
import { assert } from '@millrace/std'
import { PAGE_BYTES } from '../limits.ts'
import { getUint64, setUint64, viewOf } from './bytes.ts'
import { crc32 } from './crc32.ts'

/** The newest version of segments, and of the commits in them, which is one number. Version 1 is read and written on. */
export const SEGMENT_VERSION = 2
const SEGMENT_VERSION_FIRST = 1
const MAGIC = 0x4745_5352_4c4c_494dn // "MILLRSEG" read as a little-endian number.
/** Flag of a regrouped segment. */
const FLAG_GROUPED = 1
const OFFSET_CRC = PAGE_BYTES - 4
export const LOG_ID_BYTES = 16

export interface SegmentHeader {
  /** Of this header and of every commit behind it. */
  readonly version: number
  /** Counts from 1; also the file's name, so that a file put in another's place is noticed. */
  readonly number: number
  /** Its blocks hold frames of other segments, by ledger. */
  readonly isGrouped: boolean
  /** Retention class of a regrouped segment; 0 in a raw one. */
  readonly retentionClass: number
  /** Says which data directory this file belongs to: random, made once. */
  readonly logId: Uint8Array
  /** Which of several logs of one directory; 0 now. */
  readonly logNumber: number
  /** Random for each use of the file. */
  readonly salt: bigint
  readonly firstCommit: number
  /** Header checksum of the commit before the first; 0 at the very start. */
  readonly previousCrc: number
  readonly createdMs: number
  /** Size of the file. */
  readonly capacity: number
}

export type DecodedSegmentHeader =
  | { readonly kind: 'ok'; readonly header: SegmentHeader }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'invalid' }

export function encodeSegmentHeader(header: SegmentHeader, into: Uint8Array): void {
  assert(header.logId.length === LOG_ID_BYTES, 'a log id has 16 bytes')
  const view = viewOf(into)
  view.setBigUint64(0, MAGIC, true)
  view.setUint16(8, header.version, true)
  view.setUint16(10, header.isGrouped ? FLAG_GROUPED : 0, true)
  view.setUint16(12, header.retentionClass, true)
  view.setUint16(14, header.logNumber, true)
  into.set(header.logId, 16)
  view.setBigUint64(32, header.salt, true)
  setUint64(view, 40, header.firstCommit)
  view.setUint32(48, header.previousCrc, true)
  view.setUint32(52, header.number, true)
  setUint64(view, 56, header.createdMs)
  setUint64(view, 64, header.capacity)
  view.setUint32(OFFSET_CRC, crc32(into, 0, OFFSET_CRC), true)
}

export function decodeSegmentHeader(page: Uint8Array): DecodedSegmentHeader {
  if (page.length < PAGE_BYTES) return { kind: 'invalid' }
  const view = viewOf(page)
  if (view.getBigUint64(0, true) !== MAGIC) return { kind: 'invalid' }
  if (crc32(page, 0, OFFSET_CRC) !== view.getUint32(OFFSET_CRC, true)) return { kind: 'invalid' }
  const version = view.getUint16(8, true)
  // A flag we do not know changes what the rest means, as a version does.
  const flags = view.getUint16(10, true)
  const isKnown = version >= SEGMENT_VERSION_FIRST && version <= SEGMENT_VERSION
  if (!isKnown || (flags & ~FLAG_GROUPED) !== 0) return { kind: 'newer', version }
  return {
    kind: 'ok',
    header: {
      version,
      isGrouped: (flags & FLAG_GROUPED) !== 0,
      retentionClass: view.getUint16(12, true),
      logNumber: view.getUint16(14, true),
      logId: page.slice(16, 16 + LOG_ID_BYTES),
      salt: view.getBigUint64(32, true),
      firstCommit: getUint64(view, 40),
      previousCrc: view.getUint32(48, true),
      number: view.getUint32(52, true),
      createdMs: getUint64(view, 56),
      capacity: getUint64(view, 64),
    },
  }
}
