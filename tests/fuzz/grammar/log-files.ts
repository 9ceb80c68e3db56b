/**
 * Where the numbers stand in the log's files (docs/formats/), and their checksums made right again after one was bent:
 * otherwise no bent number would ever be looked at.
 */
import { crc32 } from 'node:zlib'

const PAGE = 4096
const HEADER = 64
const FRAME = 48
const COMMIT_MAGIC = 0x4d4d_434d

export interface Field {
  /** What it is part of: there are many frames and few headers. */
  readonly part: 'head' | 'commit' | 'frame' | 'kind' | 'payload'
  readonly at: number
  readonly bytes: 1 | 2 | 4 | 6 | 8
}

function fields(part: Field['part'], base: number, layout: readonly (readonly [number, Field['bytes']])[]): Field[] {
  return layout.map(([at, bytes]) => ({ part, at: base + at, bytes }))
}

/** Every number of a file that means something. */
export function fieldsOf(path: string, bytes: Buffer): readonly Field[] {
  if (path.endsWith('.seg')) return segmentFields(bytes)
  if (path.endsWith('.idx')) return indexFields(bytes)
  return path.endsWith('.snap') ? snapshotFields(bytes) : []
}

/** Makes every checksum of a file right for what stands in it now. */
export function seal(path: string, bytes: Buffer): void {
  if (path.endsWith('.seg')) sealSegment(bytes)
  else if (path.endsWith('.idx')) for (let page = 0; page + PAGE <= bytes.length; page += PAGE) sealPage(bytes, page)
  else if (path.endsWith('.snap')) sealSnapshot(bytes)
}

function sealPage(bytes: Buffer, page: number): void {
  if (page + PAGE > bytes.length) return
  bytes.writeUInt32LE(crc32(bytes.subarray(page, page + PAGE - 4)), page + PAGE - 4)
}

/** Offsets of what looks like commits. */
function commits(bytes: Buffer): number[] {
  const found: number[] = []
  for (let at = PAGE; at + HEADER <= bytes.length; at += PAGE)
    if (bytes.readUInt32LE(at) === COMMIT_MAGIC) found.push(at)
  return found
}

function framesOf(bytes: Buffer, commit: number): number[] {
  const count = Math.min(bytes.readUInt32LE(commit + 36), 1_000)
  return Array.from({ length: count }, (_, index) => commit + HEADER + index * FRAME).filter(
    (at) => at + FRAME <= bytes.length,
  )
}

function segmentFields(bytes: Buffer): Field[] {
  const found = fields('head', 0, [[8, 2], [10, 2], [12, 2], [14, 2], [32, 4], [40, 8], [48, 4], [52, 4], [64, 8]]) // prettier-ignore
  for (const commit of commits(bytes)) {
    found.push(...fields('commit', commit, [[4, 2], [6, 2], [8, 8], [16, 8], [24, 4], [28, 4], [32, 4], [36, 4], [40, 8], [48, 4]])) // prettier-ignore
    for (const frame of framesOf(bytes, commit)) {
      found.push(...fields('kind', frame, [[4, 1]]))
      found.push(...fields('frame', frame, [[0, 4], [5, 1], [6, 2], [8, 4], [12, 4], [16, 8], [24, 8], [32, 8]])) // prettier-ignore
      // What the log itself has put into a payload: trims, drops, freed and regrouped segments.
      const payload = commit + bytes.readUInt32LE(frame + 8)
      if (bytes[frame + 4] !== undefined && (bytes[frame + 4] ?? 0) >= 4 && payload + 48 <= bytes.length) {
        found.push(...fields('payload', payload, [[0, 4], [4, 4], [8, 8], [12, 8], [16, 4], [28, 4], [36, 8]])) // prettier-ignore
      }
    }
  }
  return found.filter(({ at, bytes: width }) => at + width <= bytes.length)
}

