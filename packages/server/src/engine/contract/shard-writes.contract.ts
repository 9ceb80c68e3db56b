/** The promises of `ShardStore` about making, writing and closing shards, one sentence each. */
import { describe, expect, it } from 'vitest'
import {
  comparePositions,
  EngineError,
  PART_BYTES_MAX,
  PART_RECORDS_MAX,
  type Position,
  POSITION_START,
} from '../engine.ts'
import { PartsEncoder } from '../record-batch.ts'
import {
  append,
  closeShard,
  largePart,
  later,
  type OpenHarness,
  part,
  positionsOf,
  provision,
  readAll,
  textsOf,
  withEngine,
} from './harness.contract.ts'

export function describeShardWrites(open: OpenHarness): void {
  describe('append', () => {
    it(
      'stores records that are read back byte for byte at the positions and the time it gave',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const runs = await append(harness, 1, 'one', '', 'three')
        const { records } = await readAll(harness, 1)
        expect(records.map(({ text }) => text)).toEqual(['one', '', 'three'])
        expect(records.map(({ at }) => at)).toEqual(positionsOf(runs))
        expect(new Set(records.map(({ timeMs }) => timeMs))).toEqual(new Set(runs.map(({ timeMs }) => timeMs)))
        expect(runs[0]?.timeMs).toBe(harness.clock.now())
      }),
    )

    it(
      'answers for each part of one call on its own: stored, closed, never provisioned',
      withEngine(open, async (harness) => {
        await provision(harness, 1, 2, 3)
        await closeShard(harness, 2)
        const results = await harness.engine.shards.append(
          [part(1, 'a'), part(2, 'b'), part(99, 'c'), part(3, 'd', 'e'), part(1, 'f')],
          later(harness),
        )
        expect(results.map(({ failure }) => failure)).toEqual([undefined, 'closed', 'closed', undefined, undefined])
        expect(results.map(({ runs }) => positionsOf(runs).length)).toEqual([1, 0, 0, 2, 1])
        expect([await textsOf(harness, 1), await textsOf(harness, 2), await textsOf(harness, 3)]).toEqual([
          ['a', 'f'],
          [],
          ['d', 'e'],
        ])
      }),
    )

    it(
      'has nothing to say about no parts',
      withEngine(open, async (harness) => {
        expect(await harness.engine.shards.append([], later(harness))).toEqual([])
      }),
    )

    it(
      'gives an append that begins after another was answered the higher position',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const positions: Position[] = []
        for (let i = 0; i < 20; i++) positions.push(...positionsOf(await append(harness, 1, `${i}`)))
        for (let i = 1; i < positions.length; i++) {
          expect(comparePositions(positions[i - 1] ?? POSITION_START, positions[i] ?? POSITION_START)).toBeLessThan(0)
        }
      }),
    )

    it(
      'keeps the order of one call and gives no position twice, however many calls there are at once',
      withEngine(open, async (harness) => {
        await provision(harness, 1, 2)
        const calls = Array.from({ length: 50 }, (_, call) => {
          return harness.engine.shards.append(
            [part(1, `${call}a`, `${call}b`), part(2, `${call}`), part(1, `${call}c`)],
            later(harness),
          )
        })
        const results = await Promise.all(calls)
        const { records } = await readAll(harness, 1)
        expect(records).toHaveLength(150)
        const textAt = new Map(records.map(({ at, text }) => [`${at.commit}/${at.index}`, text]))
        expect(textAt.size).toBe(150)
        results.forEach((parts, call) => {
          const positions = [0, 2].flatMap((i) => positionsOf(parts[i]?.runs ?? []))
          expect(positions.map(({ commit, index }) => textAt.get(`${commit}/${index}`))).toEqual(
            ['a', 'b', 'c'].map((letter) => `${call}${letter}`),
          )
          expect([...positions].sort(comparePositions)).toEqual(positions)
        })
        expect(await textsOf(harness, 2)).toHaveLength(50)
      }),
    )

    it(
      'does not need the bytes any more once it has settled',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const mine = part(1, 'precious')
        await harness.engine.shards.append([mine], later(harness))
        mine.bytes.fill(0xff)
        expect(await textsOf(harness, 1)).toEqual(['precious'])
      }),
    )

    it(
      'takes one record of 10 MiB, and a request of 10 MiB beside small ones',
      withEngine(
        () => open({ largeRecords: true }),
        async (harness) => {
          await provision(harness, 1, 2)
          const tenMiB = 10 * 1024 * 1024
          const [one] = await harness.engine.shards.append([largePart(1, tenMiB, 7)], later(harness))
          expect(one?.failure).toBeUndefined()
          const many = Array.from({ length: 41 }, (_, i) => largePart(2, PART_BYTES_MAX - 8, i))
          const [spread, small] = await Promise.all([
            harness.engine.shards.append(many, later(harness)),
            harness.engine.shards.append([part(1, 'small')], later(harness)),
          ])
          expect(spread.every(({ failure }) => failure === undefined)).toBe(true)
          const lastOfMany = positionsOf(spread.at(-1)?.runs ?? [])[0] ?? POSITION_START
          const smallOne = positionsOf(small[0]?.runs ?? [])[0] ?? POSITION_START
          expect(smallOne.commit).toBeLessThan(lastOfMany.commit)
          const { records } = await readAll(harness, 1)
          expect(records.map(({ text }) => text.length)).toEqual([tenMiB, 5])
          const filled = await readAll(harness, 2)
          expect(filled.records.map(({ text }) => text.charCodeAt(0))).toEqual(many.map((_, i) => i))
        },
      ),
    )

    it(
      'keeps the index of a record within 16 bits when many calls at once bring more',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const empty = new Uint8Array(0)
        const requests = Array.from({ length: 20 }, () => {
          const encoder = new PartsEncoder()
          for (let i = 0; i < PART_RECORDS_MAX; i++) encoder.add(i, 1, undefined, undefined, empty)
          return encoder.encode().parts
        })
        const results = await Promise.all(requests.map((parts) => harness.engine.shards.append(parts, later(harness))))
        const positions = results.flat().flatMap(({ runs }) => positionsOf(runs))
        expect(positions).toHaveLength(20 * PART_RECORDS_MAX)
        expect(positions.every(({ index }) => index < 65_536)).toBe(true)
        const { records } = await readAll(harness, 1, { bytesMax: 100_000 })
        expect(records.map(({ at }) => at)).toEqual([...positions].sort(comparePositions))
      }),
    )
  })

  describe('time', () => {
    it(
      'never steps back in a shard, whatever the wall clock does',
      withEngine(open, async (harness) => {
        const start = harness.clock.now()
        await provision(harness, 1)
        await append(harness, 1, 'first')
        harness.clock.stepWall(-60_000)
        await append(harness, 1, 'during')
        harness.clock.stepWall(61_000)
        await append(harness, 1, 'after')
        const { records } = await readAll(harness, 1)
        expect(records.map(({ timeMs }) => timeMs - start)).toEqual([0, 0, 1000])
      }),
    )

    it(
      'is not before the moment a shard was opened for',
      withEngine(open, async (harness) => {
        const notBeforeMs = harness.clock.now() + 2000
        await harness.engine.shards.provision([{ shard: 1, notBeforeMs }], later(harness))
        const [run] = await append(harness, 1, 'early')
        expect(run?.timeMs).toBe(notBeforeMs)
        const [closed] = await harness.engine.shards.close([1], later(harness))
        expect(closed?.closedAtMs).toBeGreaterThanOrEqual(notBeforeMs)
      }),
    )
  })

  describe('provision', () => {
    it(
      'leaves a shard that exists as it is, open or closed',
      withEngine(open, async (harness) => {
        await provision(harness, 1, 2)
        await append(harness, 1, 'kept')
        const end = await closeShard(harness, 2)
        await provision(harness, 1, 2, 3)
        expect(await textsOf(harness, 1)).toEqual(['kept'])
        expect(await harness.engine.shards.bounds(2)).toMatchObject({ closed: true, end })
        await append(harness, 3, 'new')
      }),
    )

    it.each(['read', 'bounds', 'seekTime', 'close'] as const)(
      '%s of a shard that was never made is `unknown-shard`',
      (call) =>
        withEngine(open, async ({ engine, clock }) => {
          const options = { recordsMax: 1, bytesMax: 1, visibleFromMs: 0, deadlineMs: clock.monotonic() + 1000 }
          const calls = {
            read: async () => engine.shards.read(5, POSITION_START, options),
            bounds: async () => engine.shards.bounds(5),
            seekTime: async () => engine.shards.seekTime(5, 0),
            close: async () => engine.shards.close([5], options),
          }
          const failed = await calls[call]().catch((error: unknown) => error)
          expect(failed).toBeInstanceOf(EngineError)
          expect(failed).toMatchObject({ code: 'unknown-shard' })
        })(),
    )
  })

  describe('close', () => {
    it(
      'gives the same end each time, above every record, and takes nothing more',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const positions = positionsOf(await append(harness, 1, 'a', 'b'))
        const end = await closeShard(harness, 1)
        expect(positions.every((position) => comparePositions(position, end) < 0)).toBe(true)
        const [late] = await harness.engine.shards.append([part(1, 'late')], later(harness))
        expect(late).toEqual({ runs: [], failure: 'closed' })
        const closedAtMs = harness.clock.now()
        harness.clock.advance(1000)
        expect(await harness.engine.shards.close([1], later(harness))).toEqual([{ end, closedAtMs }])
        expect(await textsOf(harness, 1)).toEqual(['a', 'b'])
        expect(await harness.engine.shards.bounds(1)).toMatchObject({ end, closed: true })
      }),
    )

    it(
      'closes several at once, an empty one too, and no other',
      withEngine(open, async (harness) => {
        await provision(harness, 1, 2, 3)
        await append(harness, 2, 'x')
        harness.clock.advance(10)
        const closed = await harness.engine.shards.close([1, 2], later(harness))
        expect(closed).toHaveLength(2)
        for (const { closedAtMs } of closed) expect(closedAtMs).toBe(harness.clock.now())
        expect(await readAll(harness, 1)).toMatchObject({ records: [], ended: true, next: closed[0]?.end })
        await append(harness, 3, 'open')
      }),
    )

    it(
      'decides the appends queued before it first, and refuses those after',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const before = harness.engine.shards.append([part(1, 'before')], later(harness))
        const closing = harness.engine.shards.close([1], later(harness))
        const after = harness.engine.shards.append([part(1, 'after')], later(harness))
        expect((await before)[0]?.failure).toBeUndefined()
        await closing
        expect((await after)[0]).toEqual({ runs: [], failure: 'closed' })
        expect(await textsOf(harness, 1)).toEqual(['before'])
      }),
    )

    it(
      'races appends without letting one in behind its end',
      withEngine(open, async (harness) => {
        for (let shard = 1; shard <= 10; shard++) {
          await provision(harness, shard)
          const stored: string[] = []
          const positions: Position[] = []
          const write = async (name: string): Promise<void> => {
            const [result] = await harness.engine.shards.append([part(shard, name)], later(harness))
            expect([undefined, 'closed']).toContain(result?.failure)
            if (result?.failure !== undefined) return
            stored.push(name)
            positions.push(...positionsOf(result?.runs ?? []))
          }
          const writers = Array.from({ length: 8 }, async (_, writer) => {
            for (let i = 0; i < 6; i++) await write(`${writer}:${i}`)
          })
          for (let i = 0; i < shard; i++) await write(`own:${i}`)
          const end = await closeShard(harness, shard)
          await Promise.all(writers)
          const found = await readAll(harness, shard)
          expect(found.records.map(({ text }) => text).sort()).toEqual(stored.sort())
          expect(positions.every((position) => comparePositions(position, end) < 0)).toBe(true)
          expect(found).toMatchObject({ ended: true, next: end })
        }
      }),
    )
  })
}
