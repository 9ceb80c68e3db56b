import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { hashKeyOf } from './hash-key.ts'
import { md5Prefix } from './md5-prefix.ts'

const prefixOf = (text: string): number => Number(hashKeyOf(text) >> 75n)

describe('md5Prefix', () => {
  it('is the beginning of what Node’s MD5 gives, for every short ASCII text', () => {
    for (let length = 0; length <= 55; length++) {
      const text = Array.from({ length }, (_, i) => String.fromCharCode((i * 37 + length) & 0x7f)).join('')
      expect(md5Prefix(text)).toBe(prefixOf(text))
    }
    fc.assert(
      fc.property(fc.string({ maxLength: 60, unit: 'binary-ascii' }), (text) => {
        expect(md5Prefix(text)).toBe(text.length > 55 ? undefined : prefixOf(text))
      }),
    )
  })

  it.each(['x'.repeat(56), 'ü', 'a\u0080', '\ud83d\ude00'])('leaves %s to others', (text) => {
    expect(md5Prefix(text)).toBeUndefined()
  })
})
