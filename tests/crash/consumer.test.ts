/**
 * A fleet of worker processes on a stream that is written, split and merged, while workers are killed with -9, stopped and
 * held up at random: every record is processed, in the shard's order, and again only behind the last checkpoint.
 * MILLRACE_CONSUMER_SECONDS, _SHARDS and _WORKERS say how much (the soak: five minutes, 64 shards, 4 workers), _STORE where the leases
 * are: `service`, the default, `dynamodb`, `postgres` or `redis`, which is killed with -9 in between, too.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { CreateStreamCommand } from '@aws-sdk/client-kinesis'
import { randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { sdkClient } from '../conformance/support/sdk-client.ts'
import { ConsumingFleet } from './support/consuming-fleet.ts'
import { History } from './support/history.ts'
import { serveStore, type ServedStore } from './support/served-store.ts'
import { reshard, write } from './support/load.ts'
import { ServerProcess } from './support/server-process.ts'

const seconds = Number(process.env['MILLRACE_CONSUMER_SECONDS'] ?? 10)
const shards = Number(process.env['MILLRACE_CONSUMER_SHARDS'] ?? 6)
const workers = Number(process.env['MILLRACE_CONSUMER_WORKERS'] ?? 3)
const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
const kind = process.env['MILLRACE_CONSUMER_STORE'] ?? 'service'
const PRODUCERS = 4
/** Failover is 4 s; a new process takes a while to start. */
const DRAINED_MS_MAX = 60_000

describe(`${workers} workers with leases in ${kind} for ${seconds} s of kills, stops and resharding`, () => {
  let server: ServerProcess | undefined
  let fleet: ConsumingFleet | undefined
  let store: ServedStore | undefined
  let folder = ''
  afterEach(async () => {
    for (const { child } of fleet?.workers ?? []) child.kill('SIGKILL')
    await server?.kill()
    await store?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it(`process every record in order, and none behind a checkpoint again (seed ${seed})`, async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-consumer-'))
    server = await ServerProcess.start(folder)
    store = await serveStore(kind)
    const sdk = sdkClient(server.endpoint, 'test', 'http/1.1')
    const random = seededRandom(seed)
    const history = new History()
    await sdk.send(new CreateStreamCommand({ StreamName: 'consumed', ShardCount: shards }))
    const running = (fleet = new ConsumingFleet(server.endpoint, 'consumed', 'billing', store.address))
    const how = (): 'polling' | 'fan-out' => (random.float() < 0.5 ? 'polling' : 'fan-out')
    for (let i = 0; i < workers; i++) running.start(how())

    const stop = new AbortController()
    const load = { sdk, stream: 'consumed', history, random, batchMax: 4 }
    const writers = Array.from({ length: PRODUCERS }, (_, i) => write(load, `key-${i}`, stop.signal))
    const resharding = reshard({ ...load, pauseMs: 500, openMax: shards + 2 }, stop.signal)
    const counts = { kills: 0, stops: 0, pauses: 0, crashes: 0 }
    const endAt = performance.now() + seconds * 1_000
    while (performance.now() < endAt) {
      await wait(1_000 + randomBelow(random, 1_500))
      const worker = running.workers[randomBelow(random, running.workers.length)]
      if (worker === undefined) continue
      const roll = random.float()
      if (roll < 0.2 && store.crash !== undefined) {
        counts.crashes++
        await store.crash()
      } else if (roll < 0.4) {
        counts.kills++
        await running.kill(worker)
        running.start(how())
      } else if (roll < 0.7) {
        counts.stops++
        void running.stop(worker)
        running.start(how())
      } else {
        counts.pauses++
        worker.wasPaused = true
        worker.child.kill('SIGSTOP')
        await wait(1_000 + randomBelow(random, 6_000))
        worker.child.kill('SIGCONT')
      }
    }
    stop.abort()
    await Promise.all(writers)
    const reshards = await resharding
    const missing = (): readonly string[] => history.acknowledgedTexts.filter((text) => !running.done.has(text))
    const giveUpAt = performance.now() + DRAINED_MS_MAX
    while (missing().length > 0 && performance.now() < giveUpAt) await wait(200)

    const sorted = running.takeovers.toSorted((a, b) => a - b)
    const at = (share: number): string => `${Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)} ms`
    process.stdout.write(
      `consumers: ${workers} workers, leases in ${kind}, ${history.acknowledgedTexts.length} records acknowledged, ${running.repeated} processed again, ` +
        `${counts.kills} kills, ${counts.stops} stops, ${counts.pauses} pauses, ${counts.crashes} crashes of the store, ${reshards} reshards; ` +
        `${sorted.length} shards taken over from the killed, p50 ${at(0.5)}, max ${at(1)}, seed ${seed}\n`,
    )
    expect(missing()).toEqual([])
    expect(running.violations).toEqual([])
    expect(running.outOfOrder()).toEqual([])
    const endings = await Promise.all([...running.workers].map((worker) => running.stop(worker)))
    expect(endings).toEqual(endings.map(() => 0))
    sdk.destroy()
  })
})
