/**
 * The engine against the memory model: random histories run on both, and every answer must be the same. Positions
 * and revisions differ between engines; they are compared as the number of the record or change they stand for.
 */
import { VirtualClock } from '@millrace/std/testing'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { comparePositions, EngineError, type Part, type Position, POSITION_START } from '../engine.ts'
import { createMemoryEngine } from '../memory/memory-engine.ts'
import { type EngineHarness, later, type OpenHarness, part, positionsOf, readAll } from './harness.contract.ts'

const SHARDS = [1, 2, 3, 4]
const KEYS = ['a', 'b', 's/a', 's/b']

type Write =
  | { readonly kind: 'append'; readonly parts: readonly { readonly shard: number; readonly records: number }[] }
  | { readonly kind: 'close'; readonly shard: number }

type Operation =
  | { readonly kind: 'provision'; readonly shards: readonly number[]; readonly aheadMs: number }
  | { readonly kind: 'burst'; readonly writes: readonly Write[] }
  | { readonly kind: 'drop' | 'bounds'; readonly shard: number }
  | { readonly kind: 'trim' | 'seek'; readonly shard: number; readonly agoMs: number }
  | {
      readonly kind: 'read'
      readonly shard: number
      readonly from: number
      readonly recordsMax: number
      readonly visibleAgoMs: number
    }
  | {
      readonly kind: 'cas'
      readonly changes: readonly { readonly key: string; readonly text: string | undefined; readonly stale: boolean }[]
    }
  | { readonly kind: 'list'; readonly prefix: string }
  | { readonly kind: 'advance' | 'stepWall'; readonly ms: number }
  | { readonly kind: 'reopen' }

const shard = fc.constantFrom(...SHARDS)
const agoMs = fc.integer({ min: -100, max: 3000 })
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      parts: fc.array(fc.record({ shard, records: fc.integer({ min: 1, max: 5 }) }), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), shard }) },
)
const change = fc.record({
  key: fc.constantFrom(...KEYS),
  text: fc.option(fc.string({ maxLength: 20 }), { nil: undefined }),
  stale: fc.integer({ min: 0, max: 3 }).map((chance) => chance === 0),
})

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('provision' as const),
      shards: fc.subarray(SHARDS, { minLength: 1 }),
      aheadMs: fc.integer({ min: -1000, max: 1000 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('burst' as const),
      writes: fc.array(write, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), shard }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('bounds' as const), shard }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('trim' as const), shard, agoMs }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('seek' as const), shard, agoMs }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      shard,
      from: fc.integer({ min: -1, max: 40 }),
      recordsMax: fc.constantFrom(1, 3, 1000),
      visibleAgoMs: fc.oneof(fc.constant(1e9), agoMs),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('cas' as const),
      changes: fc.uniqueArray(change, { minLength: 1, maxLength: 3, selector: ({ key }) => key }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('list' as const), prefix: fc.constantFrom('', 's/', 'x') }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 900 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('stepWall' as const), ms: fc.integer({ min: -900, max: 900 }) }),
  },
  { weight: 1, arbitrary: fc.constant<Operation>({ kind: 'reopen' }) },
)

/** One engine, and what is needed to compare its positions and revisions with another's. */
class World {
  harness: EngineHarness
  /** Positions of all records ever stored in a shard, in order. */
  readonly #stored = new Map<number, Position[]>()
  readonly #dropped = new Set<number>()
  readonly #watched: string[] = []
  #records = 0
  #watching: Disposable

  constructor(harness: EngineHarness) {
    this.harness = harness
    this.#watching = this.#watch()
  }

