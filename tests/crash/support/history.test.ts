import { describe, expect, it } from 'vitest'
import { History } from './history.ts'

const record = (
  text: string,
  sequenceNumber: string,
  shard = 's',
): { text: string; sequenceNumber: string; shard: string } => ({
  text,
  sequenceNumber,
  shard,
})

describe('History', () => {
  const history = (): History => {
    const made = new History()
    for (const text of ['a:0', 'a:1', 'a:2']) made.attempt(text)
    made.acknowledge(record('a:0', '10'))
    return made
  }

  it('holds when the acknowledged is there and the unanswered is there or not', () => {
    expect(history().violations([record('a:0', '10'), record('a:2', '12')])).toEqual([])
  })

  it.each([
    ['lost', []],
    ['moved', [record('a:0', '11')]],
    ['moved', [record('a:0', '10', 'other')]],
    ['doubled', [record('a:0', '10'), record('a:1', '11'), record('a:1', '12')]],
    ['invented', [record('a:0', '10'), record('b:0', '11')]],
    ['out of order', [record('a:0', '10'), record('a:2', '11'), record('a:1', '12')]],
  ])('sees what is %s', (what, stored) => {
    expect(history().violations(stored).join()).toContain(what)
  })
})
