/**
 * A histogram whose series are found by their labels themselves, one object for each, made once: prom-client's own builds
 * a text of them for every value and looks it up (bench: PutRecord). It prints what that would.
 */
import type { Histogram, Registry } from './prom-client.ts'

type Labels = Readonly<Record<string, string>>

export interface DistributionOptions {
  readonly name: string
  readonly help: string
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[]
  readonly registry: Registry
}

interface Series {
  /** Of each bucket alone, and last of what is beyond them. */
  readonly counts: number[]
  sum: number
}

export class Distribution {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly #buckets: readonly number[]
  readonly #series = new Map<Labels, Series>()

  constructor({ name, help, buckets, registry }: DistributionOptions) {
    this.name = name
    this.help = help
    this.#buckets = buckets
    // Of a metric it asks for nothing but `get`.
    registry.registerMetric(this as unknown as Histogram)
  }

  /** `labels`: the same object each time. */
  observe(labels: Labels, value: number): void {
    let series = this.#series.get(labels)
    if (series === undefined) {
      series = { counts: Array.from({ length: this.#buckets.length + 1 }, () => 0), sum: 0 }
      this.#series.set(labels, series)
    }
    const buckets = this.#buckets
    let bucket = 0
    while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket++
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
    series.sum += value
  }

  remove(labels: Labels): void {
    this.#series.delete(labels)
  }

  /** For the registry. */
  get(): object {
    const values: object[] = []
    for (const [sharedLabels, { counts, sum }] of this.#series) {
      let count = 0
      const add = (suffix: string, labels: object, value: number): void => {
        values.push({ metricName: `${this.name}_${suffix}`, labels, sharedLabels, value })
      }
      for (const [bucket, inBucket] of counts.entries()) {
        count += inBucket
        add('bucket', { le: this.#buckets[bucket] ?? '+Inf' }, count)
      }
      add('sum', {}, sum)
      add('count', {}, count)
    }
    return { name: this.name, help: this.help, type: this.type, values }
  }
}
