import { describe, expect, it } from 'vitest'
import { nearestWord } from './nearest.ts'

describe('nearestWord', () => {
  const verbs = ['start', 'stream', 'shard', 'put', 'get', 'tail']
  it.each([
    ['strem', 'stream'],
    ['tial', 'tail'],
    ['GETT', 'get'],
    ['strat', 'start'],
    ['delete', undefined],
    ['x', undefined],
  ])('takes %s for %s', (typed, meant) => {
    expect(nearestWord(typed, verbs)).toBe(meant)
  })
})
