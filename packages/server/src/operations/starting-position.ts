/** Where reading of a shard begins, as GetShardIterator and SubscribeToShard are asked for it. */
import { decodeSequenceNumber, INDEX_MAX, type ShardIteratorType, shardIdOf } from '@millrace/protocol'

import { comparePositions, EngineError, type Position, POSITION_START } from '../engine/engine.ts'
import type { Shard } from '../streams/shard.ts'
import type { Stream } from '../streams/stream.ts'
import { invalidArgument, shardDoesNotExist } from './faults.ts'
import type { ServiceParts } from './operation.ts'

export interface StartAsked {
  readonly type: ShardIteratorType
  readonly number: string | undefined
  readonly timestampMs: number | undefined
}

/** How the caller's operation calls itself and its member with the sequence number. */
export interface StartWords {
  readonly operation: string
  readonly member: string
}

export interface StartingPlace {
  readonly position: Position
  /** No record before `position` is later than this, and none from there on earlier. Ms since the epoch. */
  readonly timeMs: number
}

/** The texts are those of GetShardIterator; SubscribeToShard's own are unknown. */
export async function startingPlace(
  { type, number, timestampMs }: StartAsked,
  words: StartWords,
  stream: Stream,
  shard: Shard,
  { engine, clock }: Pick<ServiceParts, 'engine' | 'clock'>,
): Promise<StartingPlace> {
  const needsNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER'
  if (needsNumber !== (number !== undefined)) {
    throw invalidArgument(
      `Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and ${words.member} or ` +
        `(2) TRIM_HORIZON or LATEST and no ${words.member}. ` +
        `Request specified ${type} and ${needsNumber ? 'no' : 'also a'} ${words.member}.`,
    )
  }
  try {
    if (number !== undefined) {
      const at = placeOfNumber(number, words, stream, shard)
      const position = type === 'AFTER_SEQUENCE_NUMBER' ? after(at.position) : at.position
      const { end, endTimeMs } = await engine.shards.bounds(shard.ref)
      // A number need not be a record's: one beyond the newest record stands just after it.
      return comparePositions(position, end) > 0
        ? { position: end, timeMs: endTimeMs }
        : { position, timeMs: at.timeMs }
    }
    if (type === 'TRIM_HORIZON') return { position: POSITION_START, timeMs: shard.birthS * 1000 }
    if (type === 'LATEST') {
      const { end, endTimeMs } = await engine.shards.bounds(shard.ref)
      return { position: end, timeMs: endTimeMs }
    }
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
    return { position: await engine.shards.seekTime(shard.ref, timestampMs), timeMs: timestampMs }
  } catch (error) {
    // Dropped since we looked: the stream is being deleted, or the shard has expired.
    if (error instanceof EngineError && error.code === 'unknown-shard') throw shardDoesNotExist(shard.number, stream)
    throw error
  }
}

/** Where a sequence number stands in this shard. */
function placeOfNumber(text: string, { operation, member }: StartWords, stream: Stream, shard: Shard): StartingPlace {
  const number = decodeSequenceNumber(text)
  const used =
    `${member} ${text} used in ${operation} on shard ${shardIdOf(shard.number)} ` +
    `in stream ${stream.name} under account ${stream.account} is invalid`
  if (number === undefined) throw invalidArgument(`${used}.`)
  if (number.shard !== shard.number) {
    throw invalidArgument(
      `Invalid ${member}. It encodes ${shardIdOf(number.shard)}, ` +
        `while it was used in a call to a shard with ${shardIdOf(shard.number)}`,
    )
  }
  if (number.version !== 2 || number.birthS !== shard.birthS)
    throw invalidArgument(`${used} because it did not come from this stream.`)
  return { position: { commit: number.commit, index: number.index }, timeMs: number.timeS * 1000 }
}

function after({ commit, index }: Position): Position {
  return index < INDEX_MAX ? { commit, index: index + 1 } : { commit: commit + 1, index: 0 }
}