  /** Does the operation and returns what it said, free of this engine's own numbers. */
  async run(op: Operation): Promise<unknown> {
    const { engine, clock } = this.harness
    switch (op.kind) {
      case 'advance':
        return clock.advance(op.ms)
      case 'stepWall':
        return clock.stepWall(op.ms)
      case 'reopen':
        return this.#reopen()
      case 'provision': {
        // A shard's number is never used again.
        const shards = op.shards.filter((ref) => !this.#dropped.has(ref))
        const notBeforeMs = clock.now() + op.aheadMs
        const opening = shards.map((ref) => ({ shard: ref, notBeforeMs }))
        return this.#outcome(() => engine.shards.provision(opening, later(this.harness)))
      }
      case 'burst':
        return this.#burst(op.writes)
      case 'drop':
        this.#dropped.add(op.shard)
        this.#stored.delete(op.shard)
        return this.#outcome(() => engine.shards.drop([op.shard], later(this.harness)))
      case 'trim':
        return this.#outcome(() => engine.shards.trim([{ shard: op.shard, beforeMs: clock.now() - op.agoMs }]))
      case 'bounds':
        return this.#outcome(async () => {
          const { end, endTimeMs, closed } = await engine.shards.bounds(op.shard)
          const oldest = await engine.shards.seekTime(op.shard, 0)
          return { oldest: this.#ordinalOf(op.shard, oldest), end: this.#ordinalOf(op.shard, end), endTimeMs, closed }
        })
      case 'seek':
        return this.#outcome(async () => {
          return this.#ordinalOf(op.shard, await engine.shards.seekTime(op.shard, clock.now() - op.agoMs))
        })
      case 'read':
        return this.#outcome(() => this.#read(op.shard, op.from, op.recordsMax, clock.now() - op.visibleAgoMs))
      case 'cas':
        return this.#cas(op.changes)
      case 'list': {
        const entries = await engine.meta.list(op.prefix)
        return entries.map(({ key, value }) => [key, Buffer.from(value).toString()])
      }
    }
  }

  /** Everything that is there at the end, and what a watcher was told on the way. */
  async picture(): Promise<unknown> {
    const shards = []
    for (const ref of SHARDS) {
      shards.push(await this.run({ kind: 'bounds', shard: ref }))
      shards.push(await this.run({ kind: 'read', shard: ref, from: -1, recordsMax: 1000, visibleAgoMs: 1e9 }))
    }
    return { shards, meta: await this.run({ kind: 'list', prefix: '' }), watched: this.#watched }
  }

  async #outcome<T>(act: () => Promise<T>): Promise<T | string> {
    try {
      return await act()
    } catch (error) {
      if (error instanceof EngineError) return error.code
      throw error
    }
  }

  async #reopen(): Promise<void> {
    if (this.harness.reopen === undefined) return
    this.#watching[Symbol.dispose]()
    this.harness = await this.harness.reopen()
    this.#watching = this.#watch()
  }

  #watch(): Disposable {
    return this.harness.engine.meta.watch('s/', (events) => {
      this.#watched.push(events.map(({ key, value }) => `${key}=${value && Buffer.from(value).toString()}`).join(','))
    })
  }

  async #burst(writes: readonly Write[]): Promise<unknown> {
    const { shards } = this.harness.engine
    const running = writes.map(async (one) => {
      if (one.kind === 'close') {
        return this.#outcome(async () => {
          const [closed] = await shards.close([one.shard], later(this.harness))
          return closed?.closedAtMs
        })
      }
      const parts = one.parts.map(({ shard: ref, records }): Part => {
        return part(ref, ...Array.from({ length: records }, () => `${this.#records++}`))
      })
      const results = await shards.append(parts, later(this.harness))
      results.forEach(({ runs }, i) => this.#remember(parts[i]?.shard ?? 0, positionsOf(runs)))
      return results.map(({ runs, failure }) => {
        return { failure, counts: runs.map(({ count }) => count), times: runs.map(({ timeMs }) => timeMs) }
      })
    })
    return Promise.all(running)
  }

  #remember(ref: number, positions: readonly Position[]): void {
    const stored = [...(this.#stored.get(ref) ?? []), ...positions]
    this.#stored.set(ref, stored.sort(comparePositions))
  }

  /** How many records of the shard lie before a position. */
  #ordinalOf(ref: number, position: Position): number {
    return (this.#stored.get(ref) ?? []).filter((other) => comparePositions(other, position) < 0).length
  }

  async #read(ref: number, from: number, recordsMax: number, visibleFromMs: number): Promise<unknown> {
    const start = from < 0 ? POSITION_START : this.#stored.get(ref)?.[from]
    const at = start ?? (await this.harness.engine.shards.bounds(ref)).end
    const { records, next, ended } = await readAll(this.harness, ref, { from: at, recordsMax, visibleFromMs })
    const seen = records.map(({ text, timeMs, at: position }) => [text, timeMs, this.#ordinalOf(ref, position)])
    // Where nothing was seen, a reader may stand before or after what was trimmed: there is nothing between.
    return { seen, next: seen.length > 0 || ended ? this.#ordinalOf(ref, next) : undefined, ended }
  }

  async #cas(changes: Extract<Operation, { kind: 'cas' }>['changes']): Promise<unknown> {
    const { meta } = this.harness.engine
    const expected = await Promise.all(changes.map(async ({ key }) => (await meta.get(key))?.revision ?? 0))
    const result = await meta.cas(
      changes.map(({ key, text, stale }, i) => {
        const value = text === undefined ? undefined : Buffer.from(text)
        return { key, value, expect: (expected[i] ?? 0) + (stale ? 1 : 0) }
      }),
      later(this.harness),
    )
    return result.ok ? 'ok' : result.key
  }
}

function openModel(): World {
  const clock = new VirtualClock()
  const engine = createMemoryEngine({ clock })
  return new World({ engine, clock, holdSyncs: () => engine.faults.holdSyncs(), dispose: () => engine.close() })
}

export function describeModel(open: OpenHarness, runs: number): void {
  describe('random histories', () => {
    it('give the same answers as on the memory model', { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 60 }), async (operations) => {
          const subject = new World(await open())
          const model = openModel()
          try {
            for (const [step, op] of operations.entries()) {
              const answer = await subject.run(op)
              expect({ step, op, answer }).toEqual({ step, op, answer: await model.run(op) })
            }
            expect(await subject.picture()).toEqual(await model.picture())
          } finally {
            await subject.harness.dispose()
            await model.harness.dispose()
          }
        }),
        { numRuns: runs },
      )
    })
  })
}
