import { VirtualClock } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { append, largePart, later, part, provision, readOnce, textsOf } from '../contract/harness.contract.ts'
import { describeEngine } from '../engine.contract.ts'
import { POSITION_START } from '../engine.ts'
import { createMemoryEngine, type MemoryEngine } from './memory-engine.ts'

function open(bytesMax?: number) {
  const clock = new VirtualClock()
  const engine: MemoryEngine = createMemoryEngine({ clock, ...(bytesMax === undefined ? {} : { bytesMax }) })
  return { engine, clock, holdSyncs: () => engine.faults.holdSyncs(), dispose: () => engine.close() }
}

describeEngine('memory engine', async () => open(), { modelRuns: 20 })

describe('memory engine: its bound', () => {
  it('refuses with `no-space` beyond it, and takes more once records were trimmed or dropped', async () => {
    const harness = open(10_000)
    await provision(harness, 1, 2)
    const put = async (shard: number, bytes: number): Promise<string | undefined> => {
      return (await harness.engine.shards.append([largePart(shard, bytes)], later(harness)))[0]?.failure
    }
    expect(await put(1, 6000)).toBeUndefined()
    expect(await put(2, 6000)).toBe('no-space')
    harness.clock.advance(1)
    await harness.engine.shards.trim([{ shard: 1, beforeMs: harness.clock.now() }])
    expect(await put(2, 6000)).toBeUndefined()
    expect(await put(1, 6000)).toBe('no-space')
    await harness.engine.shards.drop([2], later(harness))
    expect(await put(1, 6000)).toBeUndefined()
  })
})

describe('memory engine: faults on demand', () => {
  it.each(['unavailable', 'no-space', 'unknown'] as const)('fails a commit as `%s` and then heals', async (failure) => {
    const harness = open()
    await provision(harness, 1)
    harness.engine.faults.failCommits(failure)
    expect(harness.engine.health()).toMatchObject({ writable: false, reason: failure })
    const [result] = await harness.engine.shards.append([part(1, 'lost')], later(harness))
    expect(result).toEqual({ runs: [], failure })
    harness.engine.faults.failCommits(failure)
    const cas = harness.engine.meta.cas([{ key: 'k', value: Uint8Array.of(1), expect: 0 }], later(harness))
    await expect(cas).rejects.toMatchObject({ code: failure })
    expect(await harness.engine.meta.get('k')).toBeUndefined()
    await append(harness, 1, 'stored')
    expect(await textsOf(harness, 1)).toEqual(['stored'])
  })

  it('can store what it calls unknown', async () => {
    const harness = open()
    await provision(harness, 1)
    harness.engine.faults.failCommits('unknown', { stored: true, commits: 2 })
    const [result] = await harness.engine.shards.append([part(1, 'there')], later(harness))
    expect(result).toEqual({ runs: [], failure: 'unknown' })
    const cas = harness.engine.meta.cas([{ key: 'k', value: Uint8Array.of(1), expect: 0 }], later(harness))
    await expect(cas).rejects.toMatchObject({ code: 'unknown' })
    expect(await textsOf(harness, 1)).toEqual(['there'])
    expect(await harness.engine.meta.get('k')).toBeDefined()
  })

  it('shows damage to readers where it was put, and nothing behind it', async () => {
    const harness = open()
    await provision(harness, 1)
    await append(harness, 1, 'before')
    const [run] = await append(harness, 1, 'damaged')
    await append(harness, 1, 'behind')
    const from = { commit: run?.commit ?? 0, index: 0 }
    const to = { commit: from.commit + 1, index: 0 }
    harness.engine.faults.damage(1, { from, to, reason: 'a test wants it' })
    const options = { recordsMax: 10, bytesMax: 1e6, visibleFromMs: 0, ...later(harness) }
    const result = await harness.engine.shards.read(1, POSITION_START, options)
    expect(result).toMatchObject({ atTip: false, ended: false, damaged: { from, to } })
    expect(result.frames).toHaveLength(1)
    expect((await readOnce(harness, 1, { from: to })).records.map(({ text }) => text)).toEqual(['behind'])
    expect(harness.engine.health().damage).toHaveLength(1)
    harness.engine.faults.damage(1, undefined)
    expect(await textsOf(harness, 1)).toEqual(['before', 'damaged', 'behind'])
  })
})
