import { VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'

import { AnswerBudget } from './answer-budget.ts'

const MiB = 1024 * 1024
const WAIT_MS = 1_000

let clock: VirtualClock
let budget: AnswerBudget
let gone: string[]
beforeEach(() => {
  clock = new VirtualClock()
  budget = new AnswerBudget({ bytesMax: 10 * MiB, waitMs: WAIT_MS, clock })
  gone = []
})

const claim = (name: string, pieces: readonly Uint8Array[]) => budget.claim(pieces, () => gone.push(name))

describe('AnswerBudget', () => {
  it('gives back what an answer held, once', () => {
    const held = claim('a', [new Uint8Array(4 * MiB), new Uint8Array(MiB)])
    expect(budget.bytes).toBe(5 * MiB)
    held?.release()
    held?.release()
    expect(budget.bytes).toBe(0)
  })

  it('counts once what answers share, until the last of them is gone', () => {
    const shared = new Uint8Array(8 * MiB)
    const all = ['a', 'b', 'c'].map((name) => claim(name, [shared.subarray(0, 4 * MiB), shared.subarray(4 * MiB)]))
    expect(budget.bytes).toBe(8 * MiB)
    all[0]?.release()
    all[1]?.release()
    expect(budget.bytes).toBe(8 * MiB)
    all[2]?.release()
    expect(budget.bytes).toBe(0)
  })

  it('counts a small answer by the memory under it, and gives it always', () => {
    claim('a', [new Uint8Array(10 * MiB)])
    const small = claim('b', [new Uint8Array(4 * MiB).subarray(0, 10)])
    expect(budget.bytes).toBe(14 * MiB)
    small?.release()
    claim('c', [new Uint8Array(64 * 1024).subarray(0, 10)])
    expect(budget.bytes).toBe(10 * MiB)
  })

  it('refuses a large answer while those who hold the room have had no time, then takes the oldest place', () => {
    claim('a', [new Uint8Array(5 * MiB)])
    clock.advance(WAIT_MS / 2)
    claim('b', [new Uint8Array(5 * MiB)])
    expect(claim('c', [new Uint8Array(4 * MiB)])).toBeUndefined()
    expect(gone).toEqual([])
    clock.advance(WAIT_MS / 2)
    expect(claim('c', [new Uint8Array(4 * MiB)])).toBeDefined()
    expect(gone).toEqual(['a'])
    expect(budget.bytes).toBe(9 * MiB)
  })

  it('gives one that is larger than all of it, alone, and small ones always', () => {
    expect(claim('a', [new Uint8Array(20 * MiB)])).toBeDefined()
    expect(claim('b', [new Uint8Array(MiB)])).toBeUndefined()
    expect(claim('c', [new Uint8Array(MiB - 1)])).toBeDefined()
    expect(claim('d', [new Uint8Array(10)])).toBeDefined()
  })
})
