/**
 * Warm throughput: what an on-demand stream of an account with the commitment is ready for, whatever its traffic is. AWS's
 * texts are unknown.
 */
import { type KinesisError, WARM_THROUGHPUT_MIBPS_MAX, type WarmThroughput } from '@millrace/protocol'

import { isInForce, readAccountSettings } from '../catalog/account-settings.ts'
import type { StreamUpdate } from '../catalog/catalog.ts'
import type { ShardRef } from '../engine/engine.ts'
import { shardsForWarmThroughput, splitsTowards } from '../streams/on-demand.ts'
import { beginReshard } from '../streams/reshard.ts'
import type { OnDemand, Stream } from '../streams/stream.ts'
import { invalidArgument } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'
import { assertShardQuota } from './quotas.ts'

const BYTES_PER_MIB = 1024 * 1024

export async function hasCommitment({ engine, clock }: ServiceParts, context: OperationContext): Promise<boolean> {
  const { commitment } = await readAccountSettings(engine.meta, context)
  return isInForce(commitment, clock.now())
}

export function warmThroughputOfProvisioned(): KinesisError {
  return invalidArgument('WarmThroughputMiBps is only allowed for streams in ON_DEMAND mode.')
}

/** Refuses what an on-demand stream of the account cannot have. */
export function assertWarmThroughput(warmMiBps: number, isCommitted: boolean): void {
  if (!isCommitted) {
    throw invalidArgument(
      'WarmThroughputMiBps is only allowed for accounts with MinimumThroughputBillingCommitment enabled.',
    )
  }
  if (warmMiBps > WARM_THROUGHPUT_MIBPS_MAX)
    throw invalidArgument(`WarmThroughputMiBps must be at most ${WARM_THROUGHPUT_MIBPS_MAX}.`)
}

/**
 * The stream with a warm throughput, and in the first round of the splits that it needs, if it needs any; the others are
 * begun in the background. Throws when the account may not have so many shards.
 */
export function withWarmThroughput(
  stream: Stream,
  onDemand: OnDemand,
  firstRef: ShardRef,
  service: ServiceParts,
  context: OperationContext,
): StreamUpdate {
  const next: Stream = { ...stream, onDemand }
  const shardsMin = shardsForWarmThroughput(onDemand.warmMiBps, service.shardCapacity)
  if (onDemand.warmMiBps === 0 || shardsMin <= stream.openShards) return { stream: next }
  assertShardQuota(shardsMin - stream.openShards, service, context)
  return beginReshard(next, splitsTowards(next, shardsMin), firstRef, service.clock.now())
}

export function describeWarmThroughput(
  { warmMiBps }: OnDemand,
  { openShards }: Stream,
  { shardCapacity }: ServiceParts,
): WarmThroughput {
  return {
    TargetMiBps: warmMiBps,
    CurrentMiBps: Math.floor((openShards * shardCapacity.bytes) / BYTES_PER_MIB),
  }
}
