/** The rows of the benchmark: what is sent, against which ceiling, and what DESIGN asks for. */
import { MeasuredProcess } from './processes.ts'
import { inTurn, median, ratio, type SideResult } from './pairs.ts'
import { batchedPuts, createBenchStream, singlePuts, text } from './loads.ts'
import { call, signedRequest } from './requests.ts'

export interface Row {
  readonly work: string
  readonly ceiling: string
  readonly unit: string
  readonly oursPerSecond: number
  readonly ceilingPerSecond: number
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number }
  /** Processor seconds of our server (all threads) for `cpuPer` units. */
  readonly cpuSeconds: number
  readonly cpuPer: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly toReach: string
}

export interface Settings {
  readonly rounds: number
  readonly durationMs: number
}

function row(
  work: string,
  [ceiling, ceilingResult]: readonly [string, SideResult],
  ours: SideResult,
  unit: string,
  [cpuUnits, cpuPer]: readonly [number, string],
  toReach: string,
): Row {
  return {
    work,
    ceiling,
    unit,
    oursPerSecond: median(ours.unitsPerSecond),
    ceilingPerSecond: median(ceilingResult.unitsPerSecond),
    ratio: ratio(ours, ceilingResult),
    cpuSeconds: median(ours.cpuSecondsPerUnit) * cpuUnits,
    cpuPer,
    p50Ms: median(ours.latency.map((latency) => latency.p50)),
    p99Ms: median(ours.latency.map((latency) => latency.p99)),
    toReach,
  }
}

export async function putRows(millrace: MeasuredProcess, settings: Settings): Promise<Row[]> {
  const rows: Row[] = []
  await createBenchStream(millrace.port)

  {
    const bare = await MeasuredProcess.ceiling('bare')
    const [ceiling, ours] = await inTurn(
      [
        { process: bare, request: singlePuts(bare.port), unitsPerRequest: 1 },
        { process: millrace, request: singlePuts(millrace.port), unitsPerRequest: 1 },
      ],
      { ...settings, connections: 64 },
    )
    await bare.stop()
    if (ceiling !== undefined && ours !== undefined)
      rows.push(
        row(
          'PutRecord, 100 B, 64 connections',
          ['node:http', ceiling],
          ours,
          'puts',
          [1e5, '100k puts'],
          '0.6 ×; ≤ 3.5 s',
        ),
      )
  }
  for (const [bytes, toReach] of [
    [1024, '0.5 × parse; ≤ 5 s'],
    [100, '≤ 2.5 s'],
  ] as const) {
    const [bare, parse] = [await MeasuredProcess.ceiling('bare'), await MeasuredProcess.ceiling('parse')]
    const requests = batchedPuts(bytes)
    const [bareResult, parseResult, ours] = await inTurn(
      [
        { process: bare, request: requests(bare.port), unitsPerRequest: 500 },
        { process: parse, request: requests(parse.port), unitsPerRequest: 500 },
        { process: millrace, request: requests(millrace.port), unitsPerRequest: 500 },
      ],
      { ...settings, connections: 8 },
    )
    await Promise.all([bare.stop(), parse.stop()])
    const work = `PutRecords, 500 × ${bytes} B, 8 connections`
    for (const [name, result] of [
      ['node:http', bareResult],
      ['node:http + JSON.parse', parseResult],
    ] as const)
      if (result !== undefined && ours !== undefined)
        rows.push(row(work, [name, result], ours, 'records', [1e6, '1M records'], toReach))
  }
  return rows
}

export async function getRows(millrace: MeasuredProcess, settings: Settings): Promise<Row[]> {
  const rows: Row[] = []
  for (const [records, bytes] of [
    [500, 100],
    [10_000, 100],
    [100, 1024],
    [1_000, 1024],
  ] as const) {
    const stream = `read-${records}-${bytes}`
    await call(millrace.port, 'CreateStream', { StreamName: stream, ShardCount: 1 })
    const ranges = 4
    for (let written = 0; written < records * ranges; written += 500)
      await call(millrace.port, 'PutRecords', {
        StreamName: stream,
        Records: Array.from({ length: Math.min(500, records * ranges - written) }, (_, i) => ({
          PartitionKey: `key-${written + i}`,
          Data: text(bytes, written + i),
        })),
      })
    const { ShardIterator } = await call(millrace.port, 'GetShardIterator', {
      StreamName: stream,
      ShardId: '0',
      ShardIteratorType: 'TRIM_HORIZON',
    })
    const read = { ShardIterator, Limit: records }
    const answer = await call(millrace.port, 'GetRecords', read)
    const answerBytes = Buffer.byteLength(JSON.stringify(answer))
    const send = await MeasuredProcess.ceiling('send', answerBytes)
    const request = (port: number): (() => Uint8Array) => {
      const bytesOut = signedRequest(port, 'GetRecords', read)
      return () => bytesOut
    }
    const [ceiling, ours] = await inTurn(
      [
        { process: send, request: request(send.port), unitsPerRequest: records },
        { process: millrace, request: request(millrace.port), unitsPerRequest: records },
      ],
      { ...settings, connections: 4 },
    )
    await send.stop()
    if (ceiling !== undefined && ours !== undefined)
      rows.push(
        row(
          `GetRecords, ${records} × ${bytes} B (${(answerBytes / 1024).toFixed(0)} KiB answers), 4 connections`,
          ['node:http sending as much', ceiling],
          ours,
          'records',
          [1e6, '1M records'],
          '0.3 × first reader, 0.7 × next',
        ),
      )
  }
  return rows
}
