/**
 * This checkout against another one that is built: the same puts, in turn in one run, beside bare `node:http`. What
 * counts is the processor time of a unit, and its ratio: other work on the machine slows all sides alike.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batchedPuts, createBenchStream, type RequestsFor, singlePuts } from './loads.ts'
import { inTurn, type SideResult } from './pairs.ts'
import { MeasuredProcess } from './processes.ts'
import { signedIn } from './requests.ts'
import { median, ratios } from './statistics.ts'

/** Many short rounds: whatever else the machine does then falls on all sides alike. */
const ROUNDS = 20
const WARM_UP_ROUNDS = 8
const ROUND_MS = 10_000

interface Load {
  readonly work: string
  readonly requests: RequestsFor
  readonly connections: number
  readonly unitsPerRequest: number
  /** Of one round. */
  readonly requestsMax: number
  readonly ceiling: 'bare' | 'parse'
}

const loads: readonly Load[] = [
  {
    work: 'PutRecord, 100 B',
    requests: singlePuts,
    connections: 64,
    unitsPerRequest: 1,
    requestsMax: 1_000,
    ceiling: 'bare',
  },
  {
    work: 'PutRecords, 1 KiB',
    requests: batchedPuts(1024),
    connections: 8,
    unitsPerRequest: 500,
    requestsMax: 30,
    ceiling: 'parse',
  },
  {
    work: 'PutRecords, 100 B',
    requests: batchedPuts(100),
    connections: 8,
    unitsPerRequest: 500,
    requestsMax: 60,
    ceiling: 'parse',
  },
]

/** Prints a table; `other` is the directory of the other checkout, `only` a part of a row's name. */
export async function compare(other: string, only = ''): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-against-'))
  const options = signedIn(folder)
  const started: MeasuredProcess[] = []
  const start = async (process: Promise<MeasuredProcess>): Promise<MeasuredProcess> => {
    started.push(await process)
    return await process
  }
  try {
    const theirs = await start(MeasuredProcess.millrace(join(folder, 'theirs'), options, { checkout: other }))
    const ours = await start(MeasuredProcess.millrace(join(folder, 'ours'), options))
    for (const { port } of [theirs, ours]) await createBenchStream(port)
    console.log(
      '| Work | µs CPU a unit: ceiling | theirs | ours | ours / theirs | ours / ceiling | rate, ours / ceiling |',
    )
    console.log('|---|---|---|---|---|---|---|')
    for (const { work, requests, connections, unitsPerRequest, requestsMax, ceiling } of loads) {
      if (!work.includes(only)) continue
      const bare = await start(MeasuredProcess.ceiling(ceiling))
      const sides = [bare, theirs, ours].map((process) => ({
        process,
        request: requests(process.port),
        unitsPerRequest,
      }))
      const results = await inTurn(sides, {
        rounds: ROUNDS,
        warmUpRounds: WARM_UP_ROUNDS,
        durationMs: ROUND_MS,
        connections,
        requestsMax,
      })
      await bare.stop()
      const [ceilingResult, theirResult, ourResult] = results as [SideResult, SideResult, SideResult]
      const cells = [
        work,
        ...results.map(({ cpuSecondsPerUnit }) => (median(cpuSecondsPerUnit) * 1e6).toFixed(2)),
        ratioOf(ourResult.cpuSecondsPerUnit, theirResult.cpuSecondsPerUnit),
        ratioOf(ourResult.cpuSecondsPerUnit, ceilingResult.cpuSecondsPerUnit),
        ratioOf(ourResult.unitsPerSecond, ceilingResult.unitsPerSecond),
      ]
      console.log(`| ${cells.join(' | ')} |`)
    }
  } finally {
    await Promise.all(started.map((process) => process.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Round by round: the median, and in brackets the middle half. */
function ratioOf(a: readonly number[], b: readonly number[]): string {
  const sorted = ratios(a, b).toSorted((x, y) => x - y)
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2)
  return `${at(0.5)} (${at(0.25)}–${at(0.75)})`
}
