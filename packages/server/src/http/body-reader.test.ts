import { PassThrough } from 'node:stream'

import { systemClock } from '@millrace/std'
import { describe, expect, it } from 'vitest'

import { BodyBudget } from './body-budget.ts'
import { type BodyOutcome, readBody } from './body-reader.ts'
import { Deadlines } from './deadlines.ts'
import { frontDoorLimits } from './limits.ts'

const MiB = 1024 * 1024
const PIECE_BYTES = 64 * 1024

/** A fresh piece each time, as a socket gives them: the reader may give their memory away. */
const piece = (n: number): Buffer => Buffer.allocUnsafeSlow(PIECE_BYTES).fill(n)

function read(budget: BodyBudget, length: number | undefined): { source: PassThrough; outcome: Promise<BodyOutcome> } {
  const source = new PassThrough()
  const deadline = new Deadlines(systemClock, 100).start(60_000, () => {})
  const outcome = new Promise<BodyOutcome>((resolve) =>
    readBody({ source, length, limits: frontDoorLimits, budget, deadline }, (found) => {
      deadline.cancel()
      resolve(found)
    }),
  )
  return { source, outcome }
}

describe('readBody', () => {
  it.each([
    { pieces: 1, announced: true },
    { pieces: 8, announced: false },
    { pieces: 16, announced: true },
    { pieces: 17, announced: true },
    { pieces: 200, announced: true },
    { pieces: 200, announced: false },
  ])('charges every byte it holds: $pieces pieces, announced: $announced', async ({ pieces, announced }) => {
    const budget = new BodyBudget({ bytesMax: 64 * MiB, pipelinedBytesMax: MiB, waitMs: 500, clock: systemClock })
    const { source, outcome } = read(budget, announced ? pieces * PIECE_BYTES : undefined)
    const expected = Buffer.concat(Array.from({ length: pieces }, (_, n) => piece(n)))
    for (let n = 0; n < pieces; n++) source.write(piece(n))
    source.end()
    const found = await outcome
    if (found.kind !== 'complete') throw new Error(`expected a complete body, found ${found.kind}`)
    expect(expected.equals(found.body)).toBe(true)
    expect(budget.bytes).toBe(pieces * PIECE_BYTES)
    found.claim.release()
    expect(budget.bytes).toBe(0)
  })

  it('does not read on beyond the budget, however large the body has become', async () => {
    const budget = new BodyBudget({ bytesMax: 4 * MiB, pipelinedBytesMax: MiB, waitMs: 60_000, clock: systemClock })
    const { source, outcome } = read(budget, 8 * MiB)
    for (let n = 0; n < 127; n++) source.write(piece(n))
    await expect.poll(() => source.isPaused()).toBe(true)
    expect(budget.bytes).toBeLessThanOrEqual(4 * MiB + PIECE_BYTES)
    source.destroy()
    expect((await outcome).kind).toBe('gone')
    expect(budget.bytes).toBe(0)
  })
})
