import { deferred } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import type { RecordProcessor } from './record-processor.ts'
import { polling } from './retrieval/retrieval.ts'
import { SimulatedStream } from './testing/simulated-stream.ts'
import { Bench } from './testing/worker-bench.ts'

describe('a worker whose application or sink', () => {
  it('leaves a shard to others for a minute where its dead letters are refused for good: nobody has to resume it', async () => {
    const bench = new Bench()
    const { shardId } = bench.stream.put('key', new Uint8Array(1))
    let refusals = 0
    const poison = async (): Promise<void> => {
      if (refusals++ === 0) throw Object.assign(new Error('There is no such stream.'), { retryable: false })
    }
    const worker = bench.worker('a', { failure: { retry: { retries: 0 }, poison } })
    void worker.run(() => {
      return {
        processRecords() {
          throw new Error('No.')
        },
      }
    })
    await bench.pass(20_000)
    expect((await bench.stored()).find((lease) => lease.shardId === shardId)).toMatchObject({ paused: false })
    expect(bench.events).toContainEqual(
      expect.objectContaining({
        kind: 'shard-left',
        result: { outcome: 'failed', error: expect.objectContaining({ code: 'dead-letter-refused' }) },
      }),
    )
    await bench.pass(70_000)
    expect(bench.events.filter(({ kind }) => kind === 'dead-lettered')).toHaveLength(1)
    await Promise.all([worker.stop(), bench.pass(5_000)])
  })

  it('holds a loop up reads no more of its many shards than the bound of all, and one answer each', async () => {
    const bench = new Bench()
    const stream = new SimulatedStream('orders', 16, bench.clock)
    for (let i = 0; i < 2_000; i++) stream.put(`key-${i}`, new Uint8Array(100))
    const retrieval = polling({ recordsMax: 10 })
    const worker = bench.worker('a', { of: stream, retrieval, prefetch: { workerBytesMax: 1_000 } })
    const held = deferred<void>()
    let records = 0
    const loop = async (): Promise<void> => {
      for await (const batch of worker.batches()) {
        await held.promise
        if ((records += batch.records.length) === 2_000) break
      }
    }
    const looping = loop()
    await bench.pass(30_000)
    const reads = bench.events.flatMap((event) => (event.kind === 'read' ? [event.bytes] : []))
    expect(reads.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(1_000 + 16 * 1_000)
    held.resolve()
    await Promise.all([looping, bench.pass(60_000)])
    expect(records).toBe(2_000)
  })

  describe('that is stopped by what it calls', () => {
    it.each(['run', 'each'] as const)('finishes that: %s', async (face) => {
      const bench = new Bench()
      bench.stream.put('key', new Uint8Array(1))
      const worker = bench.worker('a')
      const stop = (): void => void worker.stop()
      const processRecords: RecordProcessor['processRecords'] = async ({ checkpointer }) => {
        stop()
        await checkpointer.checkpoint()
      }
      const running = face === 'run' ? worker.run(() => ({ processRecords })) : worker.each(stop)
      await bench.pass(5_000)
      await running
      const left = bench.events.flatMap((event) => (event.kind === 'shard-left' ? [event.result] : []))
      expect(left).toHaveLength(2)
      expect(left).toEqual(left.map(() => ({ outcome: 'released', reason: 'stop', isClean: true })))
      expect(
        (await bench.stored()).filter(({ checkpoint }) => checkpoint.sequenceNumber !== 'TRIM_HORIZON'),
      ).toHaveLength(1)
    })

    it('finishes the batch of a loop that does not wait for it', async () => {
      const bench = new Bench()
      bench.stream.put('key', new Uint8Array(1))
      const worker = bench.worker('a')
      const loop = async (): Promise<void> => {
        for await (const batch of worker.batches()) {
          void worker.stop()
          await batch.checkpoint()
        }
      }
      await Promise.all([loop(), bench.pass(5_000)])
      expect(
        (await bench.stored()).filter(({ checkpoint }) => checkpoint.sequenceNumber !== 'TRIM_HORIZON'),
      ).toHaveLength(1)
    })
  })
})
