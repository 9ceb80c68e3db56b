/** The promises of `ShardStore.read`, one sentence each. */
import { describe, expect, it } from 'vitest'
import { comparePositions, PART_BYTES_MAX, type Position, POSITION_START } from '../engine.ts'
import {
  append,
  closeShard,
  largePart,
  later,
  type OpenHarness,
  positionsOf,
  provision,
  readAll,
  readOnce,
  textsOf,
  withEngine,
} from './harness.contract.ts'

export function describeShardReads(open: OpenHarness): void {
  describe('read', () => {
    it(
      'begins at, before and after every record and bound',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const positions: Position[] = []
        for (const texts of [['a'], ['b', 'c', 'd'], ['e']])
          positions.push(...positionsOf(await append(harness, 1, ...texts)))
        const all = ['a', 'b', 'c', 'd', 'e']
        const { end } = await harness.engine.shards.bounds(1)
        const oldest = await harness.engine.shards.seekTime(1, 0)
        expect(await textsOf(harness, 1, { from: POSITION_START })).toEqual(all)
        expect(await textsOf(harness, 1, { from: oldest })).toEqual(all)
        for (let i = 0; i < positions.length; i++) {
          const { commit, index } = positions[i] ?? POSITION_START
          expect(await textsOf(harness, 1, { from: { commit, index } })).toEqual(all.slice(i))
          // After the last record of a commit, and in the gap between two commits.
          const after = positions.filter((other) => comparePositions(other, { commit, index: index + 1 }) < 0).length
          expect(await textsOf(harness, 1, { from: { commit, index: index + 1 } })).toEqual(all.slice(after))
          expect(await textsOf(harness, 1, { from: { commit, index: 65_535 } })).toEqual(
            all.slice(positions.filter((other) => other.commit <= commit).length),
          )
        }
        const beyond = { commit: end.commit + 1000, index: 0 }
        for (const from of [end, beyond]) {
          expect(await readOnce(harness, 1, { from })).toEqual({ records: [], next: from, atTip: true, ended: false })
        }
      }),
    )

    it(
      'stops at the frame that reaches a limit, gives one at least, and goes on where it stopped',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const expected = []
        for (let i = 0; i < 12; i++) {
          const texts = [`${i}-a`, `${i}-b`]
          await append(harness, 1, ...texts)
          expected.push(...texts)
        }
        for (const limit of [{ recordsMax: 1 }, { recordsMax: 5 }, { bytesMax: 1 }, { bytesMax: 70 }]) {
          const first = await readOnce(harness, 1, limit)
          expect(first.atTip).toBe(false)
          expect(first.records.length).toBeGreaterThan(0)
          expect(first.records.length).toBeLessThanOrEqual(8)
          expect(await textsOf(harness, 1, limit)).toEqual(expected)
        }
      }),
    )

    it(
      'counts records from where it begins, also in the midst of a frame',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const [, , third] = positionsOf(await append(harness, 1, 'a', 'b', 'c', 'd'))
        await append(harness, 1, 'e')
        await append(harness, 1, 'f')
        const { records } = await readOnce(harness, 1, { from: third ?? POSITION_START, recordsMax: 3 })
        expect(records.map(({ text }) => text)).toEqual(['c', 'd', 'e'])
      }),
    )

    it(
      'counts no bytes of a frame that it begins in the midst of',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        const [, second] = positionsOf(await append(harness, 1, 'a'.repeat(1_000), 'b'))
        await append(harness, 1, 'c')
        await append(harness, 1, 'd')
        const { records } = await readOnce(harness, 1, { from: second ?? POSITION_START, bytesMax: 10 })
        expect(records.map(({ text }) => text)).toEqual(['b', 'c'])
      }),
    )

    it(
      'says that a closed shard has ended only to who has read everything',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        await append(harness, 1, 'a')
        await append(harness, 1, 'b')
        expect((await readAll(harness, 1)).ended).toBe(false)
        const end = await closeShard(harness, 1)
        const first = await readOnce(harness, 1, { recordsMax: 1 })
        expect(first.ended).toBe(false)
        const second = await readOnce(harness, 1, { from: first.next })
        expect(second).toMatchObject({ atTip: true, ended: true, next: end })
        expect(await readOnce(harness, 1, { from: end })).toEqual({ records: [], next: end, atTip: true, ended: true })
      }),
    )

    it(
      'hides what is older than asked for, and leads the reader past it',
      withEngine(open, async (harness) => {
        await provision(harness, 1)
        await append(harness, 1, 'old')
        harness.clock.advance(1000)
        const visibleFromMs = harness.clock.now()
        const hidden = await readOnce(harness, 1, { visibleFromMs })
        const { end: tip } = await harness.engine.shards.bounds(1)
        expect(hidden).toEqual({ records: [], next: tip, atTip: true, ended: false })
        await append(harness, 1, 'new')
        expect(await textsOf(harness, 1, { visibleFromMs })).toEqual(['new'])
        expect(await textsOf(harness, 1, { visibleFromMs, from: hidden.next })).toEqual(['new'])
        expect(await textsOf(harness, 1, { visibleFromMs: visibleFromMs - 1000 })).toEqual(['old', 'new'])
        const end = await closeShard(harness, 1)
        const allHidden = await readAll(harness, 1, { visibleFromMs: visibleFromMs + 1 })
        expect(allHidden).toEqual({ records: [], next: end, atTip: true, ended: true })
      }),
    )

    it(
      'lends bytes that stay what they are while the shard is written, trimmed and dropped',
      withEngine(open, async (harness) => {
        await provision(harness, 1, 2)
        const texts = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(3000))
        for (const text of texts) await append(harness, 1, text)
        const options = { recordsMax: 1000, bytesMax: 1e9, visibleFromMs: 0, ...later(harness) }
        const result = await harness.engine.shards.read(1, POSITION_START, options)
        const before = result.frames.map(({ bytes }) => Buffer.from(bytes).toString('latin1'))
        harness.clock.advance(100_000)
        await harness.engine.shards.trim([{ shard: 1, beforeMs: harness.clock.now() }])
        await harness.engine.shards.drop([1], later(harness))
        for (let i = 0; i < 40; i++)
          await harness.engine.shards.append([largePart(2, PART_BYTES_MAX - 8, i)], later(harness))
        await harness.engine.shards.trim([{ shard: 2, beforeMs: harness.clock.now() }])
        expect(result.frames.map(({ bytes }) => Buffer.from(bytes).toString('latin1'))).toEqual(before)
        result.release()
      }),
    )
  })
}
