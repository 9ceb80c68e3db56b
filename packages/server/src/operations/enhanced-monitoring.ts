/** What the two monitoring operations share: they differ in which metrics are reported afterwards. */
import { type MetricsName, streamArn } from '@millrace/protocol'

import { SHARD_LEVEL_METRICS, type ShardLevelMetric, type StreamKey } from '../streams/stream.ts'
import { streamNotFound } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'
import { assertActive } from './stream-lookup.ts'

/** `isKept`: whether a metric is reported afterwards, given whether it was, and whether the caller named it. */
export async function setMonitoring(
  key: StreamKey,
  named: readonly MetricsName[],
  isKept: (was: boolean, isNamed: boolean) => boolean,
  service: ServiceParts,
  context: OperationContext,
) {
  const isAll = named.includes('ALL')
  let current: readonly ShardLevelMetric[] = []
  let desired: readonly ShardLevelMetric[] = []
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    assertActive(stream)
    const was = stream.shardLevelMetrics
    current = was
    desired = SHARD_LEVEL_METRICS.filter((name) => isKept(was.includes(name), isAll || named.includes(name)))
    if (desired.length === was.length && desired.every((name) => was.includes(name))) return { stream }
    return { stream: { ...stream, shardLevelMetrics: desired } }
  })
  return {
    StreamName: key.name,
    CurrentShardLevelMetrics: current,
    DesiredShardLevelMetrics: desired,
    StreamARN: streamArn(key),
  }
}
