/** Where a worker's metrics go: a port. `PrometheusMetrics` and `OpenTelemetryMetrics` are two; CloudWatch is anybody's. */

/** `counter`: values add up. `gauge`: the last one stands. `histogram`: each is one of many. */
export type MetricKind = 'counter' | 'gauge' | 'histogram'
/** CloudWatch's words. */
export type MetricUnit = 'Count' | 'Bytes' | 'Milliseconds'
/** The KCL's: `summary` is what a dashboard needs, `detailed` also what single calls do. */
export type MetricLevel = 'none' | 'summary' | 'detailed'

export interface Metric {
  /** The KCL's where it has one: `RecordsProcessed`. */
  readonly name: string
  /** What the worker does when it is counted, in the KCL's words: `ProcessTask`. A name may be there for several. */
  readonly operation: string
  readonly kind: MetricKind
  readonly unit: MetricUnit
  /** From which level on it is told. */
  readonly level: Exclude<MetricLevel, 'none'>
  /** Beside `Application` and `Operation`, in this order. */
  readonly dimensions: readonly MetricDimension[]
  /** One sentence. */
  readonly help: string
}

export type MetricDimension = 'StreamId' | 'ShardId' | 'WorkerIdentifier' | 'Outcome' | 'Reason' | 'Condition'

export type MetricDimensions = { readonly Application: string; readonly Operation: string } & {
  readonly [Name in MetricDimension]?: string
}

export interface MetricsSink {
  /** Called for every event of a worker: cheap, and never throws. Equal dimensions come as the same object. */
  record(metric: Metric, value: number, dimensions: MetricDimensions): void
  /**
   * The shard is another worker's now, or the value is not known any more: a gauge is not to be shown again before it is
   * recorded again; the rest may be dropped where room is needed.
   */
  forget(metric: Metric, dimensions: MetricDimensions): void
}

export interface MetricsOptions {
  /** May serve several workers. */
  readonly sink: MetricsSink
  /** Default: `detailed`. */
  readonly level?: MetricLevel | undefined
  /**
   * False: nothing carries a `ShardId`. What is counted is added up over a stream's shards, gauges of single shards are
   * left out. For streams of very many shards. Default: true.
   */
  readonly perShard?: boolean | undefined
}
