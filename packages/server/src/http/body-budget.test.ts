import { VirtualClock } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'

import { BodyBudget, type BodyClaim } from './body-budget.ts'

let clock: VirtualClock
let budget: BodyBudget
let told: string[]

/** A body whose owner, given up, lets go at once. */
function body(name: string): BodyClaim {
  const claim = budget.claim({
    resume: () => told.push(`${name} resumes`),
    giveUp: () => {
      told.push(`${name} gives up`)
      claim.release()
    },
  })
  return claim
}

beforeEach(() => {
  clock = new VirtualClock()
  budget = new BodyBudget({ bytesMax: 1000, pipelinedBytesMax: 100, waitMs: 100, clock })
  told = []
})

describe('the budget of bodies', () => {
  it('pauses who goes beyond it, and resumes in order as room comes back', () => {
    const first = body('first')
    expect(first.grow(1000)).toBe(true)
    first.complete()
    expect(body('second').grow(10)).toBe(false)
    expect(body('third').grow(10)).toBe(false)
    first.release()
    expect(told).toEqual(['second resumes'])
    expect(budget.bytes).toBe(20)
  })

  it('gives up the body that has been silent longest', () => {
    body('silent').grow(400)
    clock.advance(50)
    body('less silent').grow(500)
    clock.advance(200)
    body('good').grow(200)
    clock.advance(100)
    expect(told).toEqual(['silent gives up', 'good resumes'])
  })

  it('gives up the largest of those that wait when nobody is silent', () => {
    const large = body('large')
    large.grow(700)
    const small = body('small')
    small.grow(299)
    small.grow(2)
    large.grow(1)
    clock.advance(100)
    expect(told).toEqual(['large gives up', 'small resumes'])
  })

  it('waits for complete bodies instead: their answers make room', () => {
    const handled = body('handled')
    handled.grow(900)
    handled.complete()
    body('good').grow(200)
    clock.advance(1000)
    expect(told).toEqual([])
    handled.release()
    expect(told).toEqual(['good resumes'])
  })

  it('counts what waits behind other requests, which may be a part of it and is given back once', () => {
    const kept = budget.keep(60)
    expect(budget.keep(41)).toBeUndefined()
    expect(budget.bytes).toBe(60)
    expect(body('first').grow(950)).toBe(false)
    kept?.release()
    kept?.release()
    expect(told).toEqual(['first resumes'])
    expect(budget.bytes).toBe(950)
    expect(budget.keep(100)).toBeDefined()
  })

  it('holds nothing after everybody let go, and no timer', () => {
    const bodies = ['a', 'b', 'c'].map(body)
    for (const claim of bodies) claim.grow(600)
    for (const claim of bodies) claim.release()
    for (const claim of bodies) claim.release()
    expect(budget.bytes).toBe(0)
    clock.advance(100)
    expect(clock.pendingTimers).toBe(0)
  })
})
