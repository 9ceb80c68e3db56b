/**
 * The contract of the engine port as tests: every engine runs all of it, from its own test file, with
 * `describeEngine(name, open)`. What only one engine promises is tested beside that engine.
 */
import { describe, expect, it } from 'vitest'
import { comparePositions, EngineError, type Position, POSITION_START } from './engine.ts'
import {
  append,
  closeShard,
  type EngineHarness,
  later,
  type OpenHarness,
  part,
  positionsOf,
  provision,
  readAll,
  textsOf,
  withEngine,
} from './contract/harness.contract.ts'
import { describeMetaStore } from './contract/meta-store.contract.ts'
import { describeModel } from './contract/model.contract.ts'
import { describeShardBounds } from './contract/shard-bounds.contract.ts'
import { describeShardReads } from './contract/shard-reads.contract.ts'
import { describeShardWrites } from './contract/shard-writes.contract.ts'

export interface DescribeEngineOptions {
  /** What it holds must survive `close` and opening again: the harness has a `reopen`. Default: false. */
  readonly durable?: boolean
  /** Runs of the comparison with the memory model. Default: 60. */
  readonly modelRuns?: number
}

export function describeEngine(name: string, open: OpenHarness, options: DescribeEngineOptions = {}): void {
  describe(name, () => {
    describeShardWrites(open)
    describeShardReads(open)
    describeShardBounds(open)
    describeMetaStore(open)
    describeClosing(open)
    if (options.durable === true) describeReopening(open)
    describeModel(open, options.modelRuns ?? 60)
  })
}

function describeClosing(open: OpenHarness): void {
  describe('closing the engine', () => {
    it(
      'lets what is queued finish, refuses what comes after, and may be done twice',
      withEngine(open, async (harness) => {
        const { engine } = harness
        await provision(harness, 1)
        const queued = engine.shards.append([part(1, 'queued')], later(harness))
        const closing = engine.close()
        expect((await queued)[0]?.failure).toBeUndefined()
        await closing
        await engine.close()
        expect(await engine.shards.append([part(1, 'late')], later(harness))).toEqual([
          { runs: [], failure: 'unavailable' },
        ])
        const change = { key: 'k', value: undefined, expect: 0 }
        const readOptions = { recordsMax: 1, bytesMax: 1, visibleFromMs: 0, ...later(harness) }
        const refused: readonly (() => Promise<unknown>)[] = [
          () => engine.meta.cas([change], later(harness)),
          () => engine.meta.get('k'),
          () => engine.meta.list(''),
          () => engine.shards.close([1], later(harness)),
          () => engine.shards.provision([{ shard: 2, notBeforeMs: 0 }], later(harness)),
          () => engine.shards.drop([1], later(harness)),
          async () => engine.shards.read(1, POSITION_START, readOptions),
          async () => engine.shards.bounds(1),
          () => engine.shards.seekTime(1, 0),
        ]
        for (const call of refused) {
          const error = await call().catch((reason: unknown) => reason)
          expect(error).toBeInstanceOf(EngineError)
          expect(error).toMatchObject({ code: 'unavailable' })
        }
        // Nobody is left waiting: who wanted room hears from `append` that there is nothing to wait for.
        await engine.shards.whenRoom(1, new AbortController().signal)
        expect(engine.health().writable).toBe(false)
      }),
    )

    it(
      'is writable and undamaged before',
      withEngine(open, async ({ engine }) => {
        expect(engine.health()).toEqual({ writable: true, damage: [] })
      }),
    )
  })
}

