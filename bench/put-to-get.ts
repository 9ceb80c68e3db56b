/** From the put of a record to the GetRecords that brings it: one shard, one reader that asks again when it is answered. */
import { Connection, HttpAnswer } from './connection.ts'
import type { Pace } from './open-loop.ts'
import { pacedPuts } from './paced-puts.ts'
import { call, signedRequest } from './requests.ts'

let streams = 0

/** Milliseconds from when each put was due. */
export interface PutToGet {
  /** To its answer. */
  readonly putMs: readonly number[]
  /** To the reader's answer that brings it. */
  readonly getMs: readonly number[]
}

export async function putToGet(port: number, pace: Pace): Promise<PutToGet> {
  const StreamName = `poll-${streams++}`
  await call(port, 'CreateStream', { StreamName, ShardCount: 1 })
  const first = { StreamName, ShardId: '0', ShardIteratorType: 'LATEST' }
  const { ShardIterator } = await call(port, 'GetShardIterator', first)
  const puts = pacedPuts(port, StreamName, pace)
  const latencies: number[] = []
  const answer = new HttpAnswer({ keepsBody: true })
  let connection: Connection | undefined
  const polling = new Promise<void>((resolve, reject) => {
    const poll = (reader: Connection, iterator: unknown): void =>
      reader.ask(signedRequest(port, 'GetRecords', { ShardIterator: iterator }), () => {
        const page = JSON.parse(answer.body().toString()) as Page
        latencies.push(...puts.agesOf(page.Records))
        if (latencies.length >= puts.count) resolve()
        else poll(reader, page.NextShardIterator)
      })
    Connection.open(port, answer, reject).then((opened) => {
      connection = opened
      poll(opened, ShardIterator)
    }, reject)
  })
  const [putMs] = await Promise.all([puts.put(), polling])
  connection?.close()
  await call(port, 'DeleteStream', { StreamName })
  return { putMs, getMs: latencies }
}

interface Page {
  readonly Records: readonly { readonly Data: string }[]
  readonly NextShardIterator: string
}
