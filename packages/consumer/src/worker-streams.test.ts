/** Fleets whose workers are told different streams, or begin at services that do not have them. */
import { describe, expect, it } from 'vitest'
import { SimulatedStream } from './testing/simulated-stream.ts'
import { Bench, ofStreams } from './testing/worker-bench.ts'
import type { Worker } from './worker.ts'

const idle = () => ({ processRecords() {} })

function heldOf(stream: string, { held }: Worker): number {
  return held.filter((key) => key.startsWith(`${stream}:`)).length
}

async function stopAll(bench: Bench, workers: readonly Worker[]): Promise<void> {
  await Promise.all([...workers.map((worker) => worker.stop()), bench.pass(5_000)])
}

describe('workers that name different streams', () => {
  const FAILOVER_MS = 5_000

  function fleet(
    bench: Bench,
    size: number,
    shards: readonly [number, number],
    streams: (i: number) => readonly string[],
  ) {
    const [orders, bills] = shards
    const client = ofStreams(new SimulatedStream('orders', orders, bench.clock), new SimulatedStream('bills', bills, bench.clock)) // prettier-ignore
    const workers = Array.from({ length: size }, (_, i) =>
      bench.worker(`worker-${String(i).padStart(2, '0')}`, { client, failoverMs: FAILOVER_MS, shardSyncMs: 2_000, stream: () => streams(i) })) // prettier-ignore
    for (const worker of workers) void worker.run(idle)
    return workers
  }

  it('leave what they drop to the only one of 16 that goes on with it, within a few times failoverMs', async () => {
    const bench = new Bench()
    let isDropped = false
    const workers = fleet(bench, 16, [32, 4], (i) => (isDropped && i !== 11 ? ['orders'] : ['orders', 'bills']))
    await bench.pass(20_000)
    expect(workers.reduce((sum, worker) => sum + heldOf('bills', worker), 0)).toBe(4)
    isDropped = true
    await bench.pass(2_000 + 5 * FAILOVER_MS)
    expect(workers.map((worker) => heldOf('bills', worker))).toEqual(workers.map((_, i) => (i === 11 ? 4 : 0)))
    await stopAll(bench, workers)
  })

  it('take over from a crashed one that they alone name a stream with, within a few times failoverMs', async () => {
    const bench = new Bench()
    const workers = fleet(bench, 16, [16, 4], (i) => (i < 2 ? ['orders', 'bills'] : ['orders']))
    await bench.pass(30_000)
    const [crashing, other] = workers as [Worker, Worker]
    expect(heldOf('bills', crashing) + heldOf('bills', other)).toBe(4)
    crashing.abandon()
    await bench.pass(6 * FAILOVER_MS)
    expect(heldOf('bills', other)).toBe(4)
    await stopAll(bench, workers.slice(1))
  })
})
