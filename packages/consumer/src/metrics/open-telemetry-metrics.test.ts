import { MeterProvider, MetricReader, type MetricData } from '@opentelemetry/sdk-metrics'
import { afterEach, describe, expect, it } from 'vitest'
import { catalog, everyMetric } from './metric-catalog.ts'
import type { Metric, MetricDimensions } from './metrics-sink.ts'
import { OpenTelemetryMetrics } from './open-telemetry-metrics.ts'

class Reader extends MetricReader {
  protected onForceFlush(): Promise<void> {
    return Promise.resolve()
  }
  protected onShutdown(): Promise<void> {
    return Promise.resolve()
  }
}

const dimensionsOf = (metric: Metric, ShardId: string): MetricDimensions => ({
  Application: 'billing',
  Operation: metric.operation,
  ...Object.fromEntries(metric.dimensions.map((name) => [name, name === 'ShardId' ? ShardId : 'any'])),
})

describe('metrics for OpenTelemetry', () => {
  const providers: MeterProvider[] = []
  afterEach(async () => {
    for (const provider of providers.splice(0)) await provider.shutdown()
  })

  function setUp() {
    const reader = new Reader()
    const provider = new MeterProvider({ readers: [reader] })
    providers.push(provider)
    const collected = async (): Promise<readonly MetricData[]> => {
      const { resourceMetrics, errors } = await reader.collect()
      expect(errors).toEqual([])
      return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)
    }
    return { metrics: new OpenTelemetryMetrics(provider.getMeter('millrace')), collected }
  }

  it('are instruments of the KCL’s names, with its dimensions as attributes', async () => {
    const { metrics, collected } = setUp()
    const { recordsProcessed, processRecordsTime, behindLatest } = catalog
    for (const value of [2, 3]) metrics.record(recordsProcessed, value, dimensionsOf(recordsProcessed, '0'))
    for (const value of [9, 7]) metrics.record(processRecordsTime, value, dimensionsOf(processRecordsTime, '0'))
    const dimensions = dimensionsOf(behindLatest, '0')
    for (const value of [9, 7]) metrics.record(behindLatest, value, dimensions)
    const attributes = { Application: 'billing', Operation: 'ProcessTask', StreamId: 'any', ShardId: '0' }
    expect(await collected()).toMatchObject([
      { descriptor: { name: 'RecordsProcessed', unit: '1' }, dataPoints: [{ attributes, value: 5 }] },
      {
        descriptor: { name: 'RecordProcessor.processRecords.Time', unit: 'ms' },
        dataPoints: [{ attributes, value: { count: 2, sum: 16, min: 7, max: 9 } }],
      },
      { descriptor: { name: 'MillisBehindLatest', unit: 'ms' }, dataPoints: [{ attributes, value: 7 }] },
    ])
  })

  it('report a gauge no longer when its shard was left', async () => {
    const { metrics, collected } = setUp()
    const [left, held] = [dimensionsOf(catalog.behindLatest, '0'), dimensionsOf(catalog.behindLatest, '1')]
    for (const dimensions of [left, held]) metrics.record(catalog.behindLatest, 7, dimensions)
    metrics.forget(catalog.behindLatest, left)
    expect(await collected()).toMatchObject([{ dataPoints: [{ attributes: { ShardId: '1' } }] }])
  })

  it('take every name of the catalog', async () => {
    const { metrics, collected } = setUp()
    for (const metric of everyMetric) metrics.record(metric, 1, dimensionsOf(metric, '0'))
    const names = (await collected()).map(({ descriptor }) => descriptor.name)
    expect(new Set(names)).toEqual(new Set(everyMetric.map(({ name }) => name)))
    expect(names).toHaveLength(new Set(names).size)
  })
})
