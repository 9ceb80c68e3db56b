import { seededRandom } from '@millrace/std/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { openListToken, sealListToken } from './list-token.ts'
import { TokenSeal } from './sealed-token.ts'
import { openIterator, sealIterator, type ShardIterator } from './shard-iterator.ts'

const NOW_MS = 1_700_000_000_000
const random = seededRandom(1)
const seal = new TokenSeal(random.bytes(32), random)

const iterator: ShardIterator = {
  stream: { account: '000000000001', region: 'us-east-1', name: 'orders' },
  shard: 7,
  birthS: 1_700_000_000,
  position: { commit: 2 ** 47 - 1, index: 65_535 },
  issuedMs: NOW_MS,
}

describe('a shard iterator', () => {
  it('comes back as it was sealed', () => {
    const iterators = fc.record({
      stream: fc.record({
        account: fc.integer({ min: 0, max: 999_999_999_999 }).map((account) => String(account).padStart(12, '0')),
        region: fc.stringMatching(/^[a-z0-9-]{1,64}$/),
        name: fc.stringMatching(/^[a-zA-Z0-9_.-]{1,128}$/),
      }),
      shard: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      birthS: fc.integer({ min: 0, max: 16_025_174_999 }),
      position: fc.record({
        commit: fc.integer({ min: 0, max: 2 ** 47 - 1 }),
        index: fc.integer({ min: 0, max: 65_535 }),
      }),
      issuedMs: fc.constant(NOW_MS),
    })
    fc.assert(
      fc.property(iterators, (made) => {
        expect(openIterator(seal, sealIterator(seal, made), NOW_MS)).toEqual(made)
      }),
    )
  })

  it('has at most 512 characters even for the longest names, begins as on AWS, and comes in blocks of 16', () => {
    const long = { ...iterator, stream: { ...iterator.stream, region: 'r'.repeat(64), name: 'n'.repeat(128) } }
    for (const made of [iterator, long]) {
      const text = sealIterator(seal, made)
      const bytes = Buffer.from(text, 'base64')
      expect(text.length).toBeLessThanOrEqual(512)
      expect([...bytes.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 1])
      expect((bytes.length - 8) % 16).toBe(0)
      expect(bytes.length).toBeGreaterThanOrEqual(152)
    }
  })

  it('differs from another one of the same position', () => {
    expect(sealIterator(seal, iterator)).not.toBe(sealIterator(seal, iterator))
  })

  it('is tolerated in double quotes', () => {
    expect(openIterator(seal, `"${sealIterator(seal, iterator)}"`, NOW_MS)).toEqual(iterator)
  })

  it.each([
    ['at five minutes', 300_000, iterator],
    ['after five minutes', 300_001, { fault: 'expired', issuedMs: NOW_MS }],
    ['issued a minute in the future', -60_000, { fault: 'invalid' }],
  ])('%s', (_, ageMs, expected) => {
    expect(openIterator(seal, sealIterator(seal, iterator), NOW_MS + ageMs)).toEqual(expected)
  })

  it('is invalid when any byte was changed', () => {
    const bytes = Buffer.from(sealIterator(seal, iterator), 'base64')
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes)
      changed[i] = (changed[i] ?? 0) ^ 1
      expect(openIterator(seal, changed.toString('base64'), NOW_MS)).toEqual({ fault: 'invalid' })
    }
  })

  it.each([
    ['empty', ''],
    ['a quote', '"'],
    ['not base64', '****'],
    ['short', 'AAAAAAAAAAE='],
    ['base64 with bits left over', `${sealIterator(seal, iterator).slice(0, -2)}B=`],
    ['sealed by another key', sealIterator(new TokenSeal(seededRandom(9).bytes(32), random), iterator)],
    ['a NextToken', sealListToken(seal, 'ListShards', {}, NOW_MS)],
  ])('is invalid when it is %s', (_, text) => {
    expect(openIterator(seal, text, NOW_MS)).toEqual({ fault: 'invalid' })
  })
})

describe('a NextToken', () => {
  const token = sealListToken(seal, 'ListShards', { after: 3 }, NOW_MS)

  it.each([
    ['opens for its operation', 'ListShards', 300_000, { state: { after: 3 } }],
    ['is invalid for another operation', 'ListStreams', 0, { fault: 'invalid' }],
    ['expires after 300 s', 'ListShards', 300_001, { fault: 'expired' }],
  ])('%s', (_, operation, ageMs, expected) => {
    expect(openListToken(seal, operation, token, NOW_MS + ageMs)).toEqual(expected)
  })
})