function sealSegment(bytes: Buffer): void {
  sealPage(bytes, 0)
  let previous: { readonly oldCrc: number; readonly newCrc: number } | undefined
  for (const commit of commits(bytes)) {
    const bodyBytes = bytes.readUInt32LE(commit + 32)
    const frames = bytes.readUInt32LE(commit + 36)
    for (const frame of framesOf(bytes, commit)) {
      const payload = commit + bytes.readUInt32LE(frame + 8)
      const end = payload + bytes.readUInt32LE(frame + 12)
      if (end <= bytes.length && end <= commit + HEADER + bodyBytes)
        bytes.writeUInt32LE(crc32(bytes.subarray(payload, end)), frame + 40)
    }
    const directoryEnd = commit + HEADER + frames * FRAME
    if (directoryEnd <= bytes.length)
      bytes.writeUInt32LE(crc32(bytes.subarray(commit + HEADER, directoryEnd)), commit + 56)
    // The chain is led on where it led before.
    if (previous !== undefined && bytes.readUInt32LE(commit + 28) === previous.oldCrc)
      bytes.writeUInt32LE(previous.newCrc, commit + 28)
    const oldCrc = bytes.readUInt32LE(commit + 60)
    const plain = crc32(bytes.subarray(commit, commit + 60))
    const newCrc = bytes.readUInt16LE(commit + 4) === 1 ? plain : masked(plain)
    bytes.writeUInt32LE(newCrc, commit + 60)
    previous = { oldCrc, newCrc }
  }
}

/** As docs/formats/commit.md has it. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0
}

function indexFields(bytes: Buffer): Field[] {
  const found = fields('head', 0, [[8, 2], [12, 4], [32, 4], [40, 8], [48, 8], [56, 4], [60, 4], [64, 4], [68, 4], [72, 8], [80, 8], [88, 4], [92, 4], [96, 4], [100, 4], [104, 4]]) // prettier-ignore
  // Bitmap, directory and entries follow, each in pages of its own; whatever a page holds, its first entries have these widths.
  for (let page = PAGE; page + PAGE <= bytes.length; page += PAGE) {
    for (let entry = 0; entry < 4; entry++) {
      found.push(...fields('frame', page + entry * 12, [[0, 4], [4, 4], [8, 4]])) // prettier-ignore
      found.push(...fields('frame', page + entry * 36, [[0, 6], [6, 2], [8, 6], [14, 1], [15, 1], [16, 8], [24, 4], [28, 4], [32, 4]])) // prettier-ignore
    }
  }
  return found
}

function snapshotFields(bytes: Buffer): Field[] {
  const found = fields('head', 0, [[8, 2], [32, 8], [40, 8], [48, 4], [52, 4], [56, 4], [60, 4], [76, 4]]) // prettier-ignore
  for (let at = PAGE; at + 64 <= bytes.length && at < PAGE + 64 * 8; at += 64) {
    found.push(...fields('frame', at, [[0, 4], [4, 2], [8, 6], [16, 6], [24, 6], [32, 6], [40, 6], [48, 6], [56, 6]])) // prettier-ignore
  }
  return found
}

function sealSnapshot(bytes: Buffer): void {
  if (bytes.length < PAGE) return
  const freedAt = PAGE + bytes.readUInt32LE(52) * 64
  const groupedAt = freedAt + bytes.readUInt32LE(56) * 24
  const metadataAt = groupedAt + bytes.readUInt32LE(76) * 40
  const sum = (from: number, to: number): number =>
    crc32(bytes.subarray(Math.min(from, bytes.length), Math.min(to, bytes.length)))
  bytes.writeUInt32LE(sum(PAGE, freedAt), 64)
  bytes.writeUInt32LE(sum(freedAt, groupedAt), 68)
  bytes.writeUInt32LE(sum(groupedAt, metadataAt), 80)
  bytes.writeUInt32LE(sum(metadataAt, bytes.length), 72)
  sealPage(bytes, 0)
}