function describeReopening(open: OpenHarness): void {
  const reopened = async (harness: EngineHarness): Promise<EngineHarness> => {
    if (harness.reopen === undefined) throw new Error('a durable engine can be reopened')
    return harness.reopen()
  }

  describe('opening again', () => {
    it(
      'finds the same records at the same positions, the same bounds and the same ends',
      withEngine(open, async (first) => {
        await provision(first, 1, 2, 3, 4)
        await append(first, 1, 'a', 'b')
        first.clock.advance(1000)
        await append(first, 1, 'c')
        await append(first, 2, 'd')
        const end = await closeShard(first, 2)
        await first.engine.shards.drop([3], later(first))
        const before = [await readAll(first, 1), await readAll(first, 2), await readAll(first, 4)]
        const boundsBefore = await Promise.all([1, 2, 4].map(async (shard) => first.engine.shards.bounds(shard)))
        const second = await reopened(first)
        expect([await readAll(second, 1), await readAll(second, 2), await readAll(second, 4)]).toEqual(before)
        expect(await Promise.all([1, 2, 4].map(async (shard) => second.engine.shards.bounds(shard)))).toEqual(
          boundsBefore,
        )
        await expect(readAll(second, 3)).rejects.toMatchObject({ code: 'unknown-shard' })
        expect(await closeShard(second, 2)).toEqual(end)
        const [late] = await second.engine.shards.append([part(2, 'late')], later(second))
        expect(late).toEqual({ runs: [], failure: 'closed' })
      }),
    )

    it(
      'goes on above every position and time that was given, though the clock went back',
      withEngine(open, async (harness) => {
        let current = harness
        await provision(current, 1)
        const positions: Position[] = []
        for (let life = 0; life < 4; life++) {
          positions.push(...positionsOf(await append(current, 1, `${life}`)))
          current.clock.stepWall(-10_000)
          current = await reopened(current)
        }
        expect([...positions].sort(comparePositions)).toEqual(positions)
        expect(new Set(positions.map(({ commit }) => commit)).size).toBe(4)
        const { records } = await readAll(current, 1)
        const times = records.map(({ timeMs }) => timeMs)
        expect(records.map(({ text }) => text)).toEqual(['0', '1', '2', '3'])
        expect([...times].sort((a, b) => a - b)).toEqual(times)
      }),
    )

    it(
      'remembers the moment a shard was opened for, though nothing was written to it',
      withEngine(open, async (first) => {
        const notBeforeMs = first.clock.now() + 5000
        await first.engine.shards.provision([{ shard: 1, notBeforeMs }], later(first))
        const second = await reopened(first)
        const [run] = await append(second, 1, 'x')
        expect(run?.timeMs).toBe(notBeforeMs)
      }),
    )

    it(
      'finds the documents with their revisions, and gives only higher ones from then on',
      withEngine(open, async (first) => {
        const value = Uint8Array.of(1, 2, 3)
        let highest = 0
        for (let i = 0; i < 30; i++) {
          const made = await first.engine.meta.cas([{ key: `k/${i}`, value, expect: 0 }], later(first))
          highest = made.ok ? made.revision : highest
        }
        const last = await first.engine.meta.get('k/29')
        const gone = [{ key: 'k/29', value: undefined, expect: last?.revision ?? 0 }]
        const deleted = await first.engine.meta.cas(gone, later(first))
        highest = deleted.ok ? deleted.revision : highest
        const before = await first.engine.meta.list('')
        const second = await reopened(first)
        const after = await second.engine.meta.list('')
        expect(after.map(({ key, revision }) => [key, revision])).toEqual(
          before.map(({ key, revision }) => [key, revision]),
        )
        expect(after.every((entry) => Buffer.from(entry.value).equals(value))).toBe(true)
        const next = await second.engine.meta.cas([{ key: 'new', value, expect: 0 }], later(second))
        expect(next.ok ? next.revision : 0).toBeGreaterThan(highest)
        const stale = [{ key: 'k/0', value, expect: (before[0]?.revision ?? 0) + 1 }]
        expect(await second.engine.meta.cas(stale, later(second))).toEqual({ ok: false, key: 'k/0' })
      }),
    )

    it(
      'still hides nothing that was kept and shows nothing that was trimmed',
      withEngine(open, async (first) => {
        await provision(first, 1)
        await append(first, 1, 'old')
        first.clock.advance(1000)
        const beforeMs = first.clock.now()
        await append(first, 1, 'kept')
        await first.engine.shards.trim([{ shard: 1, beforeMs }])
        const second = await reopened(first)
        expect(await textsOf(second, 1, { visibleFromMs: beforeMs })).toEqual(['kept'])
      }),
    )
  })
}
