import { CreateStream, type CreateStreamInput, KinesisError, RECORD_KIB_DEFAULT } from '@millrace/protocol'

import { beginStream } from '../streams/create.ts'
import { shardsForWarmThroughput } from '../streams/on-demand.ts'
import type { OnDemand } from '../streams/stream.ts'
import { autoDistributionOfProvisioned, invalidArgument } from './faults.ts'
import { handle, type OperationContext, type ServiceParts } from './operation.ts'
import { assertOnDemandQuota, assertShardQuota, assertStatusQuota, quotaTurn } from './quotas.ts'
import { settle } from './settle.ts'
import { assertNewTags, assertTagCount } from './tags.ts'
import { assertWarmThroughput, hasCommitment, warmThroughputOfProvisioned } from './warm-throughput.ts'

/** Makes a stream, provisioned with so many shards or on demand. Its shards divide the key space evenly. */
export const createStream = handle(CreateStream, async (input, service, context) => {
  const key = { account: context.account, region: context.region, name: input.StreamName }
  const { shards, onDemand } = await capacityOf(input, service, context)
  const tags = input.Tags ?? {}
  // AWS's texts for tags of a stream that is not there yet are unknown: those of AddTagsToStream.
  const owner = { kind: 'stream', name: key.name, account: key.account } as const
  assertNewTags(owner, tags)
  assertTagCount(owner, tags)

  await service.catalog.change(key, context.deadlineMs, (existing, firstRef) => {
    if (existing !== undefined) {
      throw new KinesisError(
        'ResourceInUseException',
        `Stream ${key.name} under account ${key.account} already exists.`,
      )
    }
    assertStatusQuota('CREATING', service, context)
    if (onDemand !== undefined) assertOnDemandQuota(service, context)
    assertShardQuota(shards, service, context)
    const stream = beginStream({
      key,
      shards,
      firstRef,
      nowMs: service.clock.now(),
      lastBirthS: service.catalog.lastBirthS(key),
      maxRecordKiB: input.MaxRecordSizeInKiB ?? RECORD_KIB_DEFAULT,
      tags,
      ...(onDemand === undefined ? {} : { onDemand }),
    })
    // Those made at once write the counter of refs; streams that become on-demand do not.
    return { stream, refs: shards, turns: onDemand === undefined ? [] : [quotaTurn('on-demand streams', context)] }
  })
  await settle(key, service, context)
})

/** How many shards a stream begins with, and what it is to be ready for. AWS's texts are unknown. */
async function capacityOf(
  input: CreateStreamInput,
  service: ServiceParts,
  context: OperationContext,
): Promise<{ readonly shards: number; readonly onDemand?: OnDemand }> {
  const { ShardCount: shards, WarmThroughputMiBps: warmMiBps = 0 } = input
  const distribution = input.RecordDistributionStrategy ?? 'USER_PARTITION_KEY'
  const mode = input.StreamModeDetails?.StreamMode ?? (shards === undefined ? 'ON_DEMAND' : 'PROVISIONED')
  if (mode === 'ON_DEMAND') {
    if (shards !== undefined) throw invalidArgument('ShardCount is only allowed for streams in PROVISIONED mode.')
    if (warmMiBps > 0) assertWarmThroughput(warmMiBps, await hasCommitment(service, context))
    return {
      shards: shardsForWarmThroughput(warmMiBps, service.shardCapacity),
      onDemand: { warmMiBps, distribution, peaks: [] },
    }
  }
  if (shards === undefined) throw invalidArgument('ShardCount must be given for a stream in PROVISIONED mode.')
  if (warmMiBps > 0) throw warmThroughputOfProvisioned()
  if (distribution === 'AUTO') throw autoDistributionOfProvisioned()
  return { shards }
}
