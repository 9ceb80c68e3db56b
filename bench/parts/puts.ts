/** Puts beside what `node:http` can do with the same bytes, the doubles that npm installs, and Redis Streams. */
import { join } from 'node:path'
import { batchedPuts, createBenchStream, type RequestsFor, singlePuts } from '../loads.ts'
import { atLeast, atMost, type Bench, type Part, type PartReport } from '../part.ts'
import { MeasuredProcess } from '../processes.ts'
import { hasRedis, redisSide, startRedis } from '../redis.ts'
import { type NamedSide, versus, type Versus } from '../versus.ts'

interface PutLoad extends Pick<Versus, 'work' | 'name' | 'unit' | 'cpuUnits' | 'cpuPer' | 'cpuTarget' | 'rateTargets'> {
  readonly heading: string
  readonly requests: RequestsFor
  readonly connections: number
  readonly recordsPerRequest: number
  readonly recordBytes: number
  readonly ceilings: readonly ('bare' | 'parse')[]
}

/** Records that rivals are given at once: they are busy with fewer, and a round must not end long after its time. */
const RIVAL_RECORDS_MAX = 1_000

export const CEILING_NAMES = { bare: 'node:http', parse: 'node:http + JSON.parse' } as const

export const putLoads: readonly PutLoad[] = [
  {
    name: 'put',
    heading: '## PutRecord',
    work: 'PutRecord, 100 B, 64 connections',
    requests: singlePuts,
    connections: 64,
    recordsPerRequest: 1,
    recordBytes: 100,
    ceilings: ['bare'],
    unit: 'puts',
    cpuUnits: 1e5,
    cpuPer: '100k puts',
    cpuTarget: atMost(3.5),
    rateTargets: { 'node:http': atLeast(0.6, 0.8) },
  },
  {
    name: 'puts-1k',
    heading: '## PutRecords, 500 × 1 KiB',
    work: 'PutRecords, 500 × 1 KiB, 8 connections',
    requests: batchedPuts(1024),
    connections: 8,
    recordsPerRequest: 500,
    recordBytes: 1024,
    ceilings: ['bare', 'parse'],
    unit: 'records',
    cpuUnits: 1e6,
    cpuPer: '1M records',
    cpuTarget: atMost(5, 4),
    rateTargets: { 'node:http + JSON.parse': atLeast(0.5, 0.7), 'kinesalite 3.3.3': atLeast(10) },
  },
  {
    name: 'puts-100',
    heading: '## PutRecords, 500 × 100 B',
    work: 'PutRecords, 500 × 100 B, 8 connections',
    requests: batchedPuts(100),
    connections: 8,
    recordsPerRequest: 500,
    recordBytes: 100,
    ceilings: ['bare', 'parse'],
    unit: 'records',
    cpuUnits: 1e6,
    cpuPer: '1M records',
    cpuTarget: atMost(2.5, 1.3),
    rateTargets: { Redis: atLeast(1, 2), 'kinesalite 3.3.3': atLeast(25) },
  },
]

export const putParts: readonly Part[] = putLoads.map((load) => ({
  name: load.name,
  heading: load.heading,
  run: (bench) => putPart(bench, load),
}))

async function putPart(bench: Bench, load: PutLoad): Promise<PartReport> {
  const { requests, connections, recordsPerRequest, recordBytes, ceilings } = load
  const sides: NamedSide[] = []
  const add = (name: string, process: MeasuredProcess, more: Pick<NamedSide, 'isOurs' | 'connections'> = {}): void => {
    const request = requests(process.port)
    sides.push({ name, process, request, unitsPerRequest: recordsPerRequest, ...more })
  }
  for (const mode of ceilings) add(CEILING_NAMES[mode], await bench.started(MeasuredProcess.ceiling(mode)))
  const ours = await bench.millrace('data')
  await createBenchStream(ours.port)
  add('Millrace', ours, { isOurs: true })
  for (const rival of bench.rivals) {
    const process = await bench.started(rival.start())
    await createBenchStream(process.port)
    add(rival.name, process, { connections: Math.min(connections, RIVAL_RECORDS_MAX / recordsPerRequest) })
  }
  const notes: string[] = []
  if (hasRedis()) {
    const redis = await bench.started(startRedis(join(bench.folder, 'redis')))
    sides.push({ name: 'Redis', ...redisSide(redis, recordsPerRequest, recordBytes) })
  } else notes.push('Redis Streams: no `redis-server` is installed, the row is left out.')
  bench.tell(`${load.work}: ${sides.map(({ name }) => name).join(', ')}`)
  const settings = { rounds: bench.pick(5, 1), durationMs: bench.pick(1_500, 300), connections }
  return { ...(await versus(sides, { ...load, ...settings })), notes }
}
