import { KinesisError, SHARDS_PER_STREAM_MAX, streamArn, UpdateShardCount } from '@millrace/protocol'

import { beginScale } from '../streams/reshard.ts'
import { countToday } from './daily-count.ts'
import { streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { totalsOf } from './quotas.ts'
import { settle } from './settle.ts'
import { assertActive, assertProvisioned, streamKeyOf } from './stream-lookup.ts'

/** Splits and merges until `TargetShardCount` open shards divide the key space evenly. To as many as there are: nothing. */
export const updateShardCount = handle(UpdateShardCount, async (input, service, context) => {
  const key = streamKeyOf(input, UpdateShardCount.name, context)
  const target = input.TargetShardCount
  let current = target
  await service.catalog.change(key, context.deadlineMs, (stream, firstRef) => {
    if (stream === undefined) throw streamNotFound(key)
    assertProvisioned(stream)
    assertActive(stream)
    current = stream.openShards
    if (target === current) return { stream }
    assertWithinReach(current, target)
    if (target > SHARDS_PER_STREAM_MAX) throw tooManyShards(current, target, SHARDS_PER_STREAM_MAX)
    // Whoever is above a quota that was lowered may always come nearer to it.
    const openAfter = totalsOf(service, context).openShards - current + target
    if (target > current && openAfter > service.quotas.shards)
      throw tooManyShards(current, target, service.quotas.shards)
    const nowMs = service.clock.now()
    const { stream: scaling, refs } = beginScale(stream, target, firstRef, nowMs)
    const scaledAtMs = countToday(stream.scaledAtMs, {
      operation: UpdateShardCount.name,
      max: service.quotas.scalings,
      stream,
      nowMs,
    })
    return { stream: { ...scaling, scaledAtMs }, refs }
  })
  await settle(key, service, context)
  return { StreamName: key.name, CurrentShardCount: current, TargetShardCount: target, StreamARN: streamArn(key) }
})

function assertWithinReach(current: number, target: number): void {
  const counts = `Current open shard count: ${current} Target shard count: ${target}`
  if (target > current * 2)
    throw limitExceeded(`UpdateShardCount cannot scale up over double your current open shard count. ${counts}`)
  if (target * 2 < current)
    throw limitExceeded(`UpdateShardCount cannot scale down below half your current open shard count. ${counts}`)
}

function tooManyShards(current: number, target: number, limit: number): KinesisError {
  return limitExceeded(
    `Target shard count or number of open shards cannot be greater than ${limit}. ` +
      `Current open shard count: ${current}, Target shard count: ${target}`,
  )
}

function limitExceeded(message: string): KinesisError {
  return new KinesisError('LimitExceededException', message)
}
