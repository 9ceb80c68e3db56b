import { SHARD_READS_PER_SECOND } from '@millrace/protocol'
import { sleep } from '@millrace/std'
import { runClock, seededRandom, VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { ScriptedStream, SHARD } from '../testing/scripted-stream.ts'
import { type OpenRetrieval, polling } from './retrieval.ts'

const PUTS_PER_SECOND = 20
/** Everybody begins at the pace of one that is alone; what is measured begins when they know of each other. */
const SETTLED_MS = 30_000
const END_MS = 150_000

/** Applications that poll one shard of five reads a second, which gets records at random moments. */
class SharedShard {
  readonly clock = new VirtualClock()
  readonly stream = new ScriptedStream(this.clock)
  /** From a put to when an application has read it, ms. */
  readonly delaysMs: number[] = []
  /** By application. */
  readonly reads: number[] = []
  refused = 0
  readonly #random

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.stream.recordsPerAnswer = 1_000
  }

  async run(applications: number, open: OpenRetrieval, endpoint = 'http://localhost:4567'): Promise<this> {
    const { clock, stream } = this
    const service = Object.assign(stream, { endpoint: new URL(endpoint) })
    const over = new AbortController()
    const reading = Array.from({ length: applications }, async (_, i) => {
      const random = seededRandom(this.#random.float() * 2 ** 31)
      const retrieval = open({ service, application: `app-${i}`, clock, random })
      const onTrouble = (): void => void (this.refused += Number(clock.monotonic() > SETTLED_MS))
      await using reader = retrieval.open({
        stream: 's',
        shardId: SHARD,
        position: { kind: 'trim-horizon' },
        onTrouble,
      })
      await sleep(clock, this.#random.float() * 1_000)
      this.reads[i] = 0
      while (!over.signal.aborted) {
        const { records } = await reader.next(over.signal)
        if (clock.monotonic() < SETTLED_MS) continue
        this.reads[i]++
        for (const { ApproximateArrivalTimestamp: atMs = 0 } of records) this.delaysMs.push(clock.now() - atMs)
      }
    })
    const putting = async (): Promise<void> => {
      while (clock.monotonic() < END_MS) {
        stream.put()
        await sleep(clock, -Math.log(1 - this.#random.float()) * (1_000 / PUTS_PER_SECOND))
      }
      over.abort()
    }
    await runClock(clock, Promise.all([putting(), Promise.allSettled(reading)]))
    this.delaysMs.sort((a, b) => a - b)
    return this
  }

  delayMs(share: number): number {
    return this.delaysMs[Math.floor(this.delaysMs.length * share)] ?? Number.NaN
  }

  get refusedShare(): number {
    return this.refused / (this.refused + this.reads.reduce((sum, reads) => sum + reads, 0))
  }
}

describe('applications that poll one shard', () => {
  describe.each([1, 2, 3, 4, 5, 8])('%i of them', (applications) => {
    it.each([1, 2])('wait little longer than their share of the reads takes, seed %i', async (seed) => {
      const shard = await new SharedShard(seed).run(applications, polling())
      const shareMs = Math.max(250, (applications * 1_000) / SHARD_READS_PER_SECOND)
      expect(shard.delayMs(0.5)).toBeLessThan(0.6 * shareMs)
      expect(shard.delayMs(0.99)).toBeLessThan(1.5 * shareMs)
      expect(shard.refusedShare).toBeLessThan(applications > 5 ? 0.2 : 0.08)
      expect(Math.min(...shard.reads) / Math.max(...shard.reads)).toBeGreaterThan(0.4)
    })
  })

  it('fit five on AWS, where each asks once a second', async () => {
    const shard = await new SharedShard(1).run(5, polling(), 'https://kinesis.eu-central-1.amazonaws.com')
    expect(shard.delayMs(0.99)).toBeLessThan(1_500)
    expect(shard.refusedShare).toBeLessThan(0.05)
  })

  it('share it also where each is told that there are no limits', async () => {
    const open = polling({ readsPerSecond: Infinity, bytesPerSecond: Infinity, pollIntervalMs: 0 })
    const shard = await new SharedShard(1).run(3, open)
    expect(shard.delayMs(0.99)).toBeLessThan(1_500)
    expect(shard.refusedShare).toBeLessThan(0.1)
  })
})
