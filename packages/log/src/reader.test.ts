/** What a read holds in memory: also what lies between frames that are fetched together. */
import { describe, expect, it } from 'vitest'
import type { ReadResult } from './api.ts'
import { KIB } from './limits.ts'
import { POSITION_START } from './position.ts'
import { type Harness, NO_DEADLINE, openHarness, part, readAll, textOf } from './testing/log-harness.ts'

const READ_BYTES_MAX = 64 * KIB
const READ = { recordsMax: 10_000, bytesMax: 1 << 20, visibleFromMs: 0, ...NO_DEADLINE }
const ROUNDS = 40

/** Tiny frames of ledger 1, each 8 KiB of ledger 2 apart, none of them in the tail. */
async function scattered(): Promise<Harness> {
  const harness = await openHarness({ segmentBytes: 1024 * KIB, tailBytesMax: 4 * KIB, readBytesMax: READ_BYTES_MAX })
  const { log } = harness
  await log.openLedgers(
    [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 })),
    NO_DEADLINE,
  )
  for (let round = 0; round < ROUNDS; round++) {
    await log.append([part(1, `${round};`), part(2, '.'.repeat(8 * KIB))], NO_DEADLINE)
  }
  return harness
}

/** Bytes that reads ask the disk for from now on. */
function bytesRead({ disk }: Harness): { total: number } {
  const seen = { total: 0 }
  disk.onOperation = ({ kind, bytes }) => void (kind === 'read' && (seen.total += bytes))
  return seen
}

describe('what a read holds', () => {
  it('counts what lies between scattered frames, and ends before it is more than the bound', async () => {
    const harness = await scattered()
    const seen = bytesRead(harness)
    const result = await harness.log.read(1, POSITION_START, READ)
    expect(result.frames.length).toBeGreaterThan(1)
    expect(result.atTip).toBe(false)
    expect(seen.total).toBeLessThanOrEqual(READ_BYTES_MAX)
    result.release()
    expect((await readAll(harness.log, 1)).length).toBe(ROUNDS)
    await harness.log.close()
  })

  it('is counted until it is given back: further reads wait', async () => {
    const harness = await scattered()
    const seen = bytesRead(harness)
    const first = await harness.log.read(1, POSITION_START, READ)
    let second: ReadResult | undefined
    const waiting = Promise.resolve(harness.log.read(1, POSITION_START, READ)).then((result) => (second = result))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(second).toBeUndefined()
    expect(seen.total).toBeLessThanOrEqual(READ_BYTES_MAX)
    first.release()
    const { frames, release } = await waiting
    expect(frames.length).toBe(first.frames.length)
    release()
    await harness.log.close()
  })
})

describe('a read that begins in the midst of a frame', () => {
  it('is read into again when it was given back, and not before, nor twice', async () => {
    const harness = await openHarness({ segmentBytes: 1024 * KIB, tailBytesMax: 4 * KIB })
    const { log } = harness
    await log.openLedgers(
      [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 })),
      NO_DEADLINE,
    )
    for (let round = 0; round < 20; round++)
      await log.append([part(1, 'a'.repeat(6 * KIB)), part(2, 'b'.repeat(6 * KIB))], NO_DEADLINE)
    const read = async (ledger: number): Promise<ReadResult> => await log.read(ledger, POSITION_START, READ)
    const isSameMemory = (one: ReadResult, other: ReadResult): boolean =>
      one.frames[0]?.bytes.buffer === other.frames[0]?.bytes.buffer
    const first = await read(1)
    const second = await read(1)
    expect(isSameMemory(first, second)).toBe(false)
    second.release()
    second.release()
    const third = await read(2)
    const fourth = await read(2)
    expect(isSameMemory(second, third)).toBe(true)
    for (const earlier of [first, third]) expect(isSameMemory(earlier, fourth)).toBe(false)
    expect(textOf(first.frames)).toMatch(/^a{100000,}$/)
    for (const { frames } of [third, fourth]) expect(textOf(frames)).toMatch(/^b{100000,}$/)
    for (const { release } of [first, third, fourth]) release()
    await log.close()
  })

  it('takes as many records as were asked for, from the tail, from files, and over the end of a segment', async () => {
    const harness = await openHarness({ segmentBytes: 64 * KIB, tailBytesMax: 16 * KIB })
    const { log } = harness
    await log.openLedgers(
      [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 })),
      NO_DEADLINE,
    )
    const append = async (ledger: number, text: string, records = 1): Promise<number> => {
      const [result] = await log.append([part(ledger, text, records)], NO_DEADLINE)
      return result?.runs[0]?.commit ?? 0
    }
    const commits = [await append(1, 'four', 4), await append(1, 'two', 2)]
    const from = { commit: commits[0] ?? 0, index: 3 }
    const found = async (recordsMax: number): Promise<readonly number[]> => {
      const result = await log.read(1, from, { ...READ, recordsMax })
      result.release()
      return result.frames.map(({ commit }) => commit)
    }
    expect(await found(1)).toEqual(commits.slice(0, 1))
    expect(await found(3)).toEqual(commits)
    for (let filled = 0; filled < 128 * KIB; filled += 8 * KIB) await append(2, '.'.repeat(8 * KIB))
    commits.push(await append(1, 'one'))
    expect(await found(1)).toEqual(commits.slice(0, 1))
    expect(await found(3)).toEqual(commits.slice(0, 2))
    expect(await found(4)).toEqual(commits)
    await log.close()
  })

  it('takes as many bytes as were asked for behind that frame, from the tail, from files, and over the end of a segment', async () => {
    const harness = await openHarness({ segmentBytes: 64 * KIB, tailBytesMax: 16 * KIB })
    const { log } = harness
    await log.openLedgers(
      [1, 2].map((ledger) => ({ ledger, notBeforeMs: 0 })),
      NO_DEADLINE,
    )
    const append = async (ledger: number, bytes: number, records = 1): Promise<number> => {
      const [result] = await log.append([part(ledger, '.'.repeat(bytes), records)], NO_DEADLINE)
      return result?.runs[0]?.commit ?? 0
    }
    const commits = [await append(1, 400, 4), await append(1, 10), await append(1, 10)]
    const found = async (index: number, bytesMax: number): Promise<readonly number[]> => {
      const from = { commit: commits[0] ?? 0, index }
      const result = await log.read(1, from, { ...READ, recordsMax: 100, bytesMax })
      result.release()
      return result.frames.map(({ commit }) => commit)
    }
    const expectFound = async (): Promise<void> => {
      expect(await found(0, 400)).toEqual(commits.slice(0, 1))
      expect(await found(3, 10)).toEqual(commits.slice(0, 2))
      expect(await found(3, 20)).toEqual(commits.slice(0, 3))
    }
    await expectFound()
    for (let filled = 0; filled < 128 * KIB; filled += 8 * KIB) await append(2, 8 * KIB)
    commits.push(await append(1, 10))
    await expectFound()
    expect(await found(3, 21)).toEqual(commits)
    await log.close()
  })
})
