/**
 * Writes a regrouped segment: frames of others, copied as they are, by ledger and then by commit, in blocks that have
 * the form of commits (docs/formats/segment.md). Whole and synced before anybody hears of it; only then does it get
 * its name. Memory: one slice, and 45 bytes a frame for the index.
 */
import type { Ledger } from './api.ts'
import type { AllocateBuffer, Disk, DiskFile } from './disk.ts'
import { roundUp, viewOf } from './format/bytes.ts'
import {
  COMMIT_HEADER_BYTES,
  commitBytes,
  encodeCommitHeader,
  encodeFrame,
  FRAME_BYTES,
  type FrameEntry,
} from './format/commit-format.ts'
import type { GroupedSegment } from './format/control-format.ts'
import { crc32 } from './format/crc32.ts'
import { encodeSegmentHeader } from './format/segment-header.ts'
import { KIB, MIB, PAGE_BYTES, READ_GAP_BYTES, READ_SPAN_BYTES } from './limits.ts'
import { MemoryIndex } from './memory-index.ts'
import type { OpenFiles } from './open-files.ts'
import { isRefusedRead } from './refused-read.ts'
import type { Segment } from './segment.ts'
import type { IndexEntry } from './segment-index.ts'

/** A block is closed to further frames here. */
const BLOCK_BYTES = 256 * KIB
/** Frames are gathered in memory up to here, written, and so on. A single larger block is a slice of its own. */
const SLICE_BYTES = 16 * MIB
const SLICE_FRAMES = 65_536
/** Written and synced in one go: what a commit may have to wait for. */
export const GROUPED_STEP_BYTES = 256 * KIB

/** A frame to be copied. */
export interface GroupedFrame {
  readonly segment: Segment
  readonly ledger: Ledger
  readonly entry: IndexEntry
}

/** A frame that is not what its index says: its segment stays as it is. */
export class FrameUnreadableError extends Error {
  override readonly name = 'FrameUnreadableError'
  readonly frame: GroupedFrame

  constructor(frame: GroupedFrame, options?: ErrorOptions) {
    const { segment, ledger, entry } = frame
    super(
      `${segment.path}: at offset ${entry.offset} the records of ledger ${ledger}, commit ${entry.commit}, ` +
        'cannot be read or fail their checksum',
      options,
    )
    this.frame = frame
  }
}

/** A segment whose file cannot be opened or read now. That may pass, and says nothing of others. */
export class SegmentUnreadableError extends Error {
  override readonly name = 'SegmentUnreadableError'
  readonly segment: Segment

  constructor(segment: Segment, options: ErrorOptions) {
    super(`${segment.path} cannot be read now: ${String(options.cause)}`, options)
    this.segment = segment
  }
}

export interface GroupedWriterOptions {
  readonly disk: Disk
  readonly files: OpenFiles
  readonly allocate: AllocateBuffer
  /** Called after each so many bytes read or written; rejects to give up. */
  readonly pace: (bytes: number) => Promise<void>
}

export interface GroupedStart {
  /** Of the format, for the header and the blocks. */
  readonly version: number
  readonly logId: Uint8Array
  readonly number: number
  readonly salt: bigint
  readonly retentionClass: number
  readonly firstCommit: number
  readonly lastCommit: number
  readonly createdMs: number
}

export interface WrittenGrouped {
  readonly grouped: GroupedSegment
  readonly index: MemoryIndex
}

interface Block {
  readonly frames: GroupedFrame[]
  bodyBytes: number
}

/** Writes to `path`, which must not exist. `frames` by ledger, then commit; at least one. */
export async function writeGroupedSegment(
  options: GroupedWriterOptions,
  path: string,
  start: GroupedStart,
  frames: AsyncIterable<GroupedFrame>,
): Promise<WrittenGrouped> {
  const file = await options.disk.create(path)
  try {
    const writer = new GroupedWriter(options, file, start)
    for await (const slice of slicesOf(frames)) await writer.write(slice)
    return await writer.finish()
  } finally {
    await file.close()
  }
}

class GroupedWriter {
  readonly #options: GroupedWriterOptions
  readonly #file: DiskFile
  readonly #start: GroupedStart
  readonly #index = new MemoryIndex()
  #offset = PAGE_BYTES
  #blocks = 0
  #lastCrc = 0

  constructor(options: GroupedWriterOptions, file: DiskFile, start: GroupedStart) {
    this.#options = options
    this.#file = file
    this.#start = start
  }

  async write(blocks: readonly Block[]): Promise<void> {
    for (const { frames } of blocks) {
      for (const frame of frames) if (!frame.segment.holds(frame.entry)) throw new FrameUnreadableError(frame)
    }
    const total = blocks.reduce((sum, { bodyBytes }) => sum + commitBytes(bodyBytes), 0)
    const buffer = this.#options.allocate(total)
    // It may come back from a pool.
    buffer.fill(0)
    await this.#copyPayloads(blocks, buffer)
    let at = 0
    for (const block of blocks) {
      this.#finishBlock(block, buffer, at)
      at += commitBytes(block.bodyBytes)
    }
    for (let from = 0; from < total; from += GROUPED_STEP_BYTES) {
      const step = buffer.subarray(from, Math.min(total, from + GROUPED_STEP_BYTES))
      await this.#file.writeAndSync(step, this.#offset + from)
      await this.#options.pace(step.length)
    }
    this.#offset += total
  }

