/** Small puts at an even pace, alone and beside one request of 10 MiB a second, which also has a segment prepared and sealed every six or so. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createBenchStream, singlePuts, text } from '../loads.ts'
import { openLoop } from '../open-loop.ts'
import { atMost, type Bench, type Part, type PartReport, peakMemory } from '../part.ts'
import { load } from '../raw-client.ts'
import { signedRequest } from '../requests.ts'
import { latencyOf, spreadOf } from '../statistics.ts'

const PUTS_PER_SECOND = 500
const LARGE_RECORDS = 10
/** Ten and their keys are just under 10 MiB. */
const LARGE_RECORD_BYTES = 1024 * 1024 - 64

export const besidePart: Part = { name: 'beside', heading: '## Small puts beside large ones', run: beside }

async function beside(bench: Bench): Promise<PartReport> {
  const server = await bench.millrace('data')
  const { port } = server
  await createBenchStream(port)
  const requests = singlePuts(port)
  const [rounds, durationMs] = [bench.pick(5, 1), bench.pick(3_000, 1_100)]
  const small = async (): Promise<number> => {
    const { latenciesMs } = await openLoop({ port, perSecond: PUTS_PER_SECOND, durationMs, request: () => requests(0) })
    return latencyOf(latenciesMs).p99
  }
  const Records = Array.from({ length: LARGE_RECORDS }, (_, i) => ({
    PartitionKey: `key-${i}`,
    Data: text(LARGE_RECORD_BYTES, i),
  }))
  const large = signedRequest(port, 'PutRecords', { StreamName: 'bench', Records })
  const putLarge = (): Promise<unknown> =>
    load({ port, connections: 1, durationMs: 10_000, requestsMax: 1, request: () => large })
  const alone: number[] = []
  const together: number[] = []
  server.resetPeak()
  for (let round = 0; round <= rounds; round++) {
    bench.tell(round === 0 ? 'a round that does not count' : `round ${round} of ${rounds}`)
    const p99Alone = await small()
    const larges: Promise<unknown>[] = []
    const stop = new AbortController()
    const everySecond = (async () => {
      for (let i = 0; !stop.signal.aborted; i++) {
        larges.push(putLarge())
        await sleep(1_000, undefined, { signal: stop.signal }).catch(() => undefined)
      }
    })()
    const p99Together = await small()
    stop.abort()
    await everySecond
    await Promise.all(larges)
    if (round === 0) continue
    alone.push(p99Alone)
    together.push(p99Together)
  }
  const work = `PutRecord, 100 B, ${PUTS_PER_SECOND}/s, beside one request of 10 MiB a second`
  const more = together.map((ms, i) => ms - (alone[i] ?? NaN))
  return {
    findings: [
      { work, measure: 'p99 alone', value: spreadOf(alone), unit: 'ms' },
      { work, measure: 'p99 beside it', value: spreadOf(together), unit: 'ms' },
      {
        work,
        measure: 'p99, how much more (10 ms, or as much again)',
        value: spreadOf(more),
        unit: 'ms',
        target: atMost(Math.max(10, spreadOf(alone).median), 3),
      },
      peakMemory(work, server.peakMiB()),
    ],
    pictures: [
      {
        name: 'beside',
        title: `${work}: p99`,
        unit: 'ms',
        bars: [
          { label: 'alone', value: spreadOf(alone), isOurs: false },
          { label: 'beside 10 MiB a second', value: spreadOf(together), isOurs: true },
        ],
      },
    ],
  }
}
