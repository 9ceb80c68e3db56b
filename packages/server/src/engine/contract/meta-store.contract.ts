/** The promises of `MetaStore`, one sentence each. */
import { describe, expect, it } from 'vitest'
import { EngineError, META_VALUE_BYTES_MAX, type MetaChange, type MetaWatchEvent } from '../engine.ts'
import { type EngineHarness, later, type OpenHarness, withEngine } from './harness.contract.ts'

function value(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text))
}

async function put(harness: EngineHarness, key: string, text: string, revision = 0): Promise<number> {
  const result = await harness.engine.meta.cas([{ key, value: value(text), expect: revision }], later(harness))
  if (!result.ok) throw new Error(`cas of ${key} met another revision`)
  return result.revision
}

async function textOf(harness: EngineHarness, key: string): Promise<string | undefined> {
  const entry = await harness.engine.meta.get(key)
  return entry === undefined ? undefined : Buffer.from(entry.value).toString()
}

export function describeMetaStore(open: OpenHarness): void {
  describe('meta', () => {
    it(
      'has nothing under a key until it is written, and nothing again once it is deleted',
      withEngine(open, async (harness) => {
        const { meta } = harness.engine
        expect(await meta.get('s/a')).toBeUndefined()
        const revision = await put(harness, 's/a', 'one')
        expect(await meta.get('s/a')).toMatchObject({ key: 's/a', revision })
        expect(await textOf(harness, 's/a')).toBe('one')
        const gone = await meta.cas([{ key: 's/a', value: undefined, expect: revision }], later(harness))
        expect(gone.ok).toBe(true)
        expect(await meta.get('s/a')).toBeUndefined()
        expect(await meta.list('')).toEqual([])
        expect(await put(harness, 's/a', 'again')).toBeGreaterThan(revision)
      }),
    )

    it(
      'changes a key only from the revision expected',
      withEngine(open, async (harness) => {
        const { meta } = harness.engine
        const first = await put(harness, 'k', 'one')
        const second = await put(harness, 'k', 'two', first)
        expect(second).toBeGreaterThan(first)
        for (const expected of [0, first, second + 1]) {
          const result = await meta.cas([{ key: 'k', value: value('no'), expect: expected }], later(harness))
          expect(result).toEqual({ ok: false, key: 'k' })
        }
        expect(await meta.cas([{ key: 'none', value: undefined, expect: 5 }], later(harness))).toEqual({
          ok: false,
          key: 'none',
        })
        expect(await textOf(harness, 'k')).toBe('two')
      }),
    )

    it(
      'makes all changes of a call or none, with one revision',
      withEngine(open, async (harness) => {
        const { meta } = harness.engine
        const first = await put(harness, 'a', 'a1')
        const refused = await meta.cas(
          [
            { key: 'b', value: value('b1'), expect: 0 },
            { key: 'a', value: value('a2'), expect: first + 1 },
            { key: 'c', value: value('c1'), expect: 0 },
          ],
          later(harness),
        )
        expect(refused).toEqual({ ok: false, key: 'a' })
        expect((await meta.list('')).map(({ key }) => key)).toEqual(['a'])
        const taken = await meta.cas(
          [
            { key: 'b', value: value('b1'), expect: 0 },
            { key: 'a', value: undefined, expect: first },
          ],
          later(harness),
        )
        expect(taken.ok).toBe(true)
        expect((await meta.list('')).map(({ key, revision }) => [key, revision])).toEqual([
          ['b', taken.ok ? taken.revision : 0],
        ])
      }),
    )

    it(
      'lets exactly one of many that expect the same revision win',
      withEngine(open, async (harness) => {
        let revision = await put(harness, 'k', 'start')
        for (let round = 0; round < 10; round++) {
          const changes = Array.from({ length: 12 }, (_, i): readonly MetaChange[] => [
            { key: 'k', value: value(`${round}:${i}`), expect: revision },
          ])
          const results = await Promise.all(changes.map((change) => harness.engine.meta.cas(change, later(harness))))
          const won = results.flatMap((result, i) => (result.ok ? [{ i, revision: result.revision }] : []))
          expect(won).toHaveLength(1)
          expect(await textOf(harness, 'k')).toBe(`${round}:${won[0]?.i}`)
          revision = won[0]?.revision ?? 0
        }
      }),
    )

    it(
      'counts a chain of increments from many hands without losing one',
      withEngine(open, async (harness) => {
        const increment = async (): Promise<void> => {
          for (;;) {
            const entry = await harness.engine.meta.get('n')
            const next = Number(entry === undefined ? 0 : Buffer.from(entry.value).toString()) + 1
            const change = { key: 'n', value: value(`${next}`), expect: entry?.revision ?? 0 }
            if ((await harness.engine.meta.cas([change], later(harness))).ok) return
          }
        }
        await Promise.all(Array.from({ length: 12 }, increment))
        expect(await textOf(harness, 'n')).toBe('12')
      }),
    )

    it(
      'lists the keys of a prefix in their order',
      withEngine(open, async (harness) => {
        for (const key of ['s/b', 's/a/2', 's', 't/a', 's/a/10', 's/ä', 'S/a', 's/']) await put(harness, key, key)
        const keysOf = async (prefix: string): Promise<readonly string[]> => {
          return (await harness.engine.meta.list(prefix)).map(({ key }) => key)
        }
        expect(await keysOf('s/')).toEqual(['s/', 's/a/10', 's/a/2', 's/b', 's/ä'])
        expect(await keysOf('s/a/')).toEqual(['s/a/10', 's/a/2'])
        expect(await keysOf('')).toHaveLength(8)
        expect(await keysOf('nothing')).toEqual([])
      }),
    )

    it(
      'tells a watcher of each later change of its prefix before the call resolves, each call at once, in order',
      withEngine(open, async (harness) => {
        await put(harness, 's/early', 'x')
        const calls: (readonly MetaWatchEvent[])[] = []
        const watching = harness.engine.meta.watch('s/', (events) => calls.push(events))
        const first = await put(harness, 's/a', '1')
        expect(calls).toEqual([[{ key: 's/a', value: value('1'), revision: first }]])
        await put(harness, 't/a', 'other')
        const both = await harness.engine.meta.cas(
          [
            { key: 's/a', value: undefined, expect: first },
            { key: 't/b', value: value('other'), expect: 0 },
            { key: 's/b', value: value('2'), expect: 0 },
          ],
          later(harness),
        )
        const revision = both.ok ? both.revision : 0
        expect(calls[1]).toEqual([
          { key: 's/a', value: undefined, revision },
          { key: 's/b', value: value('2'), revision },
        ])
        await harness.engine.meta.cas([{ key: 's/b', value: value('3'), expect: 1 }], later(harness))
        expect(calls).toHaveLength(2)
        watching[Symbol.dispose]()
        await put(harness, 's/c', 'unheard')
        expect(calls).toHaveLength(2)
      }),
    )

    it(
      'shows a watcher and a reader the same order when many write at once',
      withEngine(open, async (harness) => {
        const revisions: number[] = []
        using _watching = harness.engine.meta.watch('', (events) => {
          for (const { revision } of events) revisions.push(revision)
        })
        const written = await Promise.all(Array.from({ length: 30 }, (_, i) => put(harness, `k${i}`, `${i}`)))
        expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
        expect(revisions).toEqual([...written].sort((a, b) => a - b))
        expect(new Set(revisions).size).toBe(30)
      }),
    )

    it(
      'keeps a document of the greatest size, and refuses a larger one as a mistake',
      withEngine(open, async (harness) => {
        const greatest = new Uint8Array(META_VALUE_BYTES_MAX).fill(7)
        const result = await harness.engine.meta.cas([{ key: 'big', value: greatest, expect: 0 }], later(harness))
        expect(result.ok).toBe(true)
        greatest.fill(0)
        const kept = await harness.engine.meta.get('big')
        expect(kept?.value.length).toBe(META_VALUE_BYTES_MAX)
        expect(kept?.value.every((byte) => byte === 7)).toBe(true)
        const larger = new Uint8Array(META_VALUE_BYTES_MAX + 1)
        const refused = harness.engine.meta.cas([{ key: 'bigger', value: larger, expect: 0 }], later(harness))
        await expect(refused).rejects.toThrow('at most 131072')
        expect(await harness.engine.meta.get('bigger')).toBeUndefined()
      }),
    )

    it(
      'refuses a call that changes nothing or one key twice as a mistake',
      withEngine(open, async (harness) => {
        const twice = { key: 'k', value: value('x'), expect: 0 }
        await expect(harness.engine.meta.cas([], later(harness))).rejects.toThrow('at least one key')
        await expect(harness.engine.meta.cas([twice, twice], later(harness))).rejects.toThrow('each key once')
      }),
    )

    it(
      'shows nothing before it is durable, and says `unknown` at the deadline',
      withEngine(open, async (harness) => {
        const told: string[] = []
        using _watching = harness.engine.meta.watch('', (events) => told.push(...events.map(({ key }) => key)))
        const held = harness.holdSyncs()
        const options = { deadlineMs: harness.clock.monotonic() + 1000 }
        const changing = harness.engine.meta.cas([{ key: 'k', value: value('x'), expect: 0 }], options)
        const answer = changing.then(
          () => undefined,
          (error: unknown) => error,
        )
        await held.reached
        expect(await harness.engine.meta.get('k')).toBeUndefined()
        expect(told).toEqual([])
        harness.clock.advance(1000)
        const error = await answer
        expect(error).toBeInstanceOf(EngineError)
        expect(error).toMatchObject({ code: 'unknown' })
        held.release()
        // The next change is decided after that one, so by now it is known what became of it.
        await put(harness, 'next', 'y')
        const kept = await textOf(harness, 'k')
        expect([undefined, 'x']).toContain(kept)
        expect(told).toEqual(kept === undefined ? ['next'] : ['k', 'next'])
      }),
    )

    it(
      'decides a call that follows another before that one has settled by what it will leave',
      withEngine(open, async (harness) => {
        const held = harness.holdSyncs()
        const first = harness.engine.meta.cas([{ key: 'k', value: value('1'), expect: 0 }], later(harness))
        const second = harness.engine.meta.cas([{ key: 'k', value: value('2'), expect: 0 }], later(harness))
        await held.reached
        held.release()
        expect((await first).ok).toBe(true)
        expect(await second).toEqual({ ok: false, key: 'k' })
        expect(await textOf(harness, 'k')).toBe('1')
      }),
    )
  })
}
