/**
 * GetRecords beside a server that sends as many prepared bytes. A range's first reader has it encoded, and the second; the next ones within a minute are sent
 * what was encoded. So first readers walk over more than the server remembers (64 MiB), round and round, and next ones read a few ranges that were just written.
 */
import { createMany, text } from '../loads.ts'
import { atLeast, type Bench, type Part, type PartReport } from '../part.ts'
import { MeasuredProcess } from '../processes.ts'
import { call, signedRequest } from '../requests.ts'
import { joined, versus } from '../versus.ts'

const SIZES = [
  [500, 100],
  [10_000, 100],
  [100, 1024],
  [1_000, 1024],
] as const
const BATCH = 500
/** Of answers: an eighth more than is remembered. */
const FIRST_READ_BYTES = 72 * 1024 * 1024
const NEXT_RANGES = 4
const CONNECTIONS = 4

export const getPart: Part = { name: 'get', heading: '## GetRecords', run: get }

async function get(bench: Bench): Promise<PartReport> {
  const reports: PartReport[] = []
  const server = await bench.millrace('data')
  const { port } = server
  for (const [records, bytes] of SIZES) {
    const stream = `${records}-${bytes}`
    const batch = Math.min(BATCH, records)
    const answerBytes = (await written(port, `size-${stream}`, batch, records, bytes)).answerBytes
    const ranges = Math.ceil(FIRST_READ_BYTES / answerBytes)
    const work = `GetRecords, ${records} × ${bytes} B (${(answerBytes / 1024).toFixed(0)} KiB answers), ${CONNECTIONS} connections`
    bench.tell(`${work}: writing ${ranges} ranges`)
    const first = await written(port, `first-${stream}`, batch, records * ranges, bytes, records)
    const next = await written(port, `next-${stream}`, batch, records * NEXT_RANGES, bytes, records)
    const send = await bench.started(MeasuredProcess.ceiling('send', answerBytes))
    const side = (name: string, process: MeasuredProcess, requests: readonly Uint8Array[], isOurs = false) => {
      let at = 0
      const request = (): Uint8Array => requests[at++ % requests.length] ?? new Uint8Array()
      return { name, process, request, unitsPerRequest: records, isOurs }
    }
    bench.tell(work)
    const ceiling = 'node:http sending as much'
    const settings = { unit: 'records', cpuUnits: 1e6, cpuPer: '1M records', connections: CONNECTIONS }
    const rounds = { rounds: bench.pick(4, 1), durationMs: bench.pick(800, 200) }
    for (const [who, { requests }, target] of [
      ['first', first, atLeast(0.3, 0.5)],
      ['next', next, atLeast(0.7, 0.9)],
    ] as const) {
      const sides = [side(ceiling, send, requests), side(`Millrace, ${who} reader`, server, requests, true)]
      const name = `get-${stream}-${who}`
      const rateTargets = { [ceiling]: target }
      reports.push(await versus(sides, { ...settings, ...rounds, work: `${work}, ${who} reader`, name, rateTargets }))
    }
    await send.stop()
  }
  return joined(reports)
}

interface Written {
  /** One for each range. */
  readonly requests: readonly Uint8Array[]
  /** Of the first range. */
  readonly answerBytes: number
}

/** A stream of one shard with `count` records, in ranges of `perRange`. */
async function written(
  port: number,
  StreamName: string,
  batch: number,
  count: number,
  bytes: number,
  perRange = count,
): Promise<Written> {
  await call(port, 'CreateStream', { StreamName, ShardCount: 1 })
  const starts: string[] = []
  const record = (i: number) => ({ PartitionKey: `key-${i}`, Data: text(bytes, i) })
  const Records = Array.from({ length: batch }, (_, i) => record(i))
  for (let at = 0; at < count; at += batch) {
    const { Records: results } = await call(port, 'PutRecords', { StreamName, Records })
    const [first] = results as readonly { readonly SequenceNumber: string }[]
    if (at % perRange === 0 && first !== undefined) starts.push(first.SequenceNumber)
  }
  const requests: Uint8Array[] = []
  await createMany(starts.length, async (i) => {
    const from = { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: starts[i] }
    const { ShardIterator } = await call(port, 'GetShardIterator', { StreamName, ShardId: '0', ...from })
    requests[i] = signedRequest(port, 'GetRecords', { ShardIterator, Limit: perRange })
  })
  const iterator = { StreamName, ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' }
  const { ShardIterator } = await call(port, 'GetShardIterator', iterator)
  const answer = await call(port, 'GetRecords', { ShardIterator, Limit: perRange })
  return { requests, answerBytes: Buffer.byteLength(JSON.stringify(answer)) }
}
