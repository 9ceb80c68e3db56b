/**
 * A worker's metrics on a meter of OpenTelemetry, under the names of the catalog; the application's SDK exports them and
 * bounds their series. Gauges are asked for when they are exported, so that a shard that was left is not reported any more.
 */
import type { Metric, MetricDimensions, MetricsSink } from './metrics-sink.ts'

/** What is needed of a meter: one of `@opentelemetry/api` 1.3 or later has it. */
export interface Meter {
  createCounter(name: string, options: InstrumentOptions): { add(value: number, attributes: Attributes): void }
  createHistogram(name: string, options: InstrumentOptions): { record(value: number, attributes: Attributes): void }
  createObservableGauge(
    name: string,
    options: InstrumentOptions,
  ): {
    addCallback(callback: (result: { observe(value: number, attributes: Attributes): void }) => void): void
  }
}

interface InstrumentOptions {
  readonly description: string
  readonly unit: string
}

type Attributes = Record<string, string>
type Instrument = Pick<MetricsSink, 'record' | 'forget'>

/** As the Unified Code for Units of Measure has them; what is counted has none. */
const UNITS: Readonly<Record<Metric['unit'], string>> = { Count: '1', Bytes: 'By', Milliseconds: 'ms' }

export class OpenTelemetryMetrics implements MetricsSink {
  readonly #meter: Meter
  readonly #instruments = new Map<string, Instrument>()

  constructor(meter: Meter) {
    this.#meter = meter
  }

  record(metric: Metric, value: number, dimensions: MetricDimensions): void {
    let instrument = this.#instruments.get(metric.name)
    if (instrument === undefined) this.#instruments.set(metric.name, (instrument = this.#make(metric)))
    instrument.record(metric, value, dimensions)
  }

  forget(metric: Metric, dimensions: MetricDimensions): void {
    this.#instruments.get(metric.name)?.forget(metric, dimensions)
  }

  #make({ name, kind, unit, help }: Metric): Instrument {
    const options = { description: help, unit: UNITS[unit] }
    const forget = (): void => {}
    switch (kind) {
      case 'counter': {
        const counter = this.#meter.createCounter(name, options)
        return { record: (_, value, dimensions) => counter.add(value, dimensions), forget }
      }
      case 'histogram': {
        const histogram = this.#meter.createHistogram(name, options)
        return { record: (_, value, dimensions) => histogram.record(value, dimensions), forget }
      }
      case 'gauge': {
        const values = new Map<MetricDimensions, number>()
        this.#meter.createObservableGauge(name, options).addCallback((result) => {
          for (const [dimensions, value] of values) result.observe(value, dimensions)
        })
        return {
          record: (_, value, dimensions) => void values.set(dimensions, value),
          forget: (_, dimensions) => void values.delete(dimensions),
        }
      }
    }
  }
}
