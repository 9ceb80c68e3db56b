/** The bounds of one input can be passed: what keeps too much, or takes too long, is told. */
import { describe, expect, it } from 'vitest'

import { checkWithinBounds } from './support/bounds.ts'
import type { Target } from './support/target.ts'

const MIB = 1024 * 1024
const input = new Uint8Array(16)
/** Lives until the bounds were looked at. */
let kept: unknown

const target = (check: () => void, memoryBytesMax?: number): Target => ({
  name: 'planted',
  specimens: [],
  generate: () => input,
  executions: 0,
  check,
  ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
})

describe('what an input may cost', () => {
  it.each([
    ['in buffers', () => void (kept = Buffer.alloc(40 * MIB))],
    ['on the heap', () => void (kept = Array.from({ length: 6 * MIB }, () => 0))],
  ])('40 MiB %s are too much', async (_where, check) => {
    await expect(checkWithinBounds(target(check), input)).rejects.toThrow('bytes of memory for 16')
    expect(kept).toBeDefined()
  })

  it('of a target that needs more, more is expected', async () => {
    await checkWithinBounds(
      target(() => void (kept = Buffer.alloc(40 * MIB)), 64 * MIB),
      input,
    )
  })

  it('and to end', async () => {
    const busy = (): void => {
      for (let before = process.cpuUsage(); process.cpuUsage(before).user < 50_000;);
    }
    await expect(checkWithinBounds({ ...target(busy), cpuMsMax: 20 }, input)).rejects.toThrow('ms of CPU')
  })
})
