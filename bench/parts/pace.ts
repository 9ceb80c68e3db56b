/** How long a PutRecord takes at fixed rates, whether or not those before it were answered. */
import { createBenchStream, singlePuts } from '../loads.ts'
import { openLoop } from '../open-loop.ts'
import { clientShare, type Bench, type Finding, once, type Part, type PartReport, peakMemory } from '../part.ts'
import { latencyOf, spreadOf } from '../statistics.ts'

const RATES = [500, 2_000, 5_000]

export const pacePart: Part = { name: 'pace', heading: '## PutRecord at a fixed rate', run: pace }

async function pace(bench: Bench): Promise<PartReport> {
  const server = await bench.millrace('data')
  const { port } = server
  await createBenchStream(port)
  const requests = singlePuts(port)
  const rounds = bench.pick(3, 1)
  const durationMs = bench.pick(3_000, 600)
  const request = (): Uint8Array => requests(0)
  await openLoop({ port, perSecond: 2_000, durationMs: 1_000, request })
  const findings: Finding[] = []
  const latencies = RATES.map(() => [] as number[][])
  const shares: number[] = []
  server.resetPeak()
  for (let round = 0; round < rounds; round++)
    for (const [i, perSecond] of RATES.entries()) {
      bench.tell(`${perSecond} puts a second, round ${round + 1} of ${rounds}`)
      const cpuBefore = server.cpuSeconds()
      const { latenciesMs, clientCpuSeconds } = await openLoop({ port, perSecond, durationMs, request })
      latencies[i]?.push([...latenciesMs])
      shares.push(clientCpuSeconds / (server.cpuSeconds() - cpuBefore))
    }
  for (const [i, perSecond] of RATES.entries()) {
    const work = `PutRecord, 100 B, ${perSecond}/s, open loop`
    const byRound = (latencies[i] ?? []).map(latencyOf)
    findings.push({ work, measure: 'p50', value: spreadOf(byRound.map(({ p50 }) => p50)), unit: 'ms' })
    findings.push({ work, measure: 'p99', value: spreadOf(byRound.map(({ p99 }) => p99)), unit: 'ms' })
    findings.push({
      work,
      measure: 'p99.9, of all rounds',
      value: once(latencyOf((latencies[i] ?? []).flat()).p999),
      unit: 'ms',
    })
  }
  findings.push(peakMemory('all rates', server.peakMiB()), clientShare('all rates', spreadOf(shares)))
  const bars = RATES.map((perSecond, i) => ({
    label: `${perSecond} a second`,
    value: spreadOf((latencies[i] ?? []).map((round) => latencyOf(round).p99)),
    isOurs: true,
  }))
  return { findings, pictures: [{ name: 'pace', title: 'PutRecord at a fixed rate: p99', unit: 'ms', bars }] }
}
