/**
 * Metrics of single shards, for streams with enhanced monitoring: `kinesis_shard_incoming_bytes_total{stream,shard}` and
 * its like. The number of shards with labels of their own is bounded; those beyond are counted together as `(other)`.
 */
import { Counter, Gauge, type Registry } from 'prom-client'

import { SHARD_LEVEL_METRICS, type ShardLevelMetric } from '../streams/stream.ts'
import type { ShardEvent, StreamLabel } from './service-metrics.ts'

/** Shards with labels of their own, over all streams. Each has seven series at most. */
export const METRIC_SHARDS_MAX = 10_000
const OTHER = '(other)'

const NAMES: Readonly<Record<ShardLevelMetric, string>> = {
  IncomingBytes: 'incoming_bytes_total',
  IncomingRecords: 'incoming_records_total',
  OutgoingBytes: 'outgoing_bytes_total',
  OutgoingRecords: 'outgoing_records_total',
  WriteProvisionedThroughputExceeded: 'write_provisioned_throughput_exceeded_total',
  ReadProvisionedThroughputExceeded: 'read_provisioned_throughput_exceeded_total',
  IteratorAgeMilliseconds: 'iterator_age_milliseconds',
}

export type CountShard = (label: StreamLabel, shardId: string, event: ShardEvent) => void

export function createShardSeries(registry: Registry): CountShard {
  const registers = [registry]
  const labelNames = ['stream', 'account', 'region', 'shard']
  const series = SHARD_LEVEL_METRICS.map((metric) => {
    const options = { name: `kinesis_shard_${NAMES[metric]}`, help: `Of one shard (${metric}).`, labelNames, registers }
    // An age is of now; all else adds up.
    return [metric, metric === 'IteratorAgeMilliseconds' ? new Gauge(options) : new Counter(options)] as const
  })
  const known = new Set<string>()
  return ({ account, region, stream }, shardId, event) => {
    const key = `${account}/${region}/${stream}/${shardId}`
    const isKnown = known.has(key) || known.size < METRIC_SHARDS_MAX
    if (isKnown) known.add(key)
    const labels = isKnown
      ? { stream, account, region, shard: shardId }
      : { stream: OTHER, account: OTHER, region: OTHER, shard: OTHER }
    for (const [metric, one] of series) {
      const value = event[metric]
      if (value === undefined) continue
      if (one instanceof Gauge) one.set(labels, value)
      else one.inc(labels, value)
    }
  }
}
