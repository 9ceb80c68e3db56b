/**
 * An old backlog: one shard among a thousand whose records lie scattered through the log, which is rewritten by shard in the background. What small puts
 * notice of that; how fast the shard is read then, beside a plain file; and what those notice who write and read the tail.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { createBenchStream, singlePuts, text, variants } from '../loads.ts'
import { openLoop } from '../open-loop.ts'
import { atLeast, atMost, type Bench, type Finding, type Part, type PartReport, peakMemory } from '../part.ts'
import { benchRoot, MeasuredProcess } from '../processes.ts'
import { putToGet } from '../put-to-get.ts'
import { load } from '../raw-client.ts'
import { call, signedRequest } from '../requests.ts'
import { latencyOf, ratios, spreadOf } from '../statistics.ts'
import { until } from '../until.ts'
import { joined, versus } from '../versus.ts'

const SHARDS = 1_000
const BATCH = 100
/** Of a batch, to the shard that is read: with each batch less than is kept encoded for others. */
const TO_ONE_SHARD = 3
const RECORD_BYTES = 1024
const PAGE_RECORDS = 1_000
const PUTS_PER_SECOND = 200
/** What a server takes that rewrites nothing, with room: of a core. */
const IDLE_CPU = 0.05
/** From the round that lets it begin. */
const BEGUN_MS = 300
const REGROUPED_MS_MAX = 240_000

export const backlogPart: Part = { name: 'backlog', heading: '## Backlog', run: backlog }

async function backlog(bench: Bench): Promise<PartReport> {
  const mib = bench.pick(384, 80)
  const writing = await bench.millrace('data')
  await createBenchStream(writing.port)
  bench.tell(`writing ${mib} MiB into ${SHARDS} shards`)
  await scatter(writing.port, mib)
  // What is in the tail is not rewritten: after a restart nothing is.
  await writing.stop()
  const firstRoundMs = bench.pick(9_000, 2_500)
  const early = `${pathToFileURL(join(benchRoot, 'bench', 'early-rounds.mjs'))}?ms=${firstRoundMs}`
  const server = await bench.millrace('data', { nodeOptions: ['--import', early] })
  server.resetPeak()
  const regrouping = await besideRegrouping(bench, server, performance.now() + firstRoundMs)
  const reading = await besidePlainFile(bench, server)
  const tail = await tailBeside(bench, server, reading.pages)
  return joined([
    { findings: regrouping },
    reading.report,
    { findings: [...tail, peakMemory('all of it', server.peakMiB())] },
  ])
}

async function scatter(port: number, mib: number): Promise<void> {
  await call(port, 'CreateStream', { StreamName: 'old', ShardCount: SHARDS })
  const request = variants(64, (seed) => ({
    operation: 'PutRecords',
    input: {
      StreamName: 'old',
      Records: Array.from({ length: BATCH }, (_, i) => ({
        PartitionKey: `key-${seed}-${i}`,
        Data: text(RECORD_BYTES, i),
        ...(i < TO_ONE_SHARD ? { ExplicitHashKey: '0' } : {}),
      })),
    },
  }))(port)
  const requestsMax = Math.ceil((mib * 2 ** 20) / (BATCH * RECORD_BYTES))
  await load({ port, connections: 4, durationMs: 280_000, requestsMax, request })
}

/** Small puts before segments are rewritten, and while they are, their indexes made, and their files recycled. */
async function besideRegrouping(bench: Bench, server: MeasuredProcess, beginsAtMs: number): Promise<Finding[]> {
  const { port } = server
  const request = singlePuts(port)
  const [rounds, durationMs] = [bench.pick(4, 1), bench.pick(1_500, 700)]
  const p99 = async (): Promise<number> => {
    const { latenciesMs } = await openLoop({ port, perSecond: PUTS_PER_SECOND, durationMs, request: () => request(0) })
    return latencyOf(latenciesMs).p99
  }
  const [before, meanwhile]: [number[], number[]] = [[], []]
  bench.tell('small puts before the log is regrouped')
  for (let round = 0; round <= rounds; round++) {
    const value = await p99()
    if (round > 0 && performance.now() < beginsAtMs) before.push(value)
  }
  await sleep(Math.max(0, beginsAtMs - performance.now()) + BEGUN_MS)
  bench.tell('small puts while the log is regrouped, and until it is')
  for (let round = 0; round < rounds; round++) meanwhile.push(await p99())
  await until(() => regroupedFiles(bench) > 0, 'nothing was regrouped')
  await untilIdle(server)
  const work = `PutRecord, 100 B, ${PUTS_PER_SECOND}/s, while segments are rewritten, indexed and recycled`
  const alone = spreadOf(before)
  return [
    { work, measure: 'p99 before', value: alone, unit: 'ms' },
    { work, measure: 'p99 meanwhile', value: spreadOf(meanwhile), unit: 'ms' },
    {
      work,
      measure: 'p99, how much more (10 ms, or as much again)',
      value: spreadOf(meanwhile.map((ms) => ms - alone.median)),
      unit: 'ms',
      target: atMost(Math.max(10, alone.median), 3),
    },
  ]
}

