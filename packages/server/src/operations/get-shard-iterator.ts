import { GetShardIterator } from '@millrace/protocol'

import { findShard, isServing } from '../streams/stream.ts'
import { dryRun, shardDoesNotExist } from './faults.ts'
import { handle } from './operation.ts'
import { startingPlace } from './starting-position.ts'
import { shardNumberOf, streamKeyOf } from './stream-lookup.ts'

/** A place in a shard, open or closed, from which GetRecords can read for five minutes. */
export const getShardIterator = handle(GetShardIterator, async (input, service, context) => {
  const key = streamKeyOf(input, GetShardIterator.name, context)
  const number = shardNumberOf(input.ShardId, key)
  const stream = service.catalog.find(key)
  const shard = stream === undefined || !isServing(stream) ? undefined : findShard(stream, number)
  if (stream === undefined || shard === undefined) throw shardDoesNotExist(number, key)
  const asked = { type: input.ShardIteratorType, number: input.StartingSequenceNumber, timestampMs: input.Timestamp }
  const words = { operation: GetShardIterator.name, member: 'StartingSequenceNumber' }
  const { position } = await startingPlace(asked, words, stream, shard, service)
  if (input.DryRun === true) throw dryRun()
  return {
    ShardIterator: service.iterators.seal({
      stream: key,
      shard: shard.number,
      birthS: shard.birthS,
      position,
      issuedMs: service.clock.now(),
    }),
  }
})
