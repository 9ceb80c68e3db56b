import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it, vi } from 'vitest'

import { KnownIterators } from './known-iterators.ts'
import { TokenSeal } from './sealed-token.ts'
import { openIterator, sealIterator, type ShardIterator } from './shard-iterator.ts'

const NOW_MS = 1_700_000_000_000
const iterator: ShardIterator = {
  stream: { account: '000000000001', region: 'us-east-1', name: 'orders' },
  shard: 7,
  birthS: 1_700_000_000,
  position: { commit: 5, index: 3 },
  issuedMs: NOW_MS,
}

function open() {
  const random = seededRandom(1)
  const seal = new TokenSeal(random.bytes(32), random)
  return { seal, iterators: new KnownIterators(seal), opening: vi.spyOn(seal, 'open') }
}

describe('KnownIterators', () => {
  it('opens what it sealed, and what it opened, without a cipher', () => {
    const { seal, iterators, opening } = open()
    const text = iterators.seal(iterator)
    expect(openIterator(seal, text, NOW_MS)).toEqual(iterator)
    const others = sealIterator(seal, { ...iterator, shard: 8 })
    expect(iterators.open(others, NOW_MS)).toEqual({ ...iterator, shard: 8 })
    opening.mockClear()
    expect(iterators.open(text, NOW_MS)).toEqual(iterator)
    expect(iterators.open(others, NOW_MS)).toEqual({ ...iterator, shard: 8 })
    expect(opening).not.toHaveBeenCalled()
  })

  it('lets each expire in its time, known or not', () => {
    const { seal, iterators } = open()
    const text = iterators.seal(iterator)
    for (const ageMs of [-5_001, -5_000, 0, 300_000, 300_001])
      expect(iterators.open(text, NOW_MS + ageMs)).toEqual(openIterator(seal, text, NOW_MS + ageMs))
    expect(iterators.open(text, NOW_MS + 300_001)).toEqual({ fault: 'expired', issuedMs: NOW_MS })
  })

  it('knows nothing but the same characters', () => {
    const { iterators } = open()
    const text = iterators.seal(iterator)
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
      expect(iterators.open(changed, NOW_MS)).toEqual({ fault: 'invalid' })
    }
    for (const other of ['', text.slice(0, -1), `${text}A`, ` ${text}`])
      expect(iterators.open(other, NOW_MS)).toEqual({ fault: 'invalid' })
    expect(iterators.open(`"${text}"`, NOW_MS)).toEqual(iterator)
  })

  it('opens thousands, of which it knows the newest', () => {
    const { iterators, opening } = open()
    const texts = Array.from({ length: 6_000 }, (_, shard) => iterators.seal({ ...iterator, shard }))
    for (const [shard, text] of texts.entries()) expect(iterators.open(text, NOW_MS)).toEqual({ ...iterator, shard })
    expect(opening).toHaveBeenCalled()
    opening.mockClear()
    iterators.open(texts.at(-1) ?? '', NOW_MS)
    expect(opening).not.toHaveBeenCalled()
  })

  it('spreads them over all its places', () => {
    const { iterators, opening } = open()
    const texts = Array.from({ length: 1_000 }, (_, shard) => iterators.seal({ ...iterator, shard }))
    // From the last on: what is opened takes the place of what was sealed before it, which is asked for later.
    for (const text of texts.reverse()) iterators.open(text, NOW_MS)
    // 113 of them meet another one if each place is as likely as the next.
    expect(opening.mock.calls.length).toBeLessThan(140)
  })
})