const regroupedFiles = ({ folder }: Bench): number =>
  readdirSync(join(folder, 'data', 'log')).filter((name) => /^g.*\.seg$/.test(name)).length

/** Of a core, within half a second. */
async function cpuOf(server: MeasuredProcess): Promise<number> {
  const before = server.cpuSeconds()
  await sleep(500)
  return (server.cpuSeconds() - before) / 0.5
}

async function untilIdle(server: MeasuredProcess): Promise<void> {
  const startedAt = performance.now()
  for (let quiet = 0; quiet < 4;) {
    if (performance.now() - startedAt > REGROUPED_MS_MAX) throw new Error('the server did not come to rest')
    quiet = (await cpuOf(server)) < IDLE_CPU ? quiet + 1 : 0
  }
}

interface Reading {
  readonly report: PartReport
  /** A request for each page of the shard. */
  readonly pages: readonly Uint8Array[]
}

async function besidePlainFile(bench: Bench, server: MeasuredProcess): Promise<Reading> {
  const { port } = server
  const pages: Uint8Array[] = []
  const start = { StreamName: 'old', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' }
  let { ShardIterator } = await call(port, 'GetShardIterator', start)
  let records = 0
  for (;;) {
    const read = { ShardIterator, Limit: PAGE_RECORDS }
    const { Records, NextShardIterator } = await call(port, 'GetRecords', read)
    const found = (Records as readonly unknown[]).length
    if (found === 0) break
    ShardIterator = NextShardIterator
    // The last one is not full.
    if (found < PAGE_RECORDS) continue
    records += found
    pages.push(signedRequest(port, 'GetRecords', read))
  }
  const path = join(bench.folder, 'plain-file')
  writeFileSync(path, Buffer.alloc(records * RECORD_BYTES, 'x'))
  const file = await bench.started(MeasuredProcess.ceiling('file', path, PAGE_RECORDS * RECORD_BYTES))
  const work = `one shard among ${SHARDS}, ${((records * RECORD_BYTES) / 1e6).toFixed(1)} MB, regrouped, pages of ${PAGE_RECORDS} × 1 KiB, 1 connection`
  bench.tell(work)
  let at = 0
  const request = (): Uint8Array => pages[at++ % pages.length] ?? new Uint8Array()
  const side = { request, unitsPerRequest: PAGE_RECORDS }
  const name = 'a plain file, sent as base64'
  const report = await versus(
    [
      { ...side, name, process: file },
      { ...side, name: 'Millrace', process: server, isOurs: true },
    ],
    {
      work,
      name: 'backlog',
      unit: 'records',
      cpuUnits: 1e6,
      cpuPer: '1M records',
      rounds: bench.pick(5, 1),
      durationMs: bench.pick(1_000, 400),
      connections: 1,
      rateTargets: { [name]: atLeast(0.5) },
    },
  )
  await file.stop()
  return { report, pages }
}

/** Who writes and reads the tail, alone and beside somebody who reads the backlog as fast as he is answered. */
async function tailBeside(bench: Bench, { port }: MeasuredProcess, pages: readonly Uint8Array[]): Promise<Finding[]> {
  const [rounds, durationMs] = [bench.pick(4, 1), bench.pick(2_000, 800)]
  const pace = { perSecond: PUTS_PER_SECOND, durationMs }
  const p99s = { put: [[], []] as [number[], number[]], get: [[], []] as [number[], number[]] }
  for (let round = 0; round <= rounds; round++) {
    bench.tell(
      round === 0
        ? 'the tail beside it, a round that does not count'
        : `the tail beside it, round ${round} of ${rounds}`,
    )
    for (const isBeside of [false, true]) {
      let at = 0
      const request = (): Uint8Array => pages[at++ % pages.length] ?? new Uint8Array()
      const reading = isBeside ? load({ port, connections: 1, durationMs, request }) : undefined
      const { putMs, getMs } = await putToGet(port, pace)
      await reading
      if (round === 0) continue
      p99s.put[isBeside ? 1 : 0].push(latencyOf(putMs).p99)
      p99s.get[isBeside ? 1 : 0].push(latencyOf(getMs).p99)
    }
  }
  const work = `the tail at ${PUTS_PER_SECOND} puts a second, beside a backlog that is read as fast as it comes`
  return (['put', 'get'] as const).flatMap((which): Finding[] => {
    const [alone, beside] = p99s[which]
    const what = which === 'put' ? 'p99 of PutRecord' : 'p99 from put to GetRecords'
    return [
      { work, measure: `${what}, alone`, value: spreadOf(alone), unit: 'ms' },
      { work, measure: `${what}, beside it`, value: spreadOf(ratios(beside, alone)), unit: '×', target: atMost(1.2) },
    ]
  })
}
