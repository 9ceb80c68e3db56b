/**
 * Metrics for Prometheus: what the service counts, under the names Kinesis users know in Prometheus' spelling
 * (`kinesis_put_records_bytes_total{stream}`), and what the front door counts (`millrace_http_…`). The number of
 * label values is bounded: streams beyond the bound are counted together as `(other)`. What is gone is printed once more,
 * as it was at its end, and then forgotten.
 */
import { Counter, Gauge, Registry } from './prom-client.ts'

import { createConsumerSeries } from './consumer-series.ts'
import { Distribution } from './distribution.ts'
import { LabelSet, OTHER } from './label-set.ts'
import type { GetEvent, PutEvent, ServiceMetrics, StreamLabel } from './service-metrics.ts'
import { createShardSeries } from './shard-series.ts'

/** Streams with a label of their own. Each has some thirty series. */
export const METRIC_STREAMS_MAX = 1000

/** 0.5 ms to 10 s. */
const LATENCY_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
const AGE_SECONDS = [0, 1, 10, 60, 600, 3600, 21_600, 86_400]

export interface Gauges {
  readonly connections: number
  readonly requests: number
  readonly bodyBytes: number
  readonly answerBytes: number
  readonly writable: boolean
}

export interface PrometheusMetrics extends ServiceMetrics {
  /** One answered request; `operation` is undefined for what was none. */
  request(operation: string | undefined, status: number, elapsedMs: number): void
  /** The page. */
  print(): Promise<{ readonly contentType: string; readonly text: string }>
}

/** What there is of a stream that events tell of; `undefined`: it is gone. */
export type FindStream = (label: StreamLabel) => { readonly consumers: ReadonlyMap<string, unknown> } | undefined

