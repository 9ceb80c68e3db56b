import { describe, expect, it } from 'vitest'
import { NO_DEADLINE, openHarness, part, readAll, textOf } from './testing/log-harness.ts'

describe('Log', () => {
  it('gives back what was appended, at the positions it told', async () => {
    const { log } = await openHarness()
    await log.openLedgers(
      [
        { ledger: 1, notBeforeMs: 0 },
        { ledger: 2, notBeforeMs: 0 },
      ],
      NO_DEADLINE,
    )
    const [a, b] = await Promise.all([
      log.append([part(1, 'one,', 2), part(2, 'two,')], NO_DEADLINE),
      log.append([part(1, 'three,', 3)], NO_DEADLINE),
    ])
    expect(a.map(({ failure }) => failure)).toEqual([undefined, undefined])
    const commit = a[0]?.runs[0]?.commit
    expect(b).toEqual([{ runs: [{ commit, firstIndex: 2, count: 3, timeMs: expect.any(Number) as number }] }])
    expect(textOf(await readAll(log, 1))).toBe('one,three,')
    expect(textOf(await readAll(log, 2))).toBe('two,')
    await log.close()
  })

  it('finds everything again after it was closed and opened, over many segments', async () => {
    const first = await openHarness()
    const { log, disk, clock } = first
    await log.openLedgers(
      [
        { ledger: 1, notBeforeMs: 0 },
        { ledger: 2, notBeforeMs: 0 },
      ],
      NO_DEADLINE,
    )
    let expected = ''
    for (let i = 0; i < 200; i++) {
      clock.advance(1)
      const text = `${i};`.repeat(100)
      const [result] = await log.append([part(1, text)], NO_DEADLINE)
      expect(result?.failure).toBeUndefined()
      expected += text
      if (i % 10 === 0) await log.appendMetadata(new TextEncoder().encode(`m${i}`), NO_DEADLINE)
    }
    expect(textOf(await readAll(log, 1))).toBe(expected)
    expect(log.statistics().segments).toBeGreaterThan(5)
    const bounds = await log.bounds(1)
    const changes = first.metadata.changes
    expect(changes.length).toBe(20)
    await log.close()
    const again = await openHarness({ disk, clock, seed: 2 })
    expect(again.log.health()).toEqual({ writable: true, damage: [] })
    expect(textOf(await readAll(again.log, 1))).toBe(expected)
    expect(await again.log.bounds(1)).toEqual(bounds)
    expect(again.metadata.changes).toEqual(changes)
    await again.log.close()
  })
})
