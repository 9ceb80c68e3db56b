import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64, decodeSmallBase64, describeBase64Fault, encodeSmallBase64 } from './base64.ts'

const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const nearBase64 = fc.string({
  unit: fc.constantFrom(...'ABQgwz09+/==-_ \n\r\0é\u0141\u4141'.split('')),
  maxLength: 16,
})

describe('decodeBase64', () => {
  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeBase64(Buffer.from(bytes).toString('base64'))).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('takes nothing but strict base64 with no bits left over', () => {
    fc.assert(
      fc.property(nearBase64, (text) => {
        const lenient = Buffer.from(text, 'base64')
        const isStrict = strict.test(text) && lenient.toString('base64') === text
        expect(decodeBase64(text)).toEqual(isStrict ? lenient : undefined)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('encodeSmallBase64', () => {
  it('writes what Node writes, from any place to any place, and nothing beside it', () => {
    const bytes = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(bytes, fc.nat(5), fc.nat(5), (data, before, at) => {
        const source = Buffer.concat([Buffer.alloc(before, 0xff), data, Buffer.alloc(3, 0xff)])
        const expected = Buffer.from(data).toString('base64')
        const target = Buffer.alloc(at + expected.length + 4, 'x')
        const view = new DataView(target.buffer, target.byteOffset, target.length)
        encodeSmallBase64(source, before, data.length, view, at)
        expect(target.toString('latin1')).toBe(`${'x'.repeat(at)}${expected}xxxx`)
      }),
    )
  })
})

describe('decodeSmallBase64', () => {
  const around = 2

  it.each([
    ['what was encoded', fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('base64'))],
    ['what is nearly base64', nearBase64.map((text) => text.slice(0, text.length - (text.length % 4)))],
  ])('takes and gives what decodeBase64 does, and writes nothing beside it: %s', (_, texts) => {
    fc.assert(
      fc.property(texts, (text) => {
        const source = Buffer.from(`AA${text}AA`, 'latin1')
        const expected = decodeBase64(source.toString('latin1', around, source.length - around))
        const target = Buffer.alloc(around + (expected?.length ?? source.length) + around, '.')
        expect(decodeSmallBase64(source, around, source.length - around, target, around)).toBe(expected !== undefined)
        if (expected !== undefined) expect(target).toEqual(Buffer.from(`..${expected.toString('latin1')}..`, 'latin1'))
      }),
      { numRuns: 3000 },
    )
  })
})

describe('describeBase64Fault', () => {
  it.each([
    ['23456', 'Base64 encoded length is expected a multiple of 4 bytes but found: 5'],
    ['=+/=', "Invalid Base64 character: '='"],
    ['AA-A', "Invalid Base64 character: '-'"],
    ['====', "Invalid Base64 character: '='"],
    ['+/+=', 'Invalid last non-pad Base64 character dectected'],
    ['QR==', 'Invalid last non-pad Base64 character dectected'],
  ])('says of %j: %s', (text, fault) => {
    expect(decodeBase64(text)).toBeUndefined()
    expect(describeBase64Fault(text)).toBe(fault)
  })
})
