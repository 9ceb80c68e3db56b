import { deferred } from '@millrace/std'
import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { CallWatch, type CallWatchOptions } from './call-watch.ts'
import type { ShardConsumerError } from './shard-consumer-error.ts'
import type { ShardHappening } from './shard-event.ts'

const MINUTE_MS = 60_000
const never = (): Promise<void> => new Promise(() => {})

function watching(options: Partial<CallWatchOptions> = {}) {
  const clock = new VirtualClock()
  const told: ShardHappening[] = []
  const hung: ShardConsumerError[] = []
  const watch = new CallWatch({
    slowMs: 30_000,
    hangMs: Infinity,
    shard: { stream: 'orders', shardId: 'shardId-0' },
    clock,
    emit: (happening) => told.push(happening),
    onHung: (error) => hung.push(error),
    ...options,
  })
  return { clock, told, hung, watch }
}

describe('a call that does not come back', () => {
  it('is told as slow, as stuck after five minutes, and again after twice as long each time', () => {
    const { clock, told, watch } = watching()
    void watch.time('schema', never)
    clock.advance(25 * MINUTE_MS)
    expect(told).toEqual([
      { kind: 'slow', call: 'schema', elapsedMs: 30_000 },
      ...[5, 10, 20].map((minutes) => ({ kind: 'stuck', call: 'schema', elapsedMs: minutes * MINUTE_MS })),
    ])
  })

  it('is no more stuck than slow where slow is long', () => {
    const { clock, told, watch } = watching({ slowMs: 4 * MINUTE_MS })
    void watch.time('process', never)
    clock.advance(8 * MINUTE_MS)
    expect(told.map((one) => 'elapsedMs' in one && one.elapsedMs)).toEqual([4 * MINUTE_MS, 8 * MINUTE_MS])
  })

  it('hangs after the time that is set', () => {
    const { clock, hung, watch } = watching({ hangMs: MINUTE_MS })
    void watch.time('process', never)
    void watch.time('schema', never)
    clock.advance(MINUTE_MS)
    expect(hung.map(({ code }) => code)).toEqual(['processor-hung', 'schema-hung'])
    expect(hung[1]?.message).toMatch(
      /^The schema's parse of records of shardId-0 of orders has not returned for 60000 ms/,
    )
  })

  it('is not told of when its shard is left, nor one that begins then', () => {
    const { clock, told, watch } = watching({ hangMs: MINUTE_MS })
    void watch.time('process', never)
    watch.end()
    void watch.time('process', never)
    expect(clock.pendingTimers).toBe(0)
    expect(told).toEqual([])
  })
})

it('tells how long a call took that is about no records', async () => {
  const { clock, told, watch } = watching()
  const gate = deferred<void>()
  const timed = watch.time('shardEnded', () => gate.promise)
  clock.advance(7)
  gate.resolve()
  await timed
  await watch.time('process', () => undefined)
  expect(told).toEqual([{ kind: 'called', call: 'shardEnded', durationMs: 7 }])
  expect(clock.pendingTimers).toBe(0)
})
