/** A page of a shard's records: what GetRecords answers, and what a subscription is sent. */
import { encodedBytes, type EncodedRecords, type KinesisError, shardIdOf, type StreamRecord } from '@millrace/protocol'

import { FrameOpener } from '../encryption/open-frames.ts'
import { EngineError, type Position, type ReadResult, type StoredFrame } from '../engine/engine.ts'
import { RecordReader, STILL_SEALED } from '../engine/record-reader.ts'
import { visibleFromMs } from '../streams/retention.ts'
import type { Shard } from '../streams/shard.ts'
import type { Stream } from '../streams/stream.ts'
import { internalFailure, shardDoesNotExist } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'
import { EncodedList, type RecordList, ValueList } from './record-list.ts'

/** Records are values, or written already in the encoding that the caller named. */
export type PageRecords = readonly StreamRecord[] | EncodedRecords

/** Records of a shard, from a position on. */
export interface RecordPage {
  readonly records: PageRecords
  readonly count: number
  /** Data and keys. */
  readonly bytes: number
  readonly next: Position
  /** Nothing durable is left behind `next`. */
  readonly atTip: boolean
  /** Nothing will ever follow `next`. */
  readonly ended: boolean
  /** Arrival time of the last record, or of the place reached. */
  readonly lastMs: number
}

export interface PageRequest {
  readonly stream: Stream
  readonly shard: Shard
  readonly from: Position
  /** At most so many … */
  readonly records: number
  /** … and so many bytes of data and keys. A single larger record is given. */
  readonly bytes: number
  /** One answer and no other is made of it: the memory of its records is used again when that is written. */
  readonly isForOne: boolean
}

/** Whom the page is for. */
export type PageContext = Pick<OperationContext, 'requestId' | 'deadlineMs' | 'codec'>

/** Records of whole frames up to the limits, and at least one if one is due. Rejects with KinesisError or EngineError. */
export async function readPage(request: PageRequest, service: ServiceParts, context: PageContext): Promise<RecordPage> {
  const { stream, shard, from } = request
  const fromMs = visibleFromMs(stream, service.guardedClock.now(stream.retentionHours))
  const result = await read(request, fromMs, service, context)
  try {
    const { frames } = result
    const opener = new FrameOpener(stream, shard.ref, service.dataKeys)
    const list = listFor(frames, opener, request, service, context)
    let bytes = 0
    let next = result.next
    let complete = true
    let lastMs = fromMs
    let damage = result.damaged?.reason
    for (const frame of frames) {
      const countBefore = list.count
      const fromIndex = frame.commit === from.commit ? from.index : 0
      const taken = takeRecords(frame, opener, fromIndex, list, {
        records: request.records,
        bytes: request.bytes - bytes,
      })
      bytes += taken.bytes
      if (list.count > countBefore) lastMs = frame.timeMs
      damage = taken.damage ?? damage
      if (taken.stoppedAt === undefined) continue
      next = { commit: frame.commit, index: taken.stoppedAt }
      complete = false
      break
    }
    const { count } = list
    if (damage !== undefined && count === 0) {
      const heard = damage.includes(STILL_SEALED) ? await hearOfKeys(stream, service) : undefined
      if (heard !== undefined) return await readPage({ ...request, stream: heard }, service, context)
      throw damaged(damage, request, service, context)
    }
    const whole = complete && damage === undefined
    const records = list.finish()
    return { records, count, bytes, next, atTip: whole && result.atTip, ended: whole && result.ended, lastMs }
  } finally {
    result.release()
  }
}

/**
 * What cannot be read may be sealed with a data key that another server made just now. The stream as it is then;
 * `undefined`: nothing was new.
 */
async function hearOfKeys(stream: Stream, { catalog }: ServiceParts): Promise<Stream | undefined> {
  await catalog.refresh(stream)
  const now = catalog.find(stream)
  return now?.bornS === stream.bornS && now.dataKeys?.at(-1)?.id !== stream.dataKeys?.at(-1)?.id ? now : undefined
}

async function read(
  { stream, shard, from, records, bytes }: PageRequest,
  fromMs: number,
  { engine }: ServiceParts,
  { deadlineMs }: PageContext,
): Promise<ReadResult> {
  const options = { recordsMax: records, bytesMax: bytes, visibleFromMs: fromMs, deadlineMs }
  try {
    return await engine.shards.read(shard.ref, from, options)
  } catch (error) {
    if (error instanceof EngineError && error.code === 'unknown-shard') throw shardDoesNotExist(shard.number, stream)
    throw error
  }
}

