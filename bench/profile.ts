/**
 * Where the main thread's time of a put goes, stage by stage: Node's sampling profiler on the server under load, each
 * sample given to the innermost of our files on its stack. docs/performance.md holds what it said.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { batchedPuts, createBenchStream, type RequestsFor, singlePuts } from './loads.ts'
import { MeasuredProcess } from './processes.ts'
import { load } from './raw-client.ts'
import { signedIn } from './requests.ts'

const WARM_UP_MS = 6_000
const MEASURED_MS = 12_000

/** The first that fits the path of a source. */
const stages: readonly (readonly [name: string, files: RegExp])[] = [
  ['signature, and SHA-256 of the body', /sigv4|server\/src\/auth|http\/body-decoder/],
  ['parse, decode, check', /protocol\/src\/(codecs\/(json-parse|put-records|base64|body|cbor)|schema)/],
  ['HTTP: read, answer, bounds', /server\/src\/http|std\/src/],
  ['routing', /hash-key|md5-prefix|streams\/routing/],
  ['layout of records', /engine\/record-(batch|layout)/],
  ['operation', /server\/src\/(operations|service|streams|catalog|encryption)/],
  ['numbers and encoding of the answer', /protocol\/src/],
  ['metrics', /telemetry|prom-client/],
  ['log: queue, commit, settle', /log\/src|server\/src\/engine/],
]

interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: {
    readonly functionName: string
    readonly url: string
    readonly lineNumber: number
    readonly columnNumber: number
  }
  readonly children?: readonly number[]
}

export async function profile(): Promise<void> {
  for (const [work, requests, connections, records] of [
    ['PutRecord, 100 B', singlePuts, 64, 1],
    ['PutRecords, 500 × 1 KiB', batchedPuts(1024), 8, 500],
    ['PutRecords, 500 × 100 B', batchedPuts(100), 8, 500],
  ] as const) {
    const { shares, cpuUs } = await profileOf(requests, connections)
    console.log(`\n${work}: ${(cpuUs / records).toFixed(2)} µs of processor time (all threads) a record\n`)
    console.log('| Stage | share of the main thread |\n|---|---|')
    for (const [stage, share] of [...shares].sort((a, b) => b[1] - a[1]))
      console.log(`| ${stage} | ${(share * 100).toFixed(1)} % |`)
  }
}

async function profileOf(
  requests: RequestsFor,
  connections: number,
): Promise<{ readonly shares: ReadonlyMap<string, number>; readonly cpuUs: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-profile-'))
  const profiles = join(folder, 'profiles')
  try {
    const nodeOptions = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, '--cpu-prof-interval=500']
    const server = await MeasuredProcess.millrace(join(folder, 'data'), signedIn(folder), { nodeOptions })
    await createBenchStream(server.port)
    const under = { port: server.port, connections, request: requests(server.port) }
    await load({ ...under, durationMs: WARM_UP_MS })
    const before = server.cpuSeconds()
    const { requests: answered } = await load({ ...under, durationMs: MEASURED_MS })
    const cpuUs = ((server.cpuSeconds() - before) * 1e6) / answered
    await server.stop()
    const texts = readdirSync(profiles).map((file) => readFileSync(join(profiles, file), 'utf8'))
    // The largest is the main thread's: the writer hardly runs JavaScript.
    const [main = ''] = texts.sort((a, b) => b.length - a.length)
    return { shares: sharesOf(JSON.parse(main) as CpuProfile), cpuUs }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Of the later two thirds, so that the start does not count. */
function sharesOf({ nodes, samples, timeDeltas }: CpuProfile): ReadonlyMap<string, number> {
  const parents = new Map<number, number>()
  const byId = new Map(nodes.map((node) => [node.id, node]))
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id)
  const stageOf = (id: number | undefined): string | undefined => {
    const node = id === undefined ? undefined : byId.get(id)
    if (node === undefined) return 'Node: sockets, streams, promises'
    const { functionName } = node.callFrame
    if (functionName === '(idle)') return undefined
    if (functionName === '(garbage collector)') return 'garbage collection'
    const source = sourceOf(node.callFrame)
    const stage = source === undefined ? undefined : stages.find(([, files]) => files.test(source))
    return stage?.[0] ?? stageOf(parents.get(node.id))
  }
  const times = new Map<string, number>()
  let total = 0
  for (let i = Math.floor(samples.length / 3); i < samples.length; i++) {
    const stage = stageOf(samples[i])
    if (stage === undefined) continue
    const time = timeDeltas[i] ?? 0
    times.set(stage, (times.get(stage) ?? 0) + time)
    total += time
  }
  return new Map([...times].map(([stage, time]) => [stage, time / total]))
}

const maps = new Map<string, SourceMap>()

/** Where a function was written, since one file of what is built holds many sources; `undefined`: not by us. */
function sourceOf({ url, lineNumber, columnNumber }: ProfileNode['callFrame']): string | undefined {
  if (url.includes('prom-client')) return url
  if (!url.includes('/dist/') || url.includes('node_modules')) return undefined
  const file = fileURLToPath(url)
  const map = maps.get(file) ?? new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')) as SourceMapPayload)
  maps.set(file, map)
  const entry = map.findEntry(lineNumber, columnNumber)
  return 'originalSource' in entry ? resolve(dirname(file), entry.originalSource) : undefined
}
