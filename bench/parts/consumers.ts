/** The rows of consumers: the library's worker beside a bare loop of GetRecords, and beside a library that others use. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { startDynalite } from '../../packages/consumer/src/testing/dynalite.ts'
import { text } from '../loads.ts'
import { spreadText } from '../page.ts'
import { atLeast, type Bench, type Finding, type Part, type PartReport } from '../part.ts'
import { benchRoot } from '../processes.ts'
import { ACCESS_KEY, call } from '../requests.ts'
import { install } from '../rivals.ts'
import { ratios, spreadOf } from '../statistics.ts'

const LIFION = 'lifion-kinesis@1.3.3'
const SHARDS = 4
const BATCH = 500

interface Reading {
  readonly records: number
  readonly seconds: number
  readonly cpuSeconds: number
}

const readers = [
  { way: 'loop', work: 'a bare loop of GetRecords for each shard' },
  {
    way: 'worker',
    work: '`worker.batches()`, polling, leases and checkpoints in the service',
    target: atLeast(0.9),
  },
  { way: 'lifion', work: `\`${LIFION}\`, polling, checkpoints in DynamoDB` },
] as const

export const consumersPart: Part = { name: 'consumers', heading: '## Consumers', isLong: true, run: consumers }

/** Every reader once per round, each in a process of its own, after one round that is not counted. */
async function consumers(bench: Bench): Promise<PartReport> {
  const count = bench.pick(200_000, 20_000)
  const [rounds, warmUpRounds] = bench.pick([4, 1], [1, 0])
  const server = await bench.millrace('data')
  const stream = 'consumers'
  await call(server.port, 'CreateStream', { StreamName: stream, ShardCount: SHARDS })
  for (let from = 0; from < count; from += BATCH) {
    const Records = Array.from({ length: BATCH }, (_, i) => ({
      PartitionKey: `key-${from + i}`,
      Data: text(250, from + i),
    }))
    await call(server.port, 'PutRecords', { StreamName: stream, Records })
  }
  const notes = [
    `A stream of ${SHARDS} shards with ${count} records of 250 B, read from its beginning; timed from the first batch to the last.`,
  ]
  const rivals = installed((why) => notes.push(why))
  const present = readers.filter(({ way }) => way !== 'lifion' || rivals !== undefined)
  const tables = await startDynalite()
  const settings = {
    endpoint: `http://127.0.0.1:${server.port}`,
    stream,
    count,
    credentials: ACCESS_KEY,
    rivals,
    tables: tables.endpoint,
  }
  const results: Reading[][] = present.map(() => [])
  for (let round = -warmUpRounds; round < rounds; round++)
    for (const [i, { way }] of present.entries()) {
      bench.tell(`${way}, round ${round + 1} of ${rounds}`)
      const reading = await read(way, JSON.stringify(settings))
      if (round >= 0) results[i]?.push(reading)
    }
  await tables.stop()
  const rates = results.map((readings) => readings.map(({ records, seconds }) => records / seconds))
  const findings = present.flatMap(({ work, ...reader }, i): Finding[] => {
    const cpu = (results[i] ?? []).map(({ records, cpuSeconds }) => (cpuSeconds / records) * 1e6)
    const cpuFinding: Finding = { work, measure: 'CPU of the reader per 1M records', value: spreadOf(cpu), unit: 's' }
    if (i === 0) return [cpuFinding]
    const value = spreadOf(ratios(rates[i] ?? [], rates[0] ?? []))
    return [
      {
        work,
        measure: 'rate, of the bare loop',
        value,
        unit: '×',
        ...('target' in reader && { target: reader.target }),
      },
      cpuFinding,
    ]
  })
  const table = {
    title: '',
    columns: ['Reader', 'records a second'],
    rows: present.map(({ work }, i) => [work, spreadText(spreadOf(rates[i] ?? []), '')]),
  }
  const picture = {
    name: 'consumers',
    title: 'Reading a stream from its beginning',
    unit: 'records/s',
    bars: present.map(({ way }, i) => ({
      label: NAMES[way],
      value: spreadOf(rates[i] ?? []),
      isOurs: way === 'worker',
    })),
  }
  return { findings, tables: [table], pictures: [picture], notes }
}

const NAMES = { loop: 'a bare loop', worker: 'Millrace’s worker', lifion: LIFION }

/** The path of a file beside them; `undefined` where they cannot be had. */
function installed(missing: (why: string) => void): string | undefined {
  try {
    return join(install(LIFION), '..', '..', 'package.json')
  } catch (error) {
    missing(`${LIFION} is left out, since it cannot be installed: ${(error as Error).message.trim()}`)
    return undefined
  }
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
