import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64, describeBase64Fault } from './base64.ts'

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
