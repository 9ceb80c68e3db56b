/** The rows of consumers: the library's worker beside a bare loop of GetRecords, and beside a library that others use. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDynalite } from '../packages/consumer/src/testing/dynalite.ts'
import { text } from './loads.ts'
import { median } from './pairs.ts'
import { benchRoot, type MeasuredProcess } from './processes.ts'
import { ACCESS_KEY, call } from './requests.ts'
import type { Settings } from './rows.ts'

const LIFION = 'lifion-kinesis@1.3.3'
const SHARDS = 4
const RECORDS = 200_000
const BATCH = 500

export interface ConsumerRow {
  readonly work: string
  readonly recordsPerSecond: number
  /** To the bare loop, round by round. */
  readonly ratio: { readonly median: number; readonly min: number; readonly max: number }
  /** Processor seconds of the reading process for a million records. */
  readonly cpuSeconds: number
  readonly toReach: string
}

interface Reading {
  readonly records: number
  readonly seconds: number
  readonly cpuSeconds: number
}

const readers = [
  { way: 'loop', work: 'a bare loop of GetRecords for each shard', toReach: '' },
  { way: 'worker', work: '`worker.batches()`, polling, leases and checkpoints in the service', toReach: '≥ 0.9 ×' },
  { way: 'lifion', work: `\`${LIFION}\`, polling, checkpoints in DynamoDB`, toReach: '' },
] as const

/** Every reader once per round, each in a process of its own, after one round that is not counted. */
export async function consumerRows(server: MeasuredProcess, { rounds }: Settings): Promise<ConsumerRow[]> {
  const rivals = installRivals()
  const stream = 'consumers'
  await call(server.port, 'CreateStream', { StreamName: stream, ShardCount: SHARDS })
  for (let from = 0; from < RECORDS; from += BATCH) {
    const Records = Array.from({ length: BATCH }, (_, i) => ({
      PartitionKey: `key-${from + i}`,
      Data: text(250, from + i),
    }))
    await call(server.port, 'PutRecords', { StreamName: stream, Records })
  }
  const tables = await startDynalite()
  const settings = {
    endpoint: `http://127.0.0.1:${server.port}`,
    stream,
    count: RECORDS,
    credentials: ACCESS_KEY,
    rivals,
    tables: tables.endpoint,
  }
  const results: Reading[][] = readers.map(() => [])
  for (let round = 0; round <= rounds; round++)
    for (const [i, { way }] of readers.entries()) {
      const reading = await read(way, JSON.stringify(settings))
      if (round > 0) results[i]?.push(reading)
    }
  await tables.stop()
  const rates = results.map((readings) => readings.map(({ records, seconds }) => records / seconds))
  return readers.map(({ work, toReach }, i) => {
    const ratios = (rates[i] ?? []).map((rate, round) => rate / (rates[0]?.[round] ?? NaN))
    return {
      work,
      recordsPerSecond: median(rates[i] ?? []),
      ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
      cpuSeconds: median((results[i] ?? []).map(({ records, cpuSeconds }) => (cpuSeconds / records) * 1e6)),
      toReach,
    }
  })
}

async function read(way: string, settings: string): Promise<Reading> {
  const child = spawn(process.execPath, [join(benchRoot, 'bench', 'reader.mjs'), way, settings], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE: '1' },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'exit')) as [number | null]
  const line = output.split('\n').find((some) => some.startsWith('{"records"'))
  if (code !== 0 || line === undefined) throw new Error(`the reader ${way} ended with ${code}: ${output}`)
  return JSON.parse(line) as Reading
}

/** In a folder of its own, not among our dependencies. The path of a file beside them. */
function installRivals(): string {
  const folder = join(benchRoot, '.cache', 'rivals')
  const manifest = join(folder, 'package.json')
  if (existsSync(join(folder, 'node_modules', 'lifion-kinesis'))) return manifest
  mkdirSync(folder, { recursive: true })
  writeFileSync(manifest, '{ "private": true }\n')
  const options = ['--no-fund', '--no-audit', '--ignore-scripts', '--loglevel=error']
  const { status, stderr } = spawnSync('npm', ['install', '--prefix', folder, ...options, LIFION], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm install ${LIFION}: ${stderr}`)
  return manifest
}
