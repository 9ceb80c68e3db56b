import {
  GET_RECORDS_BYTES_MAX,
  GET_RECORDS_MAX,
  GetRecords,
  KinesisError,
  SequenceNumberWriter,
  shardIdOf,
  type StreamRecord,
} from '@millrace/protocol'

import { EngineError, type Position, type ReadResult, type StoredFrame } from '../engine/engine.ts'
import { RecordReader } from '../engine/record-batch.ts'
import { visibleFromMs } from '../streams/retention.ts'
import { recordSecond, type Shard } from '../streams/shard.ts'
import { openIterator, sealIterator, type ShardIterator } from '../streams/shard-iterator.ts'
import { findShard, isServing, type Stream } from '../streams/stream.ts'
import { dryRun, internalFailure, invalidArgument, iteratorExpired, shardDoesNotExist } from './faults.ts'
import { handle, type OperationContext, type ServiceParts } from './operation.ts'
import { describeChildren } from './shard-description.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** Reads records of a shard from an iterator on, and gives the iterator to read on with. */
export const getRecords = handle(GetRecords, async (input, service, context) => {
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
    throw new KinesisError(
      'ProvisionedThroughputExceededException',
      `Rate exceeded for Shard - ${stream.account}/${stream.name}/${shardId}`,
    )
  }
  const limit = Math.min(input.Limit ?? GET_RECORDS_MAX, GET_RECORDS_MAX)
  const page = await readPage({ stream, shard, from: iterator.position, limit }, service, context)
  const nowMs = service.clock.monotonic()
  service.throughput.chargeRead(shard.ref, page.bytes, nowMs)

  const behindMs = page.atTip ? 0 : Math.max(0, Math.floor(service.clock.now() - page.lastMs))
  service.metrics.get(label, {
    shardId,
    records: page.records.length,
    bytes: page.bytes,
    iteratorAgeMs: behindMs,
    throttled: false,
    elapsedMs: nowMs - startedMs,
  })
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
  readonly records: readonly StreamRecord[]
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
  const { stream, shard, from, limit } = request
  const fromMs = visibleFromMs(stream, service.guardedClock.now())
  const result = await read(request, fromMs, service, context)
  try {
    const records: StreamRecord[] = []
    let bytes = 0
    let next = result.next
    let complete = true
    let lastMs = fromMs
    let damage = result.damaged?.reason
    for (const frame of result.frames) {
      const room = {
        records: limit - records.length,
        bytes: GET_RECORDS_BYTES_MAX - bytes,
        isFirst: records.length === 0,
      }
      const taken = takeRecords(frame, frame.commit === from.commit ? from.index : 0, shard, room)
      records.push(...taken.records)
      bytes += taken.bytes
      if (taken.records.length > 0) lastMs = frame.timeMs
      damage = taken.damage ?? damage
      if (taken.stoppedAt === undefined) continue
      next = { commit: frame.commit, index: taken.stoppedAt }
      complete = false
      break
    }
    if (damage !== undefined && records.length === 0) throw damaged(damage, request, service, context)
    const whole = complete && damage === undefined
    return { records, bytes, next, atTip: whole && result.atTip, ended: whole && result.ended, lastMs }
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

interface Room {
  readonly records: number
  readonly bytes: number
  /** One record is returned however large it is. */
  readonly isFirst: boolean
}

interface Taken {
  readonly records: readonly StreamRecord[]
  readonly bytes: number
  /** Index of the first record left behind; `undefined` if all were taken. */
  readonly stoppedAt?: number
  readonly damage?: string
}

/** Records of one frame, their data copied out of it: the frame is lent. */
function takeRecords(frame: StoredFrame, fromIndex: number, shard: Shard, room: Room): Taken {
  const numbers = new SequenceNumberWriter({
    birthS: shard.birthS,
    shard: shard.number,
    commit: frame.commit,
    timeS: recordSecond(shard, frame.timeMs),
  })
  // A frame that fits is copied at once; of one that is cut, only what is taken.
  const fits = frame.records <= room.records && frame.bytes.length <= room.bytes
  const source = fits ? { ...frame, bytes: new Uint8Array(frame.bytes) } : frame
  const records: StreamRecord[] = []
  let bytes = 0
  let index = Math.max(fromIndex, frame.firstIndex)
  try {
    const reader = new RecordReader(source, fromIndex)
    while (reader.next()) {
      index = reader.index
      const size = reader.dataLength + reader.keyLength
      const isDue = room.isFirst && records.length === 0
      if (!isDue && (records.length === room.records || bytes + size > room.bytes))
        return { records, bytes, stoppedAt: index }
      const key = reader.key
      records.push({
        ApproximateArrivalTimestamp: frame.timeMs,
        Data: fits ? reader.data : new Uint8Array(reader.data),
        ...(key === undefined ? {} : { PartitionKey: key }),
        SequenceNumber: numbers.text(index),
      })
      bytes += size
      index++
    }
    return { records, bytes }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    return { records, bytes, stoppedAt: index, damage: error.message }
  }
}

function damaged(
  reason: string,
  { stream, shard, from }: PageRequest,
  { logger, metrics }: ServiceParts,
  { requestId }: OperationContext,
): KinesisError {
  const shardId = shardIdOf(shard.number)
  logger.error('a reader met stored data that cannot be read', {
    requestId,
    account: stream.account,
    region: stream.region,
    stream: stream.name,
    shardId,
    position: from,
    reason,
  })
  metrics.damage({ account: stream.account, region: stream.region, stream: stream.name }, shardId)
  return internalFailure()
}