function listFor(
  frames: readonly StoredFrame[],
  opener: FrameOpener,
  { shard, from, records: limit, isForOne }: PageRequest,
  { encodedFrames: shared, clock }: ServiceParts,
  { codec }: PageContext,
): RecordList {
  if (codec === undefined) return new ValueList(shard)
  const nowMs = clock.now()
  let records = 0
  let bytes = 0
  let left = limit
  for (const frame of frames) {
    const wanted = wantedOf(frame, frame.commit === from.commit ? from.index : 0, left)
    left -= wanted.records
    if (wanted.records === frame.records && shared.admits(codec, shard.ref, frame, nowMs)) continue
    records += wanted.records
    bytes += wanted.bytes
  }
  const bytesExpected = encodedBytes(codec, records, bytes)
  return new EncodedList({ codec, shard, shared, opener, nowMs, bytesExpected, isForOne })
}

/** Of a frame, the records from `fromIndex` on, at most `recordsMax` of them, and the bytes that they take there. */
function wantedOf(frame: StoredFrame, fromIndex: number, recordsMax: number): Wanted {
  if (fromIndex <= frame.firstIndex && frame.records <= recordsMax)
    return { records: frame.records, bytes: frame.bytes.length }
  let records = 0
  let bytes = 0
  try {
    // Looked at one by one: those at the one end of it may be far larger than those at the other.
    const reader = new RecordReader(frame, fromIndex)
    for (; records < recordsMax && reader.next(); records++)
      bytes += reader.dataOffset + reader.dataLength - reader.offset
  } catch (error) {
    // Whoever takes the records comes to the same place.
    if (!(error instanceof EngineError)) throw error
  }
  return { records, bytes }
}

interface Wanted {
  readonly records: number
  /** As stored: with their headers. */
  readonly bytes: number
}

interface Room {
  /** In all of the answer. */
  readonly records: number
  /** Data and keys. */
  readonly bytes: number
}

interface Taken {
  readonly bytes: number
  /** Index of the first record left behind; `undefined` if all were taken. */
  readonly stoppedAt?: number
  readonly damage?: string
}

/** Adds the records of one frame to the list while there is room. One record is taken however large it is. */
function takeRecords(stored: StoredFrame, opener: FrameOpener, fromIndex: number, list: RecordList, room: Room): Taken {
  const isWhole = fromIndex <= stored.firstIndex
  if (isWhole && list.count + stored.records <= room.records && stored.bytes.length <= room.bytes) {
    const all = list.addAll(stored)
    if (all !== undefined) return { bytes: all }
  }
  const { frame } = opener.open(stored, fromIndex, room.records - list.count)
  let bytes = 0
  let index = Math.max(fromIndex, frame.firstIndex)
  list.begin(frame)
  try {
    const reader = new RecordReader(frame, fromIndex)
    while (reader.next()) {
      index = reader.index
      const size = reader.dataLength + reader.keyLength
      if (list.count > 0 && (list.count === room.records || bytes + size > room.bytes))
        return { bytes, stoppedAt: index }
      list.add(reader)
      bytes += size
      index++
    }
    return { bytes }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    return { bytes, stoppedAt: index, damage: error.message }
  }
}

function damaged(
  reason: string,
  { stream, shard, from }: PageRequest,
  { logger, reports, metrics }: ServiceParts,
  { requestId }: PageContext,
): KinesisError {
  const shardId = shardIdOf(shard.number)
  reports.report(`damage ${shard.ref} ${reason}`, (heldBack) => {
    logger.error('a reader met stored data that cannot be read', {
      requestId,
      account: stream.account,
      region: stream.region,
      stream: stream.name,
      shardId,
      position: from,
      reason,
      ...(heldBack === 0 ? {} : { heldBack }),
    })
  })
  metrics.damage({ account: stream.account, region: stream.region, stream: stream.name }, shardId)
  return internalFailure()
}

/** MillisBehindLatest, in ms. 0 says that nothing is left, and callers go by it: a record that came in this millisecond, or ahead of the clock, is. */
export function millisBehind({ atTip, lastMs }: Pick<RecordPage, 'atTip' | 'lastMs'>, nowMs: number): number {
  return atTip ? 0 : Math.max(1, Math.floor(nowMs - lastMs))
}
