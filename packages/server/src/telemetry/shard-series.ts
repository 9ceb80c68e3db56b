/**
 * Metrics of single shards, for streams with enhanced monitoring: `kinesis_shard_incoming_bytes_total{stream,shard}` and
 * its like. The number of shards with labels of their own is bounded; those beyond are counted together as `(other)`.
 */
import { Counter, Gauge, type Registry } from './prom-client.ts'

import { SHARD_LEVEL_METRICS, type ShardLevelMetric } from '../streams/stream.ts'
import { LabelSet, OTHER } from './label-set.ts'
import type { ShardEvent, StreamLabel } from './service-metrics.ts'

/** Shards with labels of their own, over all streams. Each has seven series at most. */
export const METRIC_SHARDS_MAX = 10_000

const NAMES: Readonly<Record<ShardLevelMetric, string>> = {
  IncomingBytes: 'incoming_bytes_total',
  IncomingRecords: 'incoming_records_total',
  OutgoingBytes: 'outgoing_bytes_total',
  OutgoingRecords: 'outgoing_records_total',
  WriteProvisionedThroughputExceeded: 'write_provisioned_throughput_exceeded_total',
  ReadProvisionedThroughputExceeded: 'read_provisioned_throughput_exceeded_total',
  IteratorAgeMilliseconds: 'iterator_age_milliseconds',
}

type ShardLabels = Record<'stream' | 'account' | 'region' | 'shard', string>

export interface ShardSeries {
  count(label: StreamLabel, shardId: string, event: ShardEvent): void
  /** Ends the series of streams that are gone. */
  forget(isGone: (stream: StreamLabel) => boolean): void
}

export function createShardSeries(registry: Registry): ShardSeries {
  const registers = [registry]
  const labelNames = ['stream', 'account', 'region', 'shard']
  const series = SHARD_LEVEL_METRICS.map((metric) => {
    const options = { name: `kinesis_shard_${NAMES[metric]}`, help: `Of one shard (${metric}).`, labelNames, registers }
    // An age is of now; all else adds up.
    return [metric, metric === 'IteratorAgeMilliseconds' ? new Gauge(options) : new Counter(options)] as const
  })
  const known = new LabelSet<ShardLabels>(METRIC_SHARDS_MAX)
  const other: ShardLabels = { stream: OTHER, account: OTHER, region: OTHER, shard: OTHER }
  return {
    count({ account, region, stream }, shardId, event) {
      const make = (): ShardLabels => ({ stream, account, region, shard: shardId })
      const labels = known.of(`${account}/${region}/${stream}/${shardId}`, make) ?? other
      for (const [metric, one] of series) {
        const value = event[metric]
        if (value === undefined) continue
        if (one instanceof Gauge) one.set(labels, value)
        else one.inc(labels, value)
      }
    },
    forget(isGone) {
      for (const labels of known.forget(isGone)) for (const [, one] of series) one.remove(labels)
    },
  }
}
