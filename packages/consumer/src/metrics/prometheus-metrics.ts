/**
 * A worker's metrics as a page for Prometheus, in its text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Names are those of the catalog in Prometheus' spelling and
 * base units: `RecordsProcessed` is `millrace_consumer_records_processed_total`, what is in ms is in seconds.
 *
 * Bounded: a metric has `seriesMax` series. One more takes the place of a shard's that was left; where there is none, it is
 * counted together with the others that came too late, as `(other)`, and a gauge is left out.
 */
import type { Metric, MetricDimensions, MetricsSink } from './metrics-sink.ts'

export interface PrometheusMetricsOptions {
  /** Of one metric. Default: 1,000; a histogram's takes some 2 KiB. */
  readonly seriesMax?: number | undefined
}

/** From a checkpoint in memory to a handler that takes minutes. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const OTHER = '(other)'

interface Series {
  readonly labels: string
  /** Of a histogram: the sum. */
  value: number
  /** Of a histogram: how many were in each bucket and in none before; the last is beyond all. */
  readonly counts: number[]
  isLeft: boolean
}

interface Family {
  /** The first; others of its name are of other operations, and alike. */
  readonly metric: Metric
  /** By operation. */
  readonly helps: Map<string, string>
  readonly name: string
  readonly series: Map<string, Series>
}

export class PrometheusMetrics implements MetricsSink {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8'
  readonly #seriesMax: number
  readonly #families = new Map<string, Family>()
  /** Texts of labels are made once. */
  readonly #labels = new WeakMap<MetricDimensions, string>()

  /** A RangeError for a bound below one. */
  constructor({ seriesMax = 1_000 }: PrometheusMetricsOptions = {}) {
    if (!(Number.isInteger(seriesMax) && seriesMax > 0))
      throw new RangeError(`Expected a whole number from 1 on for seriesMax, found ${seriesMax}.`)
    this.#seriesMax = seriesMax
  }

  record(metric: Metric, value: number, dimensions: MetricDimensions): void {
    const series = this.#seriesOf(metric, dimensions)
    if (series === undefined) return
    series.isLeft = false
    const amount = metric.unit === 'Milliseconds' ? value / 1000 : value
    if (metric.kind === 'gauge') series.value = amount
    else series.value += amount
    if (metric.kind !== 'histogram') return
    const found = BUCKETS_SECONDS.findIndex((bound) => amount <= bound)
    const bucket = found < 0 ? BUCKETS_SECONDS.length : found
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
  }

  forget(metric: Metric, dimensions: MetricDimensions): void {
    const family = this.#families.get(metric.name)
    const series = family?.series.get(this.#labelsOf(dimensions))
    if (family === undefined || series === undefined) return
    if (metric.kind === 'gauge') family.series.delete(series.labels)
    else series.isLeft = true
  }

  /** The page. Serve it as `contentType`. */
  text(): string {
    return [...this.#families.values()].map(page).join('')
  }

  #seriesOf(metric: Metric, dimensions: MetricDimensions): Series | undefined {
    let family = this.#families.get(metric.name)
    if (family === undefined) {
      family = { metric, helps: new Map(), name: nameOf(metric), series: new Map() }
      this.#families.set(metric.name, family)
    }
    const labels = this.#labelsOf(dimensions)
    const known = family.series.get(labels)
    if (known !== undefined) return known
    family.helps.set(metric.operation, metric.help)
    if (family.series.size < this.#seriesMax || dropLeft(family)) return added(family, labels)
    // What stands for many is no value of one.
    if (metric.kind === 'gauge') return undefined
    // Beside the bound: one for each operation.
    const other = labelsText({ ...dimensions, ...Object.fromEntries(metric.dimensions.map((name) => [name, OTHER])) })
    return family.series.get(other) ?? added(family, other)
  }

  #labelsOf(dimensions: MetricDimensions): string {
    let text = this.#labels.get(dimensions)
    if (text === undefined) this.#labels.set(dimensions, (text = labelsText(dimensions)))
    return text
  }
}

function added(family: Family, labels: string): Series {
  const counts = family.metric.kind === 'histogram' ? Array.from({ length: BUCKETS_SECONDS.length + 1 }, () => 0) : []
  const series = { labels, value: 0, counts, isLeft: false }
  family.series.set(labels, series)
  return series
}

/** The one that was made first. */
function dropLeft({ series }: Family): boolean {
  for (const one of series.values()) if (one.isLeft) return series.delete(one.labels)
  return false
}

/** `RecordProcessor.processRecords.Time` → `millrace_consumer_record_processor_process_records_time_seconds`. */
function nameOf({ name, kind, unit }: Metric): string {
  const words = name
    .replace(/^Millis/, '')
    .replaceAll('.', '_')
    .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase()
  const suffix = kind === 'counter' ? '_total' : unit === 'Milliseconds' ? '_seconds' : ''
  return `millrace_consumer_${words}${suffix}`
}

function page({ metric: { kind, name: origin, unit }, helps, name, series }: Family): string {
  const [first = ''] = helps.values()
  const help = helps.size === 1 ? first : [...helps].map(([operation, one]) => `${operation}: ${one}`).join(' ')
  const lines = [
    `# HELP ${name} ${origin}${unit === 'Milliseconds' ? ', in seconds' : ''}: ${help}`,
    `# TYPE ${name} ${kind}`,
  ]
  for (const { labels, value, counts } of series.values()) {
    if (kind !== 'histogram') {
      lines.push(`${name}{${labels}} ${value}`)
      continue
    }
    let count = 0
    for (const [i, inBucket] of counts.entries()) {
      count += inBucket
      lines.push(`${name}_bucket{${labels},le="${BUCKETS_SECONDS[i] ?? '+Inf'}"} ${count}`)
    }
    lines.push(`${name}_sum{${labels}} ${value}`, `${name}_count{${labels}} ${count}`)
  }
  return `${lines.join('\n')}\n`
}

/** `ShardId` is `shard_id`. */
function labelsText(dimensions: MetricDimensions): string {
  return Object.entries(dimensions)
    .map(
      ([name, value]) =>
        `${name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase()}="${escaped(value)}"`,
    ) // prettier-ignore
    .join(',')
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
