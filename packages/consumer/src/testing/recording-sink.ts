/** A sink of metrics that keeps all it is told, for tests. */
import type { Metric, MetricDimensions, MetricsSink } from '../metrics/metrics-sink.ts'

export interface Sample {
  readonly metric: Metric
  readonly value: number
  readonly dimensions: MetricDimensions
}

export class RecordingSink implements MetricsSink {
  readonly samples: Sample[] = []
  /** Gauges that stand, by what they are of. */
  readonly gauges = new Map<string, number>()

  record(metric: Metric, value: number, dimensions: MetricDimensions): void {
    this.samples.push({ metric, value, dimensions })
    if (metric.kind === 'gauge') this.gauges.set(gaugeKey(metric, dimensions), value)
  }

  forget(metric: Metric, dimensions: MetricDimensions): void {
    if (metric.kind === 'gauge') this.gauges.delete(gaugeKey(metric, dimensions))
  }

  /** What was recorded of a metric, with these dimensions among others. */
  of(metric: Metric, dimensions: Partial<MetricDimensions> = {}): readonly number[] {
    return this.samples
      .filter((sample) => sample.metric === metric && has(sample.dimensions, dimensions))
      .map(({ value }) => value)
  }

  sum(metric: Metric, dimensions: Partial<MetricDimensions> = {}): number {
    return this.of(metric, dimensions).reduce((sum, value) => sum + value, 0)
  }
}

function gaugeKey({ name }: Metric, dimensions: MetricDimensions): string {
  return `${name} ${JSON.stringify(dimensions)}`
}

function has(dimensions: MetricDimensions, wanted: Partial<MetricDimensions>): boolean {
  return Object.entries(wanted).every(([name, value]) => dimensions[name as keyof MetricDimensions] === value)
}