/** `gauges` is asked each time the page is printed, and `findStream` of each stream that has series. */
export function createPrometheusMetrics(gauges: () => Gauges, findStream: FindStream): PrometheusMetrics {
  const registry = new Registry()
  const registers = [registry]
  const streams = new StreamLabels()
  const labels = (label: StreamLabel): LabelledStream => streams.of(label)
  const labelNames = ['stream', 'account', 'region']

  const counters: PlacedCounter[] = []
  const perStream = (name: string, help: string): PlacedCounter => {
    const counter = new PlacedCounter(new Counter({ name: `kinesis_${name}_total`, help, labelNames, registers }))
    counters.push(counter)
    return counter
  }
  const distributions: Distribution[] = []
  const distribution = (name: string, help: string, buckets: readonly number[]): Distribution => {
    const made = new Distribution({ name: `kinesis_${name}_seconds`, help, buckets, registry })
    distributions.push(made)
    return made
  }
  const latency = (name: string, help: string): Distribution => distribution(`${name}_latency`, help, LATENCY_SECONDS)

  const incomingBytes = perStream('incoming_bytes', 'Data and partition keys stored (IncomingBytes).')
  const incomingRecords = perStream('incoming_records', 'Records stored (IncomingRecords).')
  const writesRefused = perStream(
    'write_provisioned_throughput_exceeded',
    'Records refused because a shard was at its limit (WriteProvisionedThroughputExceeded).',
  )
  const put = {
    PutRecord: {
      bytes: perStream('put_record_bytes', 'Data and partition keys stored by PutRecord (PutRecord.Bytes).'),
      success: perStream('put_record_success', 'PutRecord calls that stored their record (PutRecord.Success).'),
      latency: latency('put_record', 'Time that PutRecord took (PutRecord.Latency).'),
    },
    PutRecords: {
      bytes: perStream('put_records_bytes', 'Data and partition keys stored by PutRecords (PutRecords.Bytes).'),
      success: perStream('put_records_success', 'PutRecords calls that stored a record (PutRecords.Success).'),
      latency: latency('put_records', 'Time that PutRecords took (PutRecords.Latency).'),
    },
  }
  const putRecords = {
    total: perStream('put_records_total_records', 'Records sent with PutRecords (PutRecords.TotalRecords).'),
    stored: perStream('put_records_successful_records', 'Records stored (PutRecords.SuccessfulRecords).'),
    failed: perStream('put_records_failed_records', 'Records failed inside (PutRecords.FailedRecords).'),
    throttled: perStream('put_records_throttled_records', 'Records refused (PutRecords.ThrottledRecords).'),
  }
  const getBytes = perStream('get_records_bytes', 'Data and partition keys read (GetRecords.Bytes).')
  const getRecords = perStream('get_records_records', 'Records read (GetRecords.Records).')
  const getSuccess = perStream('get_records_success', 'GetRecords calls that were served (GetRecords.Success).')
  const getRefused = perStream(
    'read_provisioned_throughput_exceeded',
    'GetRecords calls refused because a shard was at its limit (ReadProvisionedThroughputExceeded).',
  )
  const getLatency = latency('get_records', 'Time that GetRecords took (GetRecords.Latency).')
  const iteratorAge = distribution(
    'get_records_iterator_age',
    'Age of the last record of each GetRecords answer (GetRecords.IteratorAgeMilliseconds).',
    AGE_SECONDS,
  )
  const damage = perStream('damaged_reads', 'Reads that met stored data which cannot be read.')
  const reshards = perStream('reshards', 'Splits and merges completed.')
  const requests = new PlacedCounter(
    new Counter({
      name: 'millrace_http_requests_total',
      help: 'Requests by operation and class of status.',
      labelNames: ['operation', 'status'],
      registers,
    }),
  )
  const seconds = new Distribution({
    name: 'millrace_http_request_seconds',
    help: 'From the complete request to its answer.',
    buckets: LATENCY_SECONDS,
    registry,
  })
  const asked = new RequestLabels()
  const connections = gauge('millrace_http_connections', 'Open connections.')
  const inFlight = gauge('millrace_http_requests_in_flight', 'Requests without an answer yet.')
  const bodyBytes = gauge('millrace_http_body_bytes', 'Request bodies in memory.')
  const answerBytes = gauge('millrace_http_answer_bytes', 'Large answers that wait for their readers.')
  const writable = gauge('millrace_engine_writable', '1 while the engine can store, else 0.')
  const resident = gauge('process_resident_memory_bytes', 'Resident memory.')
  const cpu = new Counter({ name: 'process_cpu_seconds_total', help: 'CPU time, user and system.', registers })

  function gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers })
  }

  const consumers = createConsumerSeries(registry, AGE_SECONDS)
  const shards = createShardSeries(registry)

  function forgetGone(): void {
    const isGone = (label: StreamLabel): boolean => findStream(label) === undefined
    for (const stream of streams.forget(isGone)) {
      for (const counter of counters) counter.forget(stream)
      for (const one of distributions) one.remove(stream.labels)
    }
    shards.forget(isGone)
    consumers.forget((label) => findStream(label)?.consumers.has(label.consumer) !== true)
  }

  return {
    put(label: StreamLabel, event: PutEvent) {
      const on = labels(label)
      const { bytes, success, latency: took } = put[event.operation]
      bytes.add(on, event.bytesStored)
      if (event.stored > 0) success.add(on, 1)
      took.observe(on.labels, event.elapsedMs / 1000)
      incomingBytes.add(on, event.bytesStored)
      incomingRecords.add(on, event.stored)
      if (event.throttled > 0) writesRefused.add(on, event.throttled)
      if (event.operation === 'PutRecords') {
        putRecords.total.add(on, event.records)
        putRecords.stored.add(on, event.stored)
        if (event.failed > 0) putRecords.failed.add(on, event.failed)
        if (event.throttled > 0) putRecords.throttled.add(on, event.throttled)
      }
    },
    get(label: StreamLabel, event: GetEvent) {
      const on = labels(label)
      if (event.throttled) {
        getRefused.add(on, 1)
        return
      }
      getSuccess.add(on, 1)
      getBytes.add(on, event.bytes)
      getRecords.add(on, event.records)
      getLatency.observe(on.labels, event.elapsedMs / 1000)
      iteratorAge.observe(on.labels, event.iteratorAgeMs / 1000)
    },
    subscribe: consumers.subscribe,
    push: consumers.push,
    shard: shards.count,
    damage(label) {
      damage.add(labels(label), 1)
    },
    reshard(label) {
      reshards.add(labels(label), 1)
    },
    request(operation = '(none)', status, elapsedMs) {
      const on = asked.of(operation)
      requests.add(asked.withStatus(on, status), 1)
      seconds.observe(on.labels, elapsedMs / 1000)
    },
    async print() {
      for (const counter of counters) counter.flush()
      requests.flush()
      const now = gauges()
      connections.set(now.connections)
      inFlight.set(now.requests)
      bodyBytes.set(now.bodyBytes)
      answerBytes.set(now.answerBytes)
      writable.set(now.writable ? 1 : 0)
      resident.set(process.memoryUsage.rss())
      const { user, system } = process.cpuUsage()
      cpu.reset()
      cpu.inc((user + system) / 1e6)
      const text = await registry.metrics()
      forgetGone()
      return { contentType: registry.contentType, text }
    },
  }
}

