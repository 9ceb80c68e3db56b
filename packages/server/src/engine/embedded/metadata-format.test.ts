import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EngineError, type MetaChange } from '../engine.ts'
import { decodeChange, decodeSnapshot, encodeChange, encodeSnapshot } from './metadata-format.ts'

const key = fc.string({ unit: 'grapheme', maxLength: 20 })
const value = fc.uint8Array({ maxLength: 40 })
const revision = fc.integer({ min: 0, max: 2 ** 47 - 1 })
const change: fc.Arbitrary<MetaChange> = fc.record({
  key,
  value: fc.option(value, { nil: undefined }),
  expect: revision,
})
const entry = fc.record({ key, value, revision })

const changes: readonly MetaChange[] = [
  { key: 'stream/a', value: Uint8Array.of(1, 2, 3), expect: 0 },
  { key: 'old', value: undefined, expect: 300 },
]
const entries = new Map([['stream/a', { key: 'stream/a', value: Uint8Array.of(1, 2, 3), revision: 301 }]])

describe('metadata format', () => {
  it('gives back the changes it was given', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 10 }), (some) => {
        expect(decodeChange(encodeChange(some))).toEqual(some)
      }),
    )
  })

  it('gives back the entries it was given', () => {
    fc.assert(
      fc.property(fc.uniqueArray(entry, { maxLength: 10, selector: (one) => one.key }), (some) => {
        const map = new Map(some.map((one) => [one.key, one]))
        expect(decodeSnapshot(encodeSnapshot(map))).toEqual(map)
      }),
    )
  })

  it.each([
    ['change', (bytes: Uint8Array) => decodeChange(bytes), encodeChange(changes)],
    ['snapshot', (bytes: Uint8Array) => decodeSnapshot(bytes), encodeSnapshot(entries)],
  ])('refuses a %s that was cut, has more, or is of another version', (_, decode, bytes) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decode(bytes.slice(0, length))).toThrow(EngineError)
    }
    expect(() => decode(Uint8Array.from([...bytes, 0]))).toThrow('1 bytes are left over')
    expect(() => decode(Uint8Array.from([2, ...bytes.slice(1)]))).toThrow('has format 2')
  })

  it.each([
    ['change', encodeChange(changes)],
    ['snapshot', encodeSnapshot(entries)],
  ])('writes a %s as docs/formats/metadata.md shows it', (name, bytes) => {
    const page = readFileSync(new URL('../../../../../docs/formats/metadata.md', import.meta.url), 'utf8')
    const example = new RegExp(`<!-- example: ${name} -->\\n\`\`\`\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? ''
    expect(Buffer.from(bytes).toString('hex')).toBe(example.replaceAll(/#.*$/gm, '').replaceAll(/\s+/g, ''))
  })
})
