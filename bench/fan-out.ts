/**
 * Enhanced fan-out: from the put of a record to the event that carries it, at an even pace, with one consumer and
 * with twenty; and the processor time that the server needs for each. The clients share this process and its clock.
 */
import { type ClientHttp2Session, connect } from 'node:http2'
import { EventMessageDecoder, signRequest } from '@millrace/protocol'
import type { Pace } from './open-loop.ts'
import { pacedPuts } from './paced-puts.ts'
import type { MeasuredProcess } from './processes.ts'
import { ACCESS_KEY, call } from './requests.ts'
import { until } from './until.ts'

export interface FanOutLoad extends Pace {
  readonly consumers: number
  readonly shards: number
  readonly isEncrypted?: boolean
}

export interface FanOutResult {
  /** From when each put was due to each event that carried it. */
  readonly latenciesMs: readonly number[]
  /** Processor seconds of the server per second, all threads. */
  readonly cpu: number
}

export async function fanOut(server: MeasuredProcess, load: FanOutLoad): Promise<FanOutResult> {
  const { consumers, shards, isEncrypted } = load
  const { port } = server
  const stream = `fan-out-${consumers}-${shards}-${Date.now()}`
  await call(port, 'CreateStream', { StreamName: stream, ShardCount: shards })
  if (isEncrypted === true)
    await call(port, 'StartStreamEncryption', {
      StreamName: stream,
      EncryptionType: 'KMS',
      KeyId: 'alias/aws/kinesis',
    })
  const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`
  const puts = pacedPuts(port, stream, load)
  const latencies: number[] = []
  const sessions: ClientHttp2Session[] = []
  for (let i = 0; i < consumers; i++) {
    const { Consumer } = await call(port, 'RegisterStreamConsumer', { StreamARN, ConsumerName: `c${i}` })
    const { ConsumerARN } = Consumer as { ConsumerARN: string }
    const session = connect(`http://127.0.0.1:${port}`)
    sessions.push(session)
    const onRecords = (records: readonly PushedRecord[]): void => void latencies.push(...puts.agesOf(records))
    for (let shard = 0; shard < shards; shard++) await subscribe(session, port, ConsumerARN, shard, onRecords)
  }
  const [cpuBefore, startedAt] = [server.cpuSeconds(), performance.now()]
  await puts.put()
  const expected = puts.count * consumers
  await until(
    () => latencies.length >= expected,
    () => `${expected} records should have come, ${latencies.length} did`,
  )
  const cpu = (server.cpuSeconds() - cpuBefore) / ((performance.now() - startedAt) / 1000)
  for (const session of sessions) session.destroy()
  await call(port, 'DeleteStream', { StreamName: stream, EnforceConsumerDeletion: true })
  return { latenciesMs: latencies, cpu }
}

interface PushedRecord {
  readonly Data: string
}

/** Resolves when the first event came. */
export function subscribe(
  session: ClientHttp2Session,
  port: number,
  ConsumerARN: string,
  shard: number,
  onRecords: (records: readonly PushedRecord[]) => void,
): Promise<void> {
  const body = Buffer.from(
    JSON.stringify({
      ConsumerARN,
      ShardId: `shardId-${String(shard).padStart(12, '0')}`,
      StartingPosition: { Type: 'LATEST' },
    }),
  )
  const headers = {
    host: `127.0.0.1:${port}`,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'Kinesis_20131202.SubscribeToShard',
  }
  const signed = signRequest(
    { method: 'POST', url: '/', headers, body },
    { ...ACCESS_KEY, region: 'us-east-1', nowMs: Date.now() },
  )
  const request = session.request({ ':method': 'POST', ':path': '/', ...headers, ...signed })
  const decoder = new EventMessageDecoder()
  return new Promise((resolve, reject) => {
    request.on('error', reject)
    request.on('response', ({ ':status': status }) => {
      if (status !== 200) reject(new Error(`SubscribeToShard: ${status}`))
    })
    request.on('data', (chunk: Buffer) => {
      for (const { headers: message, payload } of decoder.push(chunk)) {
        if (message.get(':event-type') !== 'SubscribeToShardEvent') continue
        resolve()
        const { Records } = JSON.parse(Buffer.from(payload).toString()) as { Records: readonly PushedRecord[] }
        onRecords(Records)
      }
    })
    request.end(body)
  })
}
