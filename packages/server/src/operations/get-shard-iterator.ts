import {
  decodeSequenceNumber,
  GetShardIterator,
  type GetShardIteratorInput,
  INDEX_MAX,
  shardIdOf,
} from '@millrace/protocol'

import { comparePositions, EngineError, type Position, POSITION_START } from '../engine/engine.ts'
import type { Shard } from '../streams/shard.ts'
import { sealIterator } from '../streams/shard-iterator.ts'
import { findShard, isServing, type Stream } from '../streams/stream.ts'
import { dryRun, invalidArgument, shardDoesNotExist } from './faults.ts'
import { handle, type ServiceParts } from './operation.ts'
import { shardNumberOf, streamKeyOf } from './stream-lookup.ts'

/** A place in a shard, open or closed, from which GetRecords can read for five minutes. */
export const getShardIterator = handle(GetShardIterator, async (input, service, context) => {
  const key = streamKeyOf(input, GetShardIterator.name, context)
  const number = shardNumberOf(input.ShardId, key)
  const stream = service.catalog.find(key)
  const shard = stream === undefined || !isServing(stream) ? undefined : findShard(stream, number)
  if (stream === undefined || shard === undefined) throw shardDoesNotExist(number, key)
  const position = await positionOf(input, stream, shard, service)
  if (input.DryRun === true) throw dryRun()
  return {
    ShardIterator: sealIterator(service.seal, {
      stream: key,
      shard: shard.number,
      birthS: shard.birthS,
      position,
      issuedMs: service.clock.now(),
    }),
  }
})

async function positionOf(
  input: GetShardIteratorInput,
  stream: Stream,
  shard: Shard,
  { engine, clock }: ServiceParts,
): Promise<Position> {
  const { ShardIteratorType: type, StartingSequenceNumber: number, Timestamp: timestampMs } = input
  const needsNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER'
  if (needsNumber !== (number !== undefined)) {
    throw invalidArgument(
      'Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
        '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ' +
        `Request specified ${type} and ${needsNumber ? 'no' : 'also a'} StartingSequenceNumber.`,
    )
  }
  try {
    if (number !== undefined) {
      const at = positionOfNumber(number, stream, shard)
      const { end } = await engine.shards.bounds(shard.ref)
      const from = type === 'AFTER_SEQUENCE_NUMBER' ? after(at) : at
      // A number need not be a record's: one beyond the newest record stands just after it.
      return comparePositions(from, end) > 0 ? end : from
    }
    if (type === 'TRIM_HORIZON') return POSITION_START
    if (type === 'LATEST') return (await engine.shards.bounds(shard.ref)).end
    if (timestampMs === undefined) {
      throw invalidArgument(
        'Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. ' +
          'Current request has no timestamp parameter.',
      )
    }
    const nowMs = clock.now()
    if (timestampMs > nowMs) {
      throw invalidArgument(
        'The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. ' +
          `timestampInMillis: ${timestampMs}, currentTimestampInMillis: ${nowMs}`,
      )
    }
    return await engine.shards.seekTime(shard.ref, timestampMs)
  } catch (error) {
    // Dropped since we looked: the stream is being deleted, or the shard has expired.
    if (error instanceof EngineError && error.code === 'unknown-shard') throw shardDoesNotExist(shard.number, stream)
    throw error
  }
}

/** Where a sequence number stands in this shard. */
function positionOfNumber(text: string, stream: Stream, shard: Shard): Position {
  const number = decodeSequenceNumber(text)
  const used =
    `StartingSequenceNumber ${text} used in GetShardIterator on shard ${shardIdOf(shard.number)} ` +
    `in stream ${stream.name} under account ${stream.account} is invalid`
  if (number === undefined) throw invalidArgument(`${used}.`)
  if (number.shard !== shard.number) {
    throw invalidArgument(
      `Invalid StartingSequenceNumber. It encodes ${shardIdOf(number.shard)}, ` +
        `while it was used in a call to a shard with ${shardIdOf(shard.number)}`,
    )
  }
  if (number.version !== 2 || number.birthS !== shard.birthS)
    throw invalidArgument(`${used} because it did not come from this stream.`)
  return { commit: number.commit, index: number.index }
}

function after({ commit, index }: Position): Position {
  return index < INDEX_MAX ? { commit, index: index + 1 } : { commit: commit + 1, index: 0 }
}
