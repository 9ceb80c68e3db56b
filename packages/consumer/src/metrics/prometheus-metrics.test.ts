import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { catalog, everyMetric } from './metric-catalog.ts'
import type { Metric, MetricDimensions } from './metrics-sink.ts'
import { PrometheusMetrics } from './prometheus-metrics.ts'

interface Parsed {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly metrics: readonly Record<string, unknown>[]
}
// CommonJS without types.
const require = createRequire(import.meta.url)
const parse = require('parse-prometheus-text-format') as (text: string) => readonly Parsed[]

const of = (metric: Metric, dimensions: Omit<MetricDimensions, 'Application' | 'Operation'> = {}) => ({
  Application: 'billing',
  Operation: metric.operation,
  ...dimensions,
})
const shard = (ShardId: string) => ({ StreamId: 'orders', ShardId })
const labels = (shard_id: string) => ({
  application: 'billing',
  operation: 'ProcessTask',
  stream_id: 'orders',
  shard_id,
})
const values = (metrics: PrometheusMetrics, name: string) =>
  parse(metrics.text()).find((family) => family.name === name)?.metrics

describe('metrics for Prometheus', () => {
  it('add up what is counted, and show the last of a gauge', () => {
    const metrics = new PrometheusMetrics()
    for (const value of [2, 3])
      metrics.record(catalog.recordsProcessed, value, of(catalog.recordsProcessed, shard('0')))
    for (const value of [9, 1_500]) metrics.record(catalog.behindLatest, value, of(catalog.behindLatest, shard('0')))
    expect(parse(metrics.text())).toEqual([
      {
        name: 'millrace_consumer_records_processed_total',
        help: 'RecordsProcessed: User records that the processor is done with.',
        type: 'COUNTER',
        metrics: [{ value: '5', labels: labels('0') }],
      },
      {
        name: 'millrace_consumer_behind_latest_seconds',
        help: `MillisBehindLatest, in seconds: ${catalog.behindLatest.help}`,
        type: 'GAUGE',
        metrics: [{ value: '1.5', labels: labels('0') }],
      },
    ])
  })

  it('sort times into buckets of seconds', () => {
    const metrics = new PrometheusMetrics()
    const [, time] = catalog.renewLease
    for (const ms of [1, 900, 1_000, 400_000]) metrics.record(time, ms, of(time, { WorkerIdentifier: 'w1' }))
    const [histogram] = values(metrics, 'millrace_consumer_renew_lease_time_seconds') ?? []
    expect(metrics.text()).toMatch(/_seconds_sum\{.+\} 401\.901\n.+_seconds_count\{.+\} 4\n/)
    expect(histogram?.['buckets']).toMatchObject({ '0.001': '1', '0.5': '1', '1': '3', '300': '3', '+Inf': '4' })
  })

  it('print every metric of the catalog as the format has it, under a name of its own but for equal names', () => {
    const metrics = new PrometheusMetrics()
    const value = (name: string) => `${name} "quoted" back\\slash\nline`
    for (const metric of everyMetric)
      metrics.record(metric, 1, of(metric, Object.fromEntries(metric.dimensions.map((name) => [name, value(name)]))))
    const text = metrics.text()
    const label = String.raw`[a-z_]+="(?:[^"\\\n]|\\["\\n])*"`
    const lines = [String.raw`# HELP [a-z_]+ .+`, String.raw`# TYPE [a-z_]+ (?:counter|gauge|histogram)`, String.raw`[a-z_]+\{${label}(?:,${label})*\} [0-9.]+`] // prettier-ignore
    expect(text.split('\n').filter((line) => !new RegExp(`^(?:${lines.join('|')})?$`).test(line))).toEqual([])
    expect(text.endsWith('\n')).toBe(true)
    const families = parse(text)
    expect(families.map(({ name }) => name).sort()).toEqual([...new Set(families.map(({ name }) => name))].sort())
    expect(families).toHaveLength(new Set(everyMetric.map(({ name }) => name)).size)
  })

  it('drop the gauges of a shard that was left, and keep what was counted', () => {
    const metrics = new PrometheusMetrics()
    for (const metric of [catalog.behindLatest, catalog.recordsProcessed]) {
      metrics.record(metric, 7, of(metric, shard('0')))
      metrics.forget(metric, of(metric, shard('0')))
    }
    expect(values(metrics, 'millrace_consumer_behind_latest_seconds')).toEqual([])
    expect(values(metrics, 'millrace_consumer_records_processed_total')).toMatchObject([{ value: '7' }])
  })

  it('have a bound: what was left makes room first, then what comes too late is counted together', () => {
    const metrics = new PrometheusMetrics({ seriesMax: 2 })
    const count = (id: string) => metrics.record(catalog.skipped, 1, of(catalog.skipped, shard(id)))
    const shards = () => values(metrics, 'millrace_consumer_skipped_records_total')?.map((one) => [(one['labels'] as { readonly shard_id: string }).shard_id, one['value']]) // prettier-ignore
    for (const id of ['0', '1', '2', '3', '1']) count(id)
    expect(shards()).toEqual([['0', '1'], ['1', '2'], ['(other)', '2']]) // prettier-ignore
    metrics.forget(catalog.skipped, of(catalog.skipped, shard('0')))
    count('4')
    expect(shards()).toEqual([['1', '2'], ['(other)', '2'], ['4', '1']]) // prettier-ignore
    for (const id of ['0', '1', '2']) metrics.record(catalog.behindLatest, 0, of(catalog.behindLatest, shard(id)))
    expect(values(metrics, 'millrace_consumer_behind_latest_seconds')).toHaveLength(2)
    expect(() => new PrometheusMetrics({ seriesMax: 0 })).toThrow('from 1 on for seriesMax, found 0')
  })
})
