/** What a server keeps resident: with 64 shards and nothing to do, and while 10,000 shards are trickled into. */
import { setTimeout as sleep } from 'node:timers/promises'
import { text, variants } from '../loads.ts'
import { openLoop } from '../open-loop.ts'
import { atMost, type Bench, once, type Part, type PartReport, peakMemory } from '../part.ts'
import { call } from '../requests.ts'

const REST_SHARDS = 64
const TRICKLE_SHARDS = 10_000
const PUTS_PER_SECOND = 1_000
/** A signature is good for five minutes. */
const SIGNED_ANEW_MS = 240_000

export const memoryPart: Part = { name: 'memory', heading: '## Memory', run: memory }

async function memory(bench: Bench): Promise<PartReport> {
  const resting = await bench.millrace('rest')
  await call(resting.port, 'CreateStream', { StreamName: 'rest', ShardCount: REST_SHARDS })
  await sleep(bench.pick(2_000, 500))
  const restMiB = resting.residentMiB()
  await resting.stop()

  const server = await bench.millrace('trickle')
  const { port } = server
  await call(port, 'CreateStream', { StreamName: 'trickle', ShardCount: TRICKLE_SHARDS })
  server.resetPeak()
  for (let leftMs = bench.trickleMinutes * 60_000; leftMs > 0; leftMs -= SIGNED_ANEW_MS) {
    bench.tell(`a trickle into ${TRICKLE_SHARDS} shards, ${(leftMs / 60_000).toFixed(1)} minutes`)
    const request = variants(TRICKLE_SHARDS / 2, (seed) => ({
      operation: 'PutRecord',
      input: { StreamName: 'trickle', PartitionKey: `key-${seed}`, Data: text(100, seed) },
    }))(port)
    const durationMs = Math.min(leftMs, SIGNED_ANEW_MS)
    await openLoop({ port, perSecond: PUTS_PER_SECOND, durationMs, request: () => request(0) })
  }
  const trickle = `${(bench.trickleMinutes * 60).toFixed(0)} s of ${PUTS_PER_SECOND} puts a second into ${TRICKLE_SHARDS} shards`
  return {
    findings: [
      {
        work: `at rest with ${REST_SHARDS} shards`,
        measure: 'resident',
        value: once(restMiB),
        unit: 'MiB',
        target: atMost(120),
      },
      peakMemory(trickle, server.peakMiB()),
    ],
    notes: ['The peak of every other load stands with its row. `--trickle-minutes 60` is the hour of the design.'],
  }
}