/** What has series: its labels, the same object each time. */
interface Labelled {
  /** Its place in the columns of every counter of such. */
  readonly place: number
  readonly labels: Record<string, string>
}

interface LabelledStream extends Labelled {
  readonly labels: Record<'stream' | 'account' | 'region', string>
}

/** Adds up between two prints: prom-client's own `inc` builds a text of the labels and looks it up each time. */
class PlacedCounter {
  readonly #counter: Counter
  readonly #added: (Labelled | undefined)[] = []
  readonly #pending: number[] = []

  constructor(counter: Counter) {
    this.#counter = counter
  }

  add(on: Labelled, value: number): void {
    const { place } = on
    this.#added[place] = on
    this.#pending[place] = (this.#pending[place] ?? 0) + value
  }

  flush(): void {
    for (const [place, on] of this.#added.entries()) {
      if (on === undefined) continue
      this.#counter.inc(on.labels, this.#pending[place] ?? 0)
      this.#added[place] = undefined
      this.#pending[place] = 0
    }
  }

  forget({ place, labels }: Labelled): void {
    this.#counter.remove(labels)
    this.#added[place] = undefined
    this.#pending[place] = 0
  }
}

interface LabelledOperation {
  readonly labels: Record<'operation', string>
  /** By the first digit of the status. */
  readonly byClass: (Labelled | undefined)[]
}

/** The labels of requests. There are as many as operations. */
class RequestLabels {
  readonly #known = new Map<string, LabelledOperation>()
  #nextPlace = 0

  of(operation: string): LabelledOperation {
    const known = this.#known.get(operation)
    if (known !== undefined) return known
    const made: LabelledOperation = { labels: { operation }, byClass: [] }
    this.#known.set(operation, made)
    return made
  }

  withStatus({ labels, byClass }: LabelledOperation, status: number): Labelled {
    const first = Math.floor(status / 100)
    return (byClass[first] ??= { place: this.#nextPlace++, labels: { ...labels, status: `${first}xx` } })
  }
}

/** The labels of streams, each with a place of its own, and those of `(other)`. */
class StreamLabels {
  readonly #known = new LabelSet<LabelledStream>(METRIC_STREAMS_MAX)
  readonly #other: LabelledStream = { place: 0, labels: { stream: OTHER, account: OTHER, region: OTHER } }
  /** Of streams that are gone. */
  readonly #freePlaces: number[] = []
  #nextPlace = 1

  of({ account, region, stream }: StreamLabel): LabelledStream {
    const make = (): LabelledStream => ({
      place: this.#freePlaces.pop() ?? this.#nextPlace++,
      labels: { stream, account, region },
    })
    return this.#known.of(`${account}/${region}/${stream}`, make) ?? this.#other
  }

  forget(isGone: (label: StreamLabel) => boolean): readonly LabelledStream[] {
    const gone = this.#known.forget(({ labels }) => isGone(labels))
    this.#freePlaces.push(...gone.map(({ place }) => place))
    return gone
  }
}
