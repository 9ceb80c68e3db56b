/** How far an application is behind in a shard: the age of the oldest record that is not checkpointed. */
import { type Lease, streamInput } from '@millrace/consumer'
import { GetRecords, GetShardIterator, type GetShardIteratorInput } from '@millrace/protocol'
import type { Kinesis } from '../kinesis.ts'

type KinesisOfRegion = Kinesis & { readonly region: string }

/** `lagMs` absent: the checkpoint does not say where it stands, or the shard is done with. 0: nothing is left. */
export interface Lag {
  readonly lease: Lease
  readonly lagMs?: number
}

/** Shards asked at once: each costs one of the five reads a second that its applications share. */
const SHARDS_AT_ONCE = 8

export async function lagsOf(
  kinesis: KinesisOfRegion,
  leases: readonly Lease[],
  nowMs: () => number,
  signal: AbortSignal,
): Promise<readonly Lag[]> {
  const lags: Lag[] = []
  for (let at = 0; at < leases.length; at += SHARDS_AT_ONCE)
    lags.push(
      ...(await Promise.all(
        leases.slice(at, at + SHARDS_AT_ONCE).map(async (lease) => {
          const lagMs = await lagOf(kinesis, lease, nowMs, signal)
          return { lease, ...(lagMs === undefined ? {} : { lagMs }) }
        }),
      )),
    )
  return lags
}

async function lagOf(
  kinesis: KinesisOfRegion,
  lease: Lease,
  nowMs: () => number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const start = startOf(lease)
  if (start === undefined) return undefined
  const stream = streamInput(lease.stream, kinesis.region)
  const input = { ...stream, ShardId: lease.shardId, ...start }
  let iterator = (await kinesis.send(GetShardIterator, input, { signal })).ShardIterator
  // A page may be empty though records are left.
  while (iterator !== undefined) {
    const page = await kinesis.send(
      GetRecords,
      { ShardIterator: iterator, Limit: 1, ...('StreamARN' in stream ? stream : {}) },
      { signal },
    )
    const [record] = page.Records
    if (record !== undefined) return Math.max(0, nowMs() - (record.ApproximateArrivalTimestamp ?? nowMs()))
    if ((page.MillisBehindLatest ?? 0) === 0) return 0
    iterator = page.NextShardIterator
  }
  return 0
}

function startOf({
  checkpoint,
  startTimeMs,
}: Lease): Pick<GetShardIteratorInput, 'ShardIteratorType' | 'StartingSequenceNumber' | 'Timestamp'> | undefined {
  switch (checkpoint.sequenceNumber) {
    case 'SHARD_END':
      return undefined
    case 'TRIM_HORIZON':
      return { ShardIteratorType: 'TRIM_HORIZON' }
    case 'LATEST':
    case 'AT_TIMESTAMP':
      return startTimeMs === undefined ? undefined : { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: startTimeMs }
    default:
      return { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: checkpoint.sequenceNumber }
  }
}
