import {
  encodedBytes,
  type EncodedRecords,
  GET_RECORDS_BYTES_MAX,
  GET_RECORDS_MAX,
  GetRecords,
  type GetRecordsInput,
  type GetRecordsOutput,
  KinesisError,
  shardIdOf,
  type StreamRecord,
} from '@millrace/protocol'

import { EngineError, type Position, type ReadResult, type StoredFrame } from '../engine/engine.ts'
import { RecordReader } from '../engine/record-batch.ts'
import { visibleFromMs } from '../streams/retention.ts'
import type { Shard } from '../streams/shard.ts'
import { openIterator, sealIterator, type ShardIterator } from '../streams/shard-iterator.ts'
import { findShard, isServing, type Stream } from '../streams/stream.ts'
import { dryRun, internalFailure, invalidArgument, iteratorExpired, shardDoesNotExist } from './faults.ts'
import { handle, type OperationContext, type ServiceParts } from './operation.ts'
import { EncodedList, type RecordList, ValueList } from './record-list.ts'
import { describeChildren } from './shard-description.ts'
import { countShard } from './shard-metrics.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** Records are values, or written already in the encoding that the caller named. */
type Records = readonly StreamRecord[] | EncodedRecords
type Output = Omit<GetRecordsOutput, 'Records'> & { readonly Records: Records }

/** Reads records of a shard from an iterator on, and gives the iterator to read on with. */
export const getRecords = handle<GetRecordsInput, Output>(GetRecords, async (input, service, context) => {
  const startedMs = service.clock.monotonic()
  const iterator = openedIterator(input.ShardIterator, service, context)
  if (input.StreamARN !== undefined) {
    const named = streamKeyOf(input, GetRecords.name, context)
    // AWS's text is unknown.
    if (named.name !== iterator.stream.name)
      throw invalidArgument(`StreamARN ${input.StreamARN} and ShardIterator do not refer to the same stream.`)
  }
  const stream = service.catalog.find(iterator.stream)
  const shard = stream === undefined || !isServing(stream) ? undefined : findShard(stream, iterator.shard)
  if (stream === undefined || shard === undefined || shard.birthS !== iterator.birthS)
    throw shardDoesNotExist(iterator.shard, iterator.stream)
  if (input.DryRun === true) throw dryRun()

  const label = { account: stream.account, region: stream.region, stream: stream.name }
  const shardId = shardIdOf(shard.number)
  if (!service.throughput.admitRead(shard.ref, startedMs)) {
    const event = { shardId, records: 0, bytes: 0, iteratorAgeMs: 0, throttled: true, elapsedMs: 0 }
    service.metrics.get(label, event)
    countShard(stream, shard.number, { ReadProvisionedThroughputExceeded: 1 }, service)
    throw new KinesisError(
      'ProvisionedThroughputExceededException',
      `Rate exceeded for Shard - ${stream.account}/${stream.name}/${shardId}`,
    )
  }
  const limit = Math.min(input.Limit ?? GET_RECORDS_MAX, GET_RECORDS_MAX)
  const page = await readPage({ stream, shard, from: iterator.position, limit }, service, context)
  const nowMs = service.clock.monotonic()
  service.throughput.chargeRead(shard.ref, page.bytes, nowMs)

  // 0 says that nothing is left, and callers go by it: a record that came in this millisecond, or ahead of the clock, is.
  const behindMs = page.atTip ? 0 : Math.max(1, Math.floor(service.clock.now() - page.lastMs))
  service.metrics.get(label, {
    shardId,
    records: page.count,
    bytes: page.bytes,
    iteratorAgeMs: behindMs,
    throttled: false,
    elapsedMs: nowMs - startedMs,
  })
  countShard(
    stream,
    shard.number,
    { OutgoingBytes: page.bytes, OutgoingRecords: page.count, IteratorAgeMilliseconds: behindMs },
    service,
  )
  // Children are told of only once they are there: until the reshard commits, a closed parent looks like an idle one.
  const children = page.ended ? describeChildren(service.catalog.find(stream) ?? stream, shard.number) : []
  return {
    MillisBehindLatest: behindMs,
    Records: page.records,
    ...(children.length > 0
      ? { ChildShards: children }
      : {
          NextShardIterator: sealIterator(service.seal, {
            stream: iterator.stream,
            shard: shard.number,
            birthS: shard.birthS,
            position: page.next,
            issuedMs: service.clock.now(),
          }),
        }),
  }
})

