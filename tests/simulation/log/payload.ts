/**
 * Bytes that say who they are: every part of an append and every metadata change carries its own number, so that
 * whatever comes back from a log can be held against what was put in. Long ones also carry pages of a log that is not
 * ours, as a user's copy of a segment would: nothing in them may ever be taken for a commit.
 */
import { crc32 } from 'node:zlib'

const HEADER_BYTES = 10
const PAGE_BYTES = 4096
/** A commit's header, and an entry of its directory: docs/formats/commit.md. */
const COMMIT_HEADER_BYTES = 64
const FRAME_BYTES = 48

/** `id` and `records` and the length stand in front; the rest tells one payload from another at every byte. */
export function makePayload(id: number, records: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(HEADER_BYTES, length))
  const view = new DataView(bytes.buffer)
  view.setUint32(0, id)
  view.setUint32(4, bytes.length)
  view.setUint16(8, records)
  for (let i = HEADER_BYTES; i < bytes.length; i++) bytes[i] = (id * 31 + i * 7 + (i >> 8)) & 0xff
  // Where pages begin if this payload is the first of a commit with one frame, or with two.
  const ahead = COMMIT_HEADER_BYTES + FRAME_BYTES * (1 + (id % 2))
  for (let at = PAGE_BYTES - ahead; at + COMMIT_HEADER_BYTES <= bytes.length; at += PAGE_BYTES) forgeCommit(bytes, at)
  return bytes
}

/** A whole header of a far later commit, a clean stop: if it were ours, it would prove that all before was durable. */
function forgeCommit(bytes: Uint8Array, at: number): void {
  const header = new DataView(bytes.buffer, at, COMMIT_HEADER_BYTES)
  header.setUint32(0, 0x4d4d_434d, true)
  header.setUint16(4, 2, true)
  header.setUint16(6, 2, true)
  header.setBigUint64(8, 2n ** 40n, true)
  header.setBigUint64(16, 2n ** 40n - 1n, true)
  header.setUint32(24, 2 ** 31, true)
  const crc = crc32(bytes.subarray(at, at + 60))
  header.setUint32(60, ((crc >>> 15) | (crc << 17)) + 0xa282_ead8, true)
}

export interface FoundPayload {
  readonly id: number
  readonly records: number
  readonly bytes: Uint8Array
}

/** Takes the payloads of one frame apart: parts of one ledger and commit lie end to end. */
export function splitPayloads(frame: Uint8Array): FoundPayload[] {
  const found: FoundPayload[] = []
  for (let offset = 0; offset < frame.length;) {
    const view = new DataView(frame.buffer, frame.byteOffset + offset)
    const length = frame.length - offset < HEADER_BYTES ? 0 : view.getUint32(4)
    if (length < HEADER_BYTES || offset + length > frame.length) {
      throw new Error(`a frame of ${frame.length} bytes holds no whole payload at ${offset}`)
    }
    // A copy, as the frame is lent; small ones share memory.
    const bytes = Buffer.from(frame.subarray(offset, offset + length))
    found.push({ id: view.getUint32(0), records: view.getUint16(8), bytes })
    offset += length
  }
  return found
}