  async finish(): Promise<WrittenGrouped> {
    const { version, logId, number, salt, retentionClass, firstCommit, lastCommit, createdMs } = this.#start
    const header = this.#options.allocate(PAGE_BYTES)
    header.fill(0)
    const usedBytes = this.#offset
    encodeSegmentHeader(
      {
        isGrouped: true,
        logNumber: 0,
        previousCrc: 0,
        capacity: usedBytes,
        version,
        logId,
        number,
        salt,
        retentionClass,
        firstCommit,
        createdMs,
      },
      header,
    )
    await this.#file.writeAndSync(header, 0)
    const blocks = this.#blocks
    return { grouped: { number, retentionClass, blocks, usedBytes, firstCommit, lastCommit, salt }, index: this.#index }
  }

  /** In the order in which they stand in their files, few reads for many. */
  async #copyPayloads(blocks: readonly Block[], buffer: Uint8Array): Promise<void> {
    const copies: { readonly frame: GroupedFrame; readonly to: number }[] = []
    let blockAt = 0
    for (const { frames, bodyBytes } of blocks) {
      let to = blockAt + COMMIT_HEADER_BYTES + frames.length * FRAME_BYTES
      for (const frame of frames) {
        copies.push({ frame, to })
        to += frame.entry.bytes
      }
      blockAt += commitBytes(bodyBytes)
    }
    copies.sort(
      (a, b) => a.frame.segment.number - b.frame.segment.number || a.frame.entry.offset - b.frame.entry.offset,
    )
    for (let place = 0; place < copies.length;) {
      const first = copies[place] as (typeof copies)[number]
      const { segment, entry } = first.frame
      let end = entry.offset + entry.bytes
      let next = place + 1
      for (; next < copies.length; next++) {
        const { frame } = copies[next] as (typeof copies)[number]
        const isNear = frame.segment === segment && frame.entry.offset - end <= READ_GAP_BYTES
        if (!isNear || frame.entry.offset + frame.entry.bytes - entry.offset > READ_SPAN_BYTES) break
        // A frame without bytes stands where the one behind it does, on either side of it here.
        end = Math.max(end, frame.entry.offset + frame.entry.bytes)
      }
      const bytes = await this.#read(first.frame, end - entry.offset)
      for (; place < next; place++) {
        const { frame, to } = copies[place] as (typeof copies)[number]
        const from = frame.entry.offset - entry.offset
        const payload = bytes.subarray(from, from + frame.entry.bytes)
        if (payload.length < frame.entry.bytes || crc32(payload) !== frame.entry.crc) {
          throw new FrameUnreadableError(frame)
        }
        buffer.set(payload, to)
      }
      await this.#options.pace(bytes.length)
    }
  }

  async #read(frame: GroupedFrame, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    if (length === 0) return bytes
    try {
      const lease = await this.#options.files.acquire(frame.segment.path)
      try {
        return bytes.subarray(0, await lease.file.read(bytes, frame.entry.offset))
      } finally {
        lease.release()
      }
    } catch (error) {
      if (isRefusedRead(error)) throw new FrameUnreadableError(frame, { cause: error })
      throw new SegmentUnreadableError(frame.segment, { cause: error })
    }
  }

  /** Directory and header of a block whose payloads stand in `buffer`. */
  #finishBlock({ frames, bodyBytes }: Block, buffer: Uint8Array, at: number): void {
    const view = viewOf(buffer)
    const directoryAt = at + COMMIT_HEADER_BYTES
    let payloadOffset = COMMIT_HEADER_BYTES + frames.length * FRAME_BYTES
    let timeMs = 0
    for (const [place, { ledger, entry }] of frames.entries()) {
      const { kind, codec, records, commit, previousCommit } = entry
      const frame: FrameEntry = {
        ledger,
        kind,
        codec,
        records,
        payloadOffset,
        payloadBytes: entry.bytes,
        commit,
        previousCommit,
        timeMs: entry.timeMs,
        payloadCrc: entry.crc,
      }
      encodeFrame(frame, view, directoryAt + place * FRAME_BYTES)
      this.#index.add(frame, this.#offset + at)
      payloadOffset += entry.bytes
      timeMs = Math.max(timeMs, entry.timeMs)
    }
    this.#blocks++
    this.#lastCrc = encodeCommitHeader(
      {
        version: this.#start.version,
        flags: 0,
        commit: this.#blocks,
        durable: this.#blocks - 1,
        epoch: 0,
        previousCrc: this.#lastCrc,
        bodyBytes,
        frames: frames.length,
        timeMs,
        salt: this.#start.salt,
        directoryCrc: crc32(buffer, directoryAt, directoryAt + frames.length * FRAME_BYTES),
      },
      buffer,
      view,
      at,
    )
  }
}

async function* slicesOf(frames: AsyncIterable<GroupedFrame>): AsyncGenerator<readonly Block[]> {
  let blocks: Block[] = []
  let [bytes, count] = [0, 0]
  for await (const frame of frames) {
    const frameBytes = FRAME_BYTES + frame.entry.bytes
    let block = blocks.at(-1)
    if (block === undefined || block.bodyBytes + frameBytes > BLOCK_BYTES) {
      if (blocks.length > 0 && (bytes + roundUp(frameBytes, PAGE_BYTES) > SLICE_BYTES || count >= SLICE_FRAMES)) {
        yield blocks
        blocks = []
        bytes = 0
        count = 0
      }
      block = { frames: [], bodyBytes: 0 }
      blocks.push(block)
    }
    block.frames.push(frame)
    block.bodyBytes += frameBytes
    bytes += frameBytes
    count++
  }
  if (blocks.length > 0) yield blocks
}
