/** The sink for CloudWatch, as the guide shows it. */
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import type { MetricsSink } from './metrics-sink.ts'
import { everyMetric } from './metric-catalog.ts'

interface Example {
  readonly sink: MetricsSink
  readonly send: () => Promise<void>
}

interface Call {
  readonly Namespace: string
  readonly MetricData: readonly unknown[]
}

/** The block of the guide that imports the client of CloudWatch; `calls`: what is sent. */
function example(calls: Call[]): Example {
  const guide = readFileSync(new URL('../../../../docs/guide/consumer-metrics.md', import.meta.url), 'utf8')
  const [, code = ''] = /```ts\nimport [^\n]*client-cloudwatch'\n(.*?)```/s.exec(guide) ?? []
  class CloudWatchClient {
    async send({ input }: { readonly input: Call }): Promise<void> {
      calls.push(structuredClone(input))
    }
  }
  class PutMetricDataCommand {
    readonly input: Call
    constructor(input: Call) {
      this.input = input
    }
  }
  const setInterval = () => ({ unref() {} })
  return runInNewContext(`${code}\n;({ sink, send })`, { CloudWatchClient, PutMetricDataCommand, setInterval, console }) as Example // prettier-ignore
}

it('sums the values of a minute up, and sends them in calls that CloudWatch takes', async () => {
  const calls: Call[] = []
  const { sink, send } = example(calls)
  const [metric] = everyMetric
  if (metric === undefined) throw new Error('there are metrics')
  for (const value of [3, 1, 2]) sink.record(metric, value, { Application: 'billing', Operation: 'ProcessTask' })
  for (let i = 0; i < 1_500; i++)
    sink.record(metric, 1, { Application: 'billing', Operation: 'ProcessTask', ShardId: `shardId-${i}` })
  await send()
  expect(calls.map(({ MetricData }) => MetricData.length)).toEqual([1_000, 501])
  expect(calls[0]?.MetricData[0]).toEqual({
    MetricName: metric.name,
    Unit: metric.unit,
    Dimensions: [{ Name: 'Application', Value: 'billing' }, { Name: 'Operation', Value: 'ProcessTask' }],
    StatisticValues: { SampleCount: 3, Sum: 6, Minimum: 1, Maximum: 3 },
  }) // prettier-ignore
  await send()
  expect(calls).toHaveLength(2)
})
