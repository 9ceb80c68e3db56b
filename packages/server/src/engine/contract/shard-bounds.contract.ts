/** The promises of `ShardStore` about bounds, seeking, wake-ups, trimming, deadlines and room. */
import { describe, expect, it } from 'vitest'
import { comparePositions, EngineError, PART_BYTES_MAX, type Position, POSITION_START } from '../engine.ts'
import {
  append,
  closeShard,
  type EngineHarness,
  largePart,
  later,
  type OpenHarness,
  part,
  positionsOf,
  provision,
  readAll,
  readOnce,
  textsOf,
  withEngine,
} from './harness.contract.ts'

/** Waits until the shard has grown beyond `from`, as a reader of the service does: listen, look, wait. */
async function waitForMore(harness: EngineHarness, shard: number, from: Position): Promise<void> {
  let wake = (): void => {}
  const grown = new Promise<void>((resolve) => (wake = resolve))
  const listening = harness.engine.shards.onAdvance((shards) => {
    if (shards.includes(shard)) wake()
  })
  const { records, ended } = await readOnce(harness, shard, { from })
  if (records.length === 0 && !ended) await grown
  listening[Symbol.dispose]()
}

export function describeShardBounds(open: OpenHarness): void {
  describe('bounds', () => {
    it(
      'are the place just after the newest record, and its time',
      withEngine(open, async (harness) => {
        const notBeforeMs = harness.clock.now() + 500
        await harness.engine.shards.provision([{ shard: 1, notBeforeMs }], later(harness))
        const empty = await harness.engine.shards.bounds(1)
        expect(empty).toMatchObject({ closed: false })
        expect(empty.endTimeMs).toBeGreaterThanOrEqual(notBeforeMs)
        const first = positionsOf(await append(harness, 1, 'a', 'b'))
        harness.clock.advance(1000)
        const second = positionsOf(await append(harness, 1, 'c'))
        const { end, endTimeMs, closed } = await harness.engine.shards.bounds(1)
        expect([endTimeMs, closed]).toEqual([harness.clock.now(), false])
        expect(comparePositions(end, second[0] ?? POSITION_START)).toBeGreaterThan(0)
        expect(comparePositions(empty.end, first[0] ?? POSITION_START)).toBeLessThanOrEqual(0)
        expect((await readAll(harness, 1)).next).toEqual(end)
        expect(await textsOf(harness, 1, { from: empty.end })).toEqual(['a', 'b', 'c'])
        const [next] = positionsOf(await append(harness, 1, 'd'))
        expect(comparePositions(end, next ?? POSITION_START)).toBeLessThanOrEqual(0)
        expect(await textsOf(harness, 1, { from: end })).toEqual(['d'])
      }),
    )
  })

  describe('seekTime', () => {
    it(
      'finds the first record at or after a time, or the end',
      withEngine(open, async (harness) => {
        await provision(harness, 1, 2)
        const startMs = harness.clock.now()
        const positions: Position[] = []
        for (let i = 0; i < 5; i++) {
          positions.push(...positionsOf(await append(harness, 1, `${i}`)))
          harness.clock.advance(1000)
        }
        const { end } = await harness.engine.shards.bounds(1)
        const cases: readonly (readonly [number, Position | undefined])[] = [
          [0, positions[0]],
          [startMs, positions[0]],
          [startMs + 1, positions[1]],
          [startMs + 1000, positions[1]],
          [startMs + 3999, positions[4]],
          [startMs + 4000, positions[4]],
          [startMs + 4001, end],
          [startMs + 1e9, end],
        ]
        for (const [timeMs, expected] of cases) {
          expect([timeMs, await harness.engine.shards.seekTime(1, timeMs)]).toEqual([timeMs, expected])
        }
        expect(await harness.engine.shards.seekTime(2, startMs)).toEqual((await harness.engine.shards.bounds(2)).end)
      }),
    )
  })

  describe('onAdvance', () => {
    it(
      'tells of shards that grew or closed before the call that did it settles, with the records already readable',
      withEngine(open, async (harness) => {
        await provision(harness, 1, 2, 3)
        const told: (readonly number[])[] = []
        let endWhenTold: unknown
        const listening = harness.engine.shards.onAdvance((shards) => {
          told.push([...shards].sort())
          endWhenTold = harness.engine.shards.bounds(2)
        })
        const results = await harness.engine.shards.append([part(2, 'x'), part(3, 'y')], later(harness))
        expect(told).toEqual([[2, 3]])
        const [at] = positionsOf(results[0]?.runs ?? [])
        const { end } = (await endWhenTold) as { readonly end: Position }
        expect(comparePositions(end, at ?? POSITION_START)).toBeGreaterThan(0)
        await harness.engine.shards.close([1], later(harness))
        expect(told).toEqual([[2, 3], [1]])
        listening[Symbol.dispose]()
        await append(harness, 1 + 1, 'unheard')
        expect(told).toHaveLength(2)
      }),
    )

    it(
      'loses no wake-up between a read that finds nothing and the wait after it',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const total = 200
        const writer = async (): Promise<void> => {
          for (let i = 0; i < total; i++) await append(harness, 1, `${i}`)
          await closeShard(harness, 1)
        }
        const reader = async (): Promise<readonly string[]> => {
          const texts: string[] = []
          let from = POSITION_START
          for (;;) {
            const { records, next, ended } = await readOnce(harness, 1, { from })
            texts.push(...records.map(({ text }) => text))
            if (ended) return texts
            from = next
            await waitForMore(harness, 1, from)
          }
        }
        const [first, second] = await Promise.all([reader(), reader(), writer()])
        expect(first).toEqual(Array.from({ length: total }, (_, i) => `${i}`))
        expect(second).toEqual(first)
      }),
    )
  })

  describe('trim and drop', () => {
    it(
      'trim keeps everything at or after its time, and never brings back what it took',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        await append(harness, 1, 'old')
        harness.clock.advance(1000)
        const beforeMs = harness.clock.now()
        await append(harness, 1, 'kept')
        const { end } = await harness.engine.shards.bounds(1)
        await harness.engine.shards.trim([
          { shard: 1, beforeMs },
          { shard: 77, beforeMs },
        ])
        expect(await textsOf(harness, 1, { visibleFromMs: beforeMs })).toEqual(['kept'])
        const oldest = await harness.engine.shards.seekTime(1, 0)
        await harness.engine.shards.trim([{ shard: 1, beforeMs: 0 }])
        expect(comparePositions(await harness.engine.shards.seekTime(1, 0), oldest)).toBeGreaterThanOrEqual(0)
        expect((await harness.engine.shards.bounds(1)).end).toEqual(end)
        harness.clock.advance(1)
        await harness.engine.shards.trim([{ shard: 1, beforeMs: harness.clock.now() }])
        const [next] = positionsOf(await append(harness, 1, 'next'))
        expect(comparePositions(end, next ?? POSITION_START)).toBeLessThanOrEqual(0)
        expect(await textsOf(harness, 1, { visibleFromMs: harness.clock.now() })).toEqual(['next'])
      }),
    )

    it(
      'drop forgets a shard and its records, twice if asked, and touches no other',
      withEngine(open, async (harness) => {
        await provision(harness, 1, 2)
        await append(harness, 1, 'gone')
        await append(harness, 2, 'stays')
        for (let i = 0; i < 2; i++) await harness.engine.shards.drop([1, 99], later(harness))
        await expect(readAll(harness, 1)).rejects.toMatchObject({ code: 'unknown-shard' })
        const [late] = await harness.engine.shards.append([part(1, 'late')], later(harness))
        expect(late).toEqual({ runs: [], failure: 'closed' })
        expect(await textsOf(harness, 2)).toEqual(['stays'])
      }),
    )
  })

  describe('deadline', () => {
    /** A put that failed may be there or not if it is `unknown`, and else must not be; never twice. */
    const expectHonest = async (harness: EngineHarness, text: string, failure: string | undefined): Promise<void> => {
      const count = (await textsOf(harness, 1)).filter((found) => found === text).length
      if (failure === undefined) expect(count).toBe(1)
      else if (failure === 'unknown') expect(count).toBeLessThanOrEqual(1)
      else expect(count).toBe(0)
    }

    it(
      'that has passed before the call is answered honestly',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        harness.clock.advance(1000)
        const deadlineMs = harness.clock.monotonic()
        const [result] = await harness.engine.shards.append([part(1, 'late')], { deadlineMs })
        expect([undefined, 'unknown', 'unavailable']).toContain(result?.failure)
        await append(harness, 1, 'behind')
        await expectHonest(harness, 'late', result?.failure)
      }),
    )

    it(
      'that passes during the sync makes the outcome unknown, and whoever waits behind it too',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const held = harness.holdSyncs()
        const options = { deadlineMs: harness.clock.monotonic() + 1000 }
        const syncing = harness.engine.shards.append([part(1, 'syncing')], options)
        await held.reached
        const waiting = harness.engine.shards.append([part(1, 'waiting')], options)
        const closing = harness.engine.shards.close([1], options).then(
          () => 'closed',
          (error: unknown) => error,
        )
        harness.clock.advance(1000)
        const [first] = await syncing
        const [second] = await waiting
        expect(first).toEqual({ runs: [], failure: 'unknown' })
        expect(['unknown', 'unavailable']).toContain(second?.failure)
        const error = await closing
        expect(error).toBeInstanceOf(EngineError)
        held.release()
        // Whether or not that close took effect, this one does, and the shard is whole.
        const end = await closeShard(harness, 1)
        expect(await readAll(harness, 1)).toMatchObject({ ended: true, next: end })
        await expectHonest(harness, 'syncing', 'unknown')
        await expectHonest(harness, 'waiting', second?.failure)
      }),
    )

    it(
      'that passes after the sync changes nothing',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const options = { deadlineMs: harness.clock.monotonic() + 1000 }
        const [result] = await harness.engine.shards.append([part(1, 'in time')], options)
        harness.clock.advance(5000)
        expect(result?.failure).toBeUndefined()
        expect(await textsOf(harness, 1)).toEqual(['in time'])
      }),
    )

    it(
      'shows nothing to readers before the sync is done',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const { end } = await harness.engine.shards.bounds(1)
        const told: number[] = []
        using _listening = harness.engine.shards.onAdvance((shards) => told.push(...shards))
        const held = harness.holdSyncs()
        const appending = append(harness, 1, 'x')
        await held.reached
        expect(await textsOf(harness, 1)).toEqual([])
        expect((await harness.engine.shards.bounds(1)).end).toEqual(end)
        expect(told).toEqual([])
        held.release()
        await appending
        expect(told).toEqual([1])
        expect(await textsOf(harness, 1)).toEqual(['x'])
      }),
    )
  })

  describe('room', () => {
    it(
      'shrinks while appends wait; what is beyond it is refused without a trace, and it comes back',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const room = harness.engine.shards.room()
        expect(room).toBeGreaterThan(10 * 1024 * 1024)
        const held = harness.holdSyncs()
        const appends = []
        const request = Array.from({ length: 16 }, () => largePart(1, PART_BYTES_MAX - 8))
        for (let sent = 0; sent < room + 4 * 16 * PART_BYTES_MAX; sent += 16 * PART_BYTES_MAX) {
          appends.push(harness.engine.shards.append(request, later(harness)))
        }
        await held.reached
        expect(harness.engine.shards.room()).toBeLessThan(16 * PART_BYTES_MAX)
        const abort = new AbortController()
        const impatient = harness.engine.shards.whenRoom(room, abort.signal)
        abort.abort(new Error('enough'))
        await expect(impatient).rejects.toThrow('enough')
        const patient = harness.engine.shards.whenRoom(room, new AbortController().signal)
        held.release()
        const results = (await Promise.all(appends)).flat()
        await patient
        const failures = new Set(results.map(({ failure }) => failure))
        expect(failures).toEqual(new Set([undefined, 'overloaded']))
        expect(harness.engine.shards.room()).toBe(room)
        const stored = results.filter(({ failure }) => failure === undefined).length
        expect(await textsOf(harness, 1)).toHaveLength(stored)
      }),
    )
  })
}
