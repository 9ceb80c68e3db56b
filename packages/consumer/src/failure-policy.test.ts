import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { checkFailurePolicy, type Failed, type FailurePolicy, nextStep } from './failure-policy.ts'

const next = (policy: FailurePolicy, failed: Partial<Failed>): string =>
  nextStep(policy, { records: 8, failures: 1, isPart: false, ...failed }, seededRandom(1)).next

describe('the next step after a failure', () => {
  it.each([
    ['by default always another try', {}, { failures: 1_000_000 }, 'retry'],
    ['tries as long as there are retries', { retry: { retries: 3 } }, { failures: 3 }, 'retry'],
    ['then halves', { retry: { retries: 3 } }, { failures: 4 }, 'bisect'],
    ['halves at once without retries', { retry: { retries: 0 } }, {}, 'bisect'],
    ['tries a half only once', { retry: { retries: 3 } }, { isPart: true }, 'bisect'],
    ['gives a record that stands alone its retries', { retry: { retries: 3 } }, { isPart: true, records: 1 }, 'retry'],
    ['and then it is poison', { retry: { retries: 3 } }, { isPart: true, records: 1, failures: 4 }, 'poison'],
    ['does not halve where that is not wanted', { retry: { retries: 0 }, bisect: false }, {}, 'poison'],
    ['tries without end where that is wanted', { poison: 'skip' }, { records: 1, failures: 99 }, 'retry'],
  ] as const)('%s', (_what, policy, failed, step) => {
    expect(next(policy, failed)).toBe(step)
  })

  it('waits with full jitter, longer and longer up to a bound', () => {
    const random = { float: () => 0.5, bytes: () => new Uint8Array() }
    const delayMs = (failures: number): unknown =>
      nextStep({ retry: { baseMs: 100, maxMs: 1_000 } }, { records: 1, failures, isPart: false }, random)
    expect([1, 2, 3, 4, 5, 99].map(delayMs)).toEqual(
      [50, 100, 200, 400, 500, 500].map((ms) => ({ next: 'retry', delayMs: ms })),
    )
  })
})

it('a policy whose sink is none is refused', () => {
  expect(() => checkFailurePolicy({ poison: undefined })).not.toThrow()
  expect(() => checkFailurePolicy({ poison: {} } as unknown as FailurePolicy)).toThrow(TypeError)
})

it.each([-1, 0.5, Number.NaN])('a policy with %d retries is refused', (retries) => {
  expect(() => checkFailurePolicy({ retry: { retries } })).toThrow('retry.retries')
})
