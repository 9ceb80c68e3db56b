/**
 * Enhanced fan-out: from the put of a record to the event that carries it, at an even pace, with one consumer and
 * with twenty; and the processor time that the server needs for each. The clients share this process and its clock.
 */
import { type ClientHttp2Session, connect } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { EventMessageDecoder, signRequest } from '@millrace/protocol'
import type { MeasuredProcess } from './processes.ts'
import { ACCESS_KEY, call } from './requests.ts'

export interface FanOutResult {
  readonly consumers: number
  readonly shards: number
  readonly putsPerSecond: number
  readonly events: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor seconds of the server per second, all threads. */
  readonly cpu: number
}

export interface FanOutLoad {
  readonly consumers: number
  readonly shards: number
  readonly putsPerSecond: number
  readonly durationMs: number
}

export async function fanOut(server: MeasuredProcess, load: FanOutLoad): Promise<FanOutResult> {
  const { consumers, shards, putsPerSecond, durationMs } = load
  const stream = `fan-out-${consumers}-${shards}-${Date.now()}`
  await call(server.port, 'CreateStream', { StreamName: stream, ShardCount: shards })
  const StreamARN = `arn:aws:kinesis:us-east-1:000000000000:stream/${stream}`
  const latencies: number[] = []
  let expected = 0
  const sessions: ClientHttp2Session[] = []
  for (let i = 0; i < consumers; i++) {
    const { Consumer } = await call(server.port, 'RegisterStreamConsumer', { StreamARN, ConsumerName: `c${i}` })
    const session = connect(`http://127.0.0.1:${server.port}`)
    sessions.push(session)
    for (let shard = 0; shard < shards; shard++) {
      const { ConsumerARN } = Consumer as { ConsumerARN: string }
      await subscribe(session, server.port, ConsumerARN, shard, (sentAt) => latencies.push(performance.now() - sentAt))
    }
  }
  const cpuBefore = server.cpuSeconds()
  const startedAt = performance.now()
  const puts: Promise<unknown>[] = []
  for (let sent = 0; performance.now() - startedAt < durationMs; sent++) {
    const dueAt = startedAt + (sent * 1000) / putsPerSecond
    const waitMs = dueAt - performance.now()
    if (waitMs > 1) await sleep(waitMs)
    const Data = Buffer.from(`${performance.now()} ${'x'.repeat(80)}`).toString('base64')
    puts.push(call(server.port, 'PutRecord', { StreamName: stream, PartitionKey: `k${sent}`, Data }))
    expected += consumers
  }
  await Promise.all(puts)
  const seconds = (performance.now() - startedAt) / 1000
  for (let i = 0; i < 100 && latencies.length < expected; i++) await sleep(20)
  const cpu = (server.cpuSeconds() - cpuBefore) / seconds
  for (const session of sessions) session.destroy()
  if (latencies.length !== expected) throw new Error(`${expected} records should have come, ${latencies.length} did`)
  latencies.sort((a, b) => a - b)
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN
  return { consumers, shards, putsPerSecond, events: latencies.length, p50Ms: at(0.5), p99Ms: at(0.99), cpu }
}

/** Resolves when the first event came. `onRecord`: when the record was sent, as its data says. */
function subscribe(
  session: ClientHttp2Session,
  port: number,
  ConsumerARN: string,
  shard: number,
  onRecord: (sentAt: number) => void,
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
        const { Records } = JSON.parse(Buffer.from(payload).toString()) as { Records: readonly { Data: string }[] }
        for (const { Data } of Records) onRecord(Number(Buffer.from(Data, 'base64').toString().split(' ')[0]))
      }
    })
    request.end(body)
  })
}
