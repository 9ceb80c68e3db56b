/**
 * Metrics of registered consumers: `kinesis_subscribe_to_shard_event_bytes_total{stream,consumer}` and its like. The
 * number of consumers with labels of their own is bounded; those beyond are counted together as `(other)`.
 */
import { Counter, type Registry } from './prom-client.ts'

import { Distribution } from './distribution.ts'
import { LabelSet, OTHER } from './label-set.ts'
import type { ConsumerLabel, ServiceMetrics } from './service-metrics.ts'

/** Consumers with labels of their own, over all streams. Each has some twenty series. */
export const METRIC_CONSUMERS_MAX = 1_000

type ConsumerLabels = Record<'stream' | 'account' | 'region' | 'consumer', string>

export interface ConsumerSeries extends Pick<ServiceMetrics, 'subscribe' | 'push'> {
  /** Ends the series of consumers that are gone. */
  forget(isGone: (consumer: ConsumerLabel) => boolean): void
}

export function createConsumerSeries(registry: Registry, ageBuckets: readonly number[]): ConsumerSeries {
  const registers = [registry]
  const labelNames = ['stream', 'account', 'region', 'consumer']
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `kinesis_subscribe_to_shard_${name}_total`, help, labelNames, registers })
  const began = counter('success', 'Subscriptions begun (SubscribeToShard.Success).')
  const refused = counter('rate_exceeded', 'Calls so soon after another (SubscribeToShard.RateExceeded).')
  const bytes = counter('event_bytes', 'Data and partition keys pushed (SubscribeToShardEvent.Bytes).')
  const records = counter('event_records', 'Records pushed (SubscribeToShardEvent.Records).')
  const events = counter('event_success', 'Events pushed (SubscribeToShardEvent.Success).')
  const behind = new Distribution({
    name: 'kinesis_subscribe_to_shard_event_behind_latest_seconds',
    help: 'How far behind the tip each event was (SubscribeToShardEvent.MillisBehindLatest).',
    buckets: ageBuckets,
    registry,
  })
  const known = new LabelSet<ConsumerLabels>(METRIC_CONSUMERS_MAX)
  const other: ConsumerLabels = { stream: OTHER, account: OTHER, region: OTHER, consumer: OTHER }
  const labelsOf = ({ account, region, stream, consumer }: ConsumerLabel): ConsumerLabels =>
    known.of(`${account}/${region}/${stream}/${consumer}`, () => ({ stream, account, region, consumer })) ?? other
  return {
    subscribe(label, hasBegun) {
      const counted = hasBegun ? began : refused
      counted.inc(labelsOf(label))
    },
    push(label, event) {
      const labels = labelsOf(label)
      events.inc(labels)
      bytes.inc(labels, event.bytes)
      records.inc(labels, event.records)
      behind.observe(labels, event.behindMs / 1000)
    },
    forget(isGone) {
      const series = [began, refused, bytes, records, events, behind]
      for (const labels of known.forget(isGone)) for (const one of series) one.remove(labels)
    },
  }
}
