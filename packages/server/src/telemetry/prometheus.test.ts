import { describe, expect, it } from 'vitest'

import { createPrometheusMetrics, METRIC_STREAMS_MAX, type PrometheusMetrics } from './prometheus.ts'
import type { StreamLabel } from './service-metrics.ts'

const IDLE = { connections: 0, requests: 0, bodyBytes: 0, answerBytes: 0, writable: true }
const PUT = {
  operation: 'PutRecords',
  records: 2,
  stored: 1,
  throttled: 1,
  failed: 0,
  bytesStored: 5,
  elapsedMs: 1,
} as const
const GET = { shardId: '0', records: 1, bytes: 5, iteratorAgeMs: 0, throttled: false, elapsedMs: 1 } as const

const labelOf = (stream: string): StreamLabel => ({ account: '123456789012', region: 'us-east-1', stream })

/** Metrics of streams that come and go: what each has of consumers. */
function withStreams(...names: string[]): {
  readonly metrics: PrometheusMetrics
  readonly streams: Map<string, { readonly consumers: Map<string, unknown> }>
  lines(part: string): Promise<string[]>
} {
  const streams = new Map(names.map((name) => [name, { consumers: new Map<string, unknown>() }]))
  const metrics = createPrometheusMetrics(
    () => IDLE,
    ({ stream }) => streams.get(stream),
  )
  const lines = async (part: string): Promise<string[]> =>
    (await metrics.print()).text.split('\n').filter((line) => line.includes(part))
  return { metrics, streams, lines }
}

function countEverything(metrics: PrometheusMetrics, stream: string): void {
  const label = labelOf(stream)
  metrics.put(label, PUT)
  metrics.put(label, { ...PUT, operation: 'PutRecord' })
  metrics.get(label, GET)
  metrics.get(label, { ...GET, throttled: true })
  metrics.damage(label, '0')
  metrics.reshard(label, 1)
  metrics.shard(label, '0', { IncomingBytes: 5, IteratorAgeMilliseconds: 0 })
  metrics.subscribe({ ...label, consumer: 'c' }, true)
  metrics.subscribe({ ...label, consumer: 'c' }, false)
  metrics.push({ ...label, consumer: 'c' }, { records: 1, bytes: 5, behindMs: 0 })
}

describe('the series of a stream', () => {
  it('are printed once more when it is gone, and then no longer', async () => {
    const { metrics, streams, lines } = withStreams('s', 't')
    for (const stream of streams.keys()) countEverything(metrics, stream)
    streams.get('t')?.consumers.set('c', {})
    streams.delete('s')
    const once = await lines('stream="s"')
    expect(once).toContain('kinesis_put_records_bytes_total{stream="s",account="123456789012",region="us-east-1"} 5')
    const kept = await lines('stream="t"')
    expect(kept).toHaveLength(once.length)
    expect(await lines('stream="s"')).toEqual([])
    expect(await lines('stream="t"')).toEqual(kept)
  })

  it('begin at nothing for another one of its name', async () => {
    const { metrics, streams, lines } = withStreams('s')
    metrics.put(labelOf('s'), PUT)
    streams.delete('s')
    await metrics.print()
    streams.set('s', { consumers: new Map() })
    metrics.put(labelOf('s'), PUT)
    expect(await lines('kinesis_incoming_records_total{stream="s"')).toEqual([expect.stringMatching(/ 1$/)])
  })

  it('have room again when others are gone, and count what is theirs only', async () => {
    const { metrics, streams, lines } = withStreams('a', 'b')
    for (let i = 0; i < METRIC_STREAMS_MAX; i++) metrics.reshard(labelOf(`gone${i}`), 1)
    metrics.reshard(labelOf('a'), 1)
    expect(await lines('stream="a"')).toEqual([])
    expect(await lines('reshards_total{')).toEqual([expect.stringMatching(/stream="\(other\)".* 1$/)])
    for (const stream of streams.keys()) for (let i = 0; i < 2; i++) metrics.reshard(labelOf(stream), 1)
    expect((await lines('reshards_total{')).sort()).toEqual([
      expect.stringMatching(/stream="\(other\)".* 1$/),
      expect.stringMatching(/stream="a".* 2$/),
      expect.stringMatching(/stream="b".* 2$/),
    ])
  })
})

it('the series of a consumer end with it', async () => {
  const { metrics, streams, lines } = withStreams('s')
  const stream = streams.get('s')
  for (const consumer of ['c', 'd']) {
    stream?.consumers.set(consumer, {})
    metrics.subscribe({ ...labelOf('s'), consumer }, true)
  }
  stream?.consumers.delete('c')
  expect(await lines('consumer="c"')).toHaveLength(1)
  expect(await lines('consumer="c"')).toEqual([])
  expect(await lines('consumer="d"')).toHaveLength(1)
})
