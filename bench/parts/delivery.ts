/** How soon a record reaches its readers, and what twenty of them cost beside one. */
import { fanOut, type FanOutLoad, type FanOutResult } from '../fan-out.ts'
import { atMost, type Bench, type Finding, once, type Part, type PartReport, peakMemory, type Target } from '../part.ts'
import { putToGet } from '../put-to-get.ts'
import { latencyOf, ratios, spreadOf } from '../statistics.ts'

const PUTS_PER_SECOND = 200

type Load = Pick<FanOutLoad, 'consumers' | 'shards' | 'isEncrypted'> & {
  readonly targets?: { readonly p50: Target; readonly p99: Target }
  readonly cpuTarget?: Target
}

const loads: readonly Load[] = [
  { consumers: 1, shards: 1, targets: { p50: atMost(3, 1.5), p99: atMost(15) } },
  { consumers: 20, shards: 1, cpuTarget: atMost(3) },
  { consumers: 20, shards: 16 },
  { consumers: 1, shards: 1, isEncrypted: true },
  { consumers: 20, shards: 1, isEncrypted: true, cpuTarget: atMost(3) },
]

export const deliveryPart: Part = { name: 'delivery', heading: '## Delivery', run: delivery }

/** Every load once per round, after one round that is not counted. */
async function delivery(bench: Bench): Promise<PartReport> {
  const server = await bench.millrace('data')
  const [rounds, durationMs] = [bench.pick(4, 1), bench.pick(2_000, 500)]
  const pushed: FanOutResult[][] = loads.map(() => [])
  const polled: (readonly number[])[] = []
  for (let round = 0; round <= rounds; round++) {
    bench.tell(round === 0 ? 'a round that does not count' : `round ${round} of ${rounds}`)
    const pace = { perSecond: PUTS_PER_SECOND, durationMs: round === 0 ? durationMs / 2 : durationMs }
    const got = await putToGet(server.port, pace)
    if (round > 0) polled.push(got.getMs)
    for (const [i, load] of loads.entries()) {
      const result = await fanOut(server, { ...load, ...pace })
      if (round > 0) pushed[i]?.push(result)
    }
  }
  const poll = `put to GetRecords, ${PUTS_PER_SECOND}/s, 1 reader, 1 shard`
  const findings = latencyFindings(poll, polled, { p50: atMost(1.5, 1), p99: atMost(10) })
  for (const [i, load] of loads.entries()) {
    const results = pushed[i] ?? []
    const cpu = results.map((result) => result.cpu)
    const cpuOfOne = (pushed[load.isEncrypted === true ? 3 : 0] ?? []).map((result) => result.cpu)
    const work = workOf(load)
    const latencies = results.map(({ latenciesMs }) => latenciesMs)
    findings.push(...latencyFindings(work, latencies, load.targets))
    findings.push({ work, measure: 'server CPU, of a core', value: spreadOf(cpu), unit: '' })
    if (load.consumers > 1 && load.shards === 1)
      findings.push({
        work,
        measure: 'server CPU, of that with one consumer',
        value: spreadOf(ratios(cpu, cpuOfOne)),
        unit: '×',
        ...(load.cpuTarget === undefined ? {} : { target: load.cpuTarget }),
      })
  }
  findings.push(peakMemory('all of it', server.peakMiB()))
  const bars = [
    { label: 'GetRecords', latencies: polled },
    ...loads.map((load, i) => ({
      label: labelOf(load),
      latencies: (pushed[i] ?? []).map(({ latenciesMs }) => latenciesMs),
    })),
  ]
  const picture = {
    name: 'delivery',
    title: 'From put to reader at 200 puts a second: p99',
    unit: 'ms',
    bars: bars.map(({ label, latencies }) => ({
      label,
      value: spreadOf(latencies.map((some) => latencyOf(some).p99)),
      isOurs: true,
    })),
  }
  return { findings, pictures: [picture] }
}

const labelOf = ({ consumers, shards, isEncrypted }: Load): string =>
  `${consumers} × ${shards} subscriptions${isEncrypted === true ? ', encrypted' : ''}`

const workOf = (load: Load): string => `put to SubscribeToShard event, ${PUTS_PER_SECOND}/s, ${labelOf(load)}`

function latencyFindings(work: string, rounds: readonly (readonly number[])[], targets?: Load['targets']): Finding[] {
  const byRound = rounds.map(latencyOf)
  return [
    {
      work,
      measure: 'p50',
      value: spreadOf(byRound.map(({ p50 }) => p50)),
      unit: 'ms',
      ...(targets && { target: targets.p50 }),
    },
    {
      work,
      measure: 'p99',
      value: spreadOf(byRound.map(({ p99 }) => p99)),
      unit: 'ms',
      ...(targets && { target: targets.p99 }),
    },
    { work, measure: 'p99.9, of all rounds', value: once(latencyOf(rounds.flat()).p999), unit: 'ms' },
  ]
}
