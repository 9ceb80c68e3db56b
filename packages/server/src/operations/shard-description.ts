/** Shards and streams in the words of the wire. */
import {
  type ChildShard,
  type EncryptionType,
  endingSequenceNumber,
  type Shard as WireShard,
  shardIdOf,
  startingSequenceNumber,
  streamArn,
  type StreamSummary,
} from '@millrace/protocol'

import { closingSecond, type HashKeyRange, type Shard } from '../streams/shard.ts'
import { childrenOf, type Stream } from '../streams/stream.ts'

export function describeShard(shard: Shard): WireShard {
  const [parent, adjacent] = shard.parents
  const identity = { birthS: shard.birthS, shard: shard.number }
  return {
    ShardId: shardIdOf(shard.number),
    ...(parent === undefined ? {} : { ParentShardId: shardIdOf(parent) }),
    ...(adjacent === undefined ? {} : { AdjacentParentShardId: shardIdOf(adjacent) }),
    HashKeyRange: describeRange(shard.range),
    SequenceNumberRange: {
      StartingSequenceNumber: startingSequenceNumber(identity),
      // Clients take a shard for closed by the mere presence of this member.
      ...(shard.closed === undefined
        ? {}
        : { EndingSequenceNumber: endingSequenceNumber(identity, closingSecond(shard, shard.closed)) }),
    },
  }
}

/** The children of a closed shard: both parents of a merge name the same child. */
export function describeChildren(stream: Stream, parent: number): readonly ChildShard[] {
  return childrenOf(stream, parent).map((child) => ({
    ShardId: shardIdOf(child.number),
    ParentShards: child.parents.map(shardIdOf),
    HashKeyRange: describeRange(child.range),
  }))
}

/** What ListStreams, DescribeStream and DescribeStreamSummary tell alike. */
export function describeStream(stream: Stream): StreamSummary & { readonly StreamCreationTimestamp: number } {
  return {
    StreamName: stream.name,
    StreamARN: streamArn(stream),
    StreamStatus: stream.status,
    StreamModeDetails: { StreamMode: stream.onDemand === undefined ? 'PROVISIONED' : 'ON_DEMAND' },
    StreamCreationTimestamp: stream.createdMs,
  }
}

export function describeEncryption({ keyId }: Stream): {
  readonly EncryptionType: EncryptionType
  readonly KeyId?: string
} {
  return keyId === undefined ? { EncryptionType: 'NONE' } : { EncryptionType: 'KMS', KeyId: keyId }
}

function describeRange(range: HashKeyRange): { StartingHashKey: string; EndingHashKey: string } {
  return { StartingHashKey: range.start.toString(), EndingHashKey: range.end.toString() }
}
