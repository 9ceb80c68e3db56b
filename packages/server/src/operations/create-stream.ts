import { CreateStream, KinesisError, RECORD_KIB_DEFAULT } from '@millrace/protocol'

import { beginStream } from '../streams/create.ts'
import { invalidArgument } from './faults.ts'
import { handle } from './operation.ts'
import { assertShardQuota, assertStatusQuota } from './quotas.ts'
import { settle } from './settle.ts'
import { assertTagCount, assertTagTexts } from './tags.ts'

/** Makes a provisioned stream. Its shards divide the key space evenly. */
export const createStream = handle(CreateStream, async (input, service, context) => {
  const key = { account: context.account, region: context.region, name: input.StreamName }
  const shards = input.ShardCount
  const mode = input.StreamModeDetails?.StreamMode ?? (shards === undefined ? 'ON_DEMAND' : 'PROVISIONED')
  if (mode === 'ON_DEMAND') {
    throw new KinesisError(
      'ValidationException',
      'On-demand streams are not served by this version: give a ShardCount and StreamMode PROVISIONED.',
    )
  }
  // AWS's texts for the next three are unknown.
  if (shards === undefined) throw invalidArgument('ShardCount must be given for a stream in PROVISIONED mode.')
  if (input.WarmThroughputMiBps !== undefined && input.WarmThroughputMiBps > 0)
    throw invalidArgument('WarmThroughputMiBps is only allowed for streams in ON_DEMAND mode.')
  if (input.RecordDistributionStrategy === 'AUTO')
    throw invalidArgument('RecordDistributionStrategy AUTO is only allowed for streams in ON_DEMAND mode.')
  const tags = input.Tags ?? {}
  // AWS's texts for tags of a stream that is not there yet are unknown: those of AddTagsToStream.
  const owner = { kind: 'stream', name: key.name, account: key.account } as const
  assertTagTexts('add', owner, [...Object.keys(tags), ...Object.values(tags)])
  assertTagCount(owner, tags)

  await service.catalog.change(key, context.deadlineMs, (existing, firstRef) => {
    if (existing !== undefined) {
      throw new KinesisError(
        'ResourceInUseException',
        `Stream ${key.name} under account ${key.account} already exists.`,
      )
    }
    assertStatusQuota('CREATING', service, context)
    assertShardQuota(shards, service, context)
    const stream = beginStream({
      key,
      shards,
      firstRef,
      nowMs: service.clock.now(),
      lastBirthS: service.catalog.lastBirthS(key),
      maxRecordKiB: input.MaxRecordSizeInKiB ?? RECORD_KIB_DEFAULT,
      tags,
    })
    return { stream, refs: shards }
  })
  await settle(key, service, context)
})