function openedIterator(text: string, { seal, clock }: ServiceParts, context: OperationContext): ShardIterator {
  const nowMs = clock.now()
  const opened = openIterator(seal, text, nowMs)
  if ('fault' in opened) {
    throw opened.fault === 'expired'
      ? iteratorExpired(opened.issuedMs, nowMs)
      : invalidArgument('Invalid ShardIterator.')
  }
  // An iterator opens nothing to other accounts.
  if (opened.stream.account !== context.account || opened.stream.region !== context.region)
    throw invalidArgument('Invalid ShardIterator.')
  return opened
}

interface Page {
  readonly records: Records
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

interface PageRequest {
  readonly stream: Stream
  readonly shard: Shard
  readonly from: Position
  readonly limit: number
}

/** Records of whole frames up to the limits, and at least one if one is due. */
async function readPage(request: PageRequest, service: ServiceParts, context: OperationContext): Promise<Page> {
  const { stream, from, limit } = request
  const fromMs = visibleFromMs(stream, service.guardedClock.now())
  const result = await read(request, fromMs, service, context)
  try {
    const list = listFor(result.frames, request, service, context)
    let bytes = 0
    let next = result.next
    let complete = true
    let lastMs = fromMs
    let damage = result.damaged?.reason
    for (const frame of result.frames) {
      const countBefore = list.count
      const fromIndex = frame.commit === from.commit ? from.index : 0
      const taken = takeRecords(frame, fromIndex, list, { records: limit, bytes: GET_RECORDS_BYTES_MAX - bytes })
      bytes += taken.bytes
      if (list.count > countBefore) lastMs = frame.timeMs
      damage = taken.damage ?? damage
      if (taken.stoppedAt === undefined) continue
      next = { commit: frame.commit, index: taken.stoppedAt }
      complete = false
      break
    }
    const { count } = list
    if (damage !== undefined && count === 0) throw damaged(damage, request, service, context)
    const whole = complete && damage === undefined
    const records = list.finish()
    return { records, count, bytes, next, atTip: whole && result.atTip, ended: whole && result.ended, lastMs }
  } finally {
    result.release()
  }
}

async function read(
  { stream, shard, from, limit }: PageRequest,
  fromMs: number,
  { engine }: ServiceParts,
  { deadlineMs }: OperationContext,
): Promise<ReadResult> {
  const options = { recordsMax: limit, bytesMax: GET_RECORDS_BYTES_MAX, visibleFromMs: fromMs, deadlineMs }
  try {
    return await engine.shards.read(shard.ref, from, options)
  } catch (error) {
    if (error instanceof EngineError && error.code === 'unknown-shard') throw shardDoesNotExist(shard.number, stream)
    throw error
  }
}

function listFor(
  frames: readonly StoredFrame[],
  { shard, limit }: PageRequest,
  { encodedFrames: shared, clock }: ServiceParts,
  { codec }: OperationContext,
): RecordList {
  if (codec === undefined) return new ValueList(shard)
  const nowMs = clock.now()
  let records = 0
  let bytes = 0
  for (const frame of frames) {
    if (shared.admits(frame, nowMs)) continue
    records += frame.records
    bytes += frame.bytes.length
  }
  // Of the last frame, or of a large one, a part may be wanted only.
  const share = records > limit ? limit / records : 1
  const bytesExpected = Math.ceil(encodedBytes(codec, records, bytes) * share)
  return new EncodedList({ codec, shard, shared, nowMs, bytesExpected })
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
function takeRecords(frame: StoredFrame, fromIndex: number, list: RecordList, room: Room): Taken {
  const isWhole = fromIndex <= frame.firstIndex
  if (isWhole && list.count + frame.records <= room.records && frame.bytes.length <= room.bytes) {
    const all = list.addAll(frame)
    if (all !== undefined) return { bytes: all }
  }
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
  { requestId }: OperationContext,
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
