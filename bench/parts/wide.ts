/** The same puts over many shards, and over many streams. */
import { batchedPuts, createBenchStream, createMany, text, variants } from '../loads.ts'
import { atLeast, atMost, type Bench, type Finding, type Part, type PartReport } from '../part.ts'
import { spreadOf } from '../statistics.ts'
import { joined, versus } from '../versus.ts'
import { call, signedRequest } from '../requests.ts'

const SHARDS = 10_000
const NARROW_SHARDS = 16
const STREAMS = 1_000
const SHARDS_PER_STREAM = 4
const RECORDS = 500
const RECORD_BYTES = 100

export const widePart: Part = { name: 'wide', heading: '## Many shards and many streams', run: wide }

async function wide(bench: Bench): Promise<PartReport> {
  const server = await bench.millrace('data')
  const { port } = server
  bench.tell(`creating ${SHARDS} shards and ${STREAMS} streams`)
  await createBenchStream(port)
  await call(port, 'CreateStream', { StreamName: 'wide', ShardCount: SHARDS })
  await call(port, 'CreateStream', { StreamName: 'one', ShardCount: SHARDS_PER_STREAM })
  await createMany(STREAMS, (i) =>
    call(port, 'CreateStream', { StreamName: `stream-${i}`, ShardCount: SHARDS_PER_STREAM }),
  )

  const side = (name: string, request: () => Uint8Array, isOurs: boolean) => ({
    name,
    process: server,
    request,
    unitsPerRequest: RECORDS,
    isOurs,
  })
  const settings = {
    rounds: bench.pick(5, 1),
    durationMs: bench.pick(1_500, 400),
    connections: 8,
    unit: 'records',
    cpuUnits: 1e6,
    cpuPer: '1M records',
  }
  const [few, many] = [batchedPuts(RECORD_BYTES)(port), batchedPuts(RECORD_BYTES, 'wide')(port)]
  bench.tell(`${SHARDS} shards beside ${NARROW_SHARDS}`)
  const fewName = `${NARROW_SHARDS} shards`
  const shards = await versus([side(fewName, () => few(0), false), side(`${SHARDS} shards`, () => many(0), true)], {
    ...settings,
    work: `PutRecords, ${RECORDS} × ${RECORD_BYTES} B, ${SHARDS} shards, random keys`,
    name: 'wide-shards',
    rateTargets: { [fewName]: atLeast(0.8, 0.95) },
  })
  const [narrow, wideResult] = shards.results
  const furtherShards = touched(SHARDS) - touched(NARROW_SHARDS)
  const further: Finding = {
    work: `PutRecords, ${RECORDS} × ${RECORD_BYTES} B, ${SHARDS} shards, random keys`,
    measure: 'CPU for each further shard that a request touches',
    value: spreadOf(
      (wideResult?.cpuSecondsPerUnit ?? []).map(
        (seconds, round) => ((seconds - (narrow?.cpuSecondsPerUnit[round] ?? NaN)) * RECORDS * 1e6) / furtherShards,
      ),
    ),
    unit: 'µs',
    target: atMost(0.5),
  }

  const record = (i: number) => ({ PartitionKey: `key-${i}`, Data: text(RECORD_BYTES, i) })
  const Records = Array.from({ length: RECORDS }, (_, i) => record(i))
  const toOne = signedRequest(port, 'PutRecords', { StreamName: 'one', Records })
  const toMany = variants(STREAMS, (i) => ({ operation: 'PutRecords', input: { StreamName: `stream-${i}`, Records } }))(
    port,
  )
  bench.tell(`${STREAMS} streams beside one`)
  const streams = await versus(
    [side('1 stream', () => toOne, false), side(`${STREAMS} streams`, () => toMany(0), true)],
    {
      ...settings,
      work: `PutRecords, ${RECORDS} × ${RECORD_BYTES} B, ${STREAMS} streams of ${SHARDS_PER_STREAM} shards in turn`,
      name: 'wide-streams',
      rateTargets: { '1 stream': atLeast(0.8, 0.95) },
    },
  )
  return joined([{ findings: [further] }, shards, streams])
}

/** How many of the shards a request with random keys meets. */
const touched = (shards: number): number => shards * (1 - (1 - 1 / shards) ** RECORDS)
