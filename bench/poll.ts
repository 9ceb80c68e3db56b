/** From the put of a record to the GetRecords that brings it: one shard, one reader that asks again when it is answered. */
import { agesOf, type Latency, latencyOf, type Pace, putAtPace } from './paced-puts.ts'
import type { MeasuredProcess } from './processes.ts'
import { call } from './requests.ts'

export async function putToGet({ port }: MeasuredProcess, pace: Pace): Promise<Latency> {
  const StreamName = `poll-${Date.now()}`
  await call(port, 'CreateStream', { StreamName, ShardCount: 1 })
  const first = { StreamName, ShardId: '0', ShardIteratorType: 'LATEST' }
  let { ShardIterator } = await call(port, 'GetShardIterator', first)
  const latencies: number[] = []
  let expected = Infinity
  const polling = (async () => {
    while (latencies.length < expected) {
      const page = await call(port, 'GetRecords', { ShardIterator })
      latencies.push(...agesOf(page['Records'] as readonly { Data: string }[]))
      ShardIterator = page['NextShardIterator']
    }
  })()
  expected = await putAtPace(port, StreamName, pace)
  await polling
  await call(port, 'DeleteStream', { StreamName })
  return latencyOf(latencies)
}
