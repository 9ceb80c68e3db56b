/** Our CBOR against that of the AWS SDKs for JavaScript, both ways, and against forms that only other SDKs send. */
import { cbor as oracle } from '@smithy/core/cbor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KinesisError } from '../errors.ts'
import { operations } from '../operations/registry.ts'
import { blob, integer, list, long, structure, timestamp } from '../schema/schema.ts'
import { structureArbitrary } from '../testing/value-arbitrary.ts'
import { decodeCbor } from './cbor-decode.ts'
import { encodeCbor } from './cbor-encode.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('decodeCbor', () => {
  const plain = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'binary' }),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array(),
      fc.array(tie('value')),
      fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
    ),
  })).value

  it('reads what the SDK writes', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(comparable(decodeCbor(oracle.serialize(value)))).toEqual(comparable(value))
      }),
    )
  })

  it.each([
    ['an indefinite list', '9f 01 02 ff', [1, 2]],
    ['an indefinite map', 'bf 61 61 01 ff', { a: 1 }],
    ['an indefinite text', '7f 62 61 62 61 63 ff', 'abc'],
    ['indefinite bytes', '5f 41 01 42 02 03 ff', Buffer.from([1, 2, 3])],
    ['a text cut within a letter', '7f 61 c3 61 a9 ff', 'é'],
    ['milliseconds under tag 1', 'c1 1b 00 00 01 66 21 7b f1 94', 1_538_160_062_868],
    ['an unknown tag', 'd9 d9 f7 01', 1],
    ['half floats', '83 f9 3c 00 f9 c4 00 f9 00 01', [1, -4, 2 ** -24]],
    ['a float and a double', '82 fa 3f c0 00 00 fb 3f f8 00 00 00 00 00 00', [1.5, 1.5]],
    ['undefined', 'f7', null],
    ['a negative number', '3a 7f ff ff ff', -2_147_483_648],
  ])('reads %s', (_, bytes, expected) => {
    expect(comparable(decodeCbor(hex(bytes)))).toEqual(comparable(expected))
  })

  it('reads a key called __proto__ as one like any other', () => {
    const decoded = decodeCbor(hex('a1 69 5f 5f 70 72 6f 74 6f 5f 5f 01'))
    expect(Object.entries(decoded as object)).toEqual([['__proto__', 1]])
  })

  it.each([
    ['a lone break', 'ff'],
    ['a break in a definite list', '82 01 ff'],
    ['a break as a value', 'bf 61 61 ff'],
    ['a break under a tag', 'c1 ff'],
    ['a key that is no text', 'a1 01 02'],
    ['a nested indefinite text', '7f 7f 61 61 ff ff'],
    ['bytes in a text', '7f 41 01 ff'],
    ['a reserved length', '1c'],
    ['a reserved simple value', 'f8 20'],
    ['a text cut short', '63 61'],
    ['something after the value', '01 01'],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeCbor(hex(bytes))).toThrow(KinesisError)
  })

  it('throws nothing but KinesisError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decodeCbor(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(KinesisError)
        }
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('encodeCbor', () => {
  it.each([...operations.values()])('writes inputs of $name that the SDK reads', ({ input }) => {
    fc.assert(
      fc.property(structureArbitrary(input), (value) => {
        expect(comparable(oracle.deserialize(encodeCbor(input, value)))).toEqual(comparable(value))
      }),
    )
  })

  const Sample = structure('Sample', { T: timestamp(), N: long(), B: blob(), L: list(integer()) })

  it.each([
    [
      'a time as tag 1 around an integer of milliseconds',
      { T: 1_538_160_062_868 },
      'a1 61 54 c1 1b 00 00 01 66 21 7b f1 94',
    ],
    ['a time before the epoch', { T: -1 }, 'a1 61 54 c1 20'],
    [
      'numbers in the shortest form',
      { L: [0, 23, 24, 255, 256, 65_535, 65_536, -1, -256, -257] },
      'a1 61 4c 8a 00 17 18 18 18 ff 19 01 00 19 ff ff 1a 00 01 00 00 20 38 ff 39 01 00',
    ],
    ['a long', { N: 2 ** 53 - 1 }, 'a1 61 4e 1b 00 1f ff ff ff ff ff ff'],
    ['a blob as a byte string', { B: Buffer.from('hi') }, 'a1 61 42 42 68 69'],
    ['nothing for what is absent', { N: undefined }, 'a0'],
  ])('writes %s', (_, value, bytes) => {
    expect(Buffer.from(encodeCbor(Sample, value)).toString('hex')).toBe(hex(bytes).toString('hex'))
  })
})

/** Bytes as text, the SDK's tagged times as numbers, -0 as 0, and without `__proto__`, which the SDK loses. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'number') return value + 0
  if (typeof value !== 'object' || value === null) return value
  if ('tag' in value && 'value' in value && value.tag === 1) return comparable(value.value)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '__proto__')
      .map(([key, member]) => [key, comparable(member)]),
  )
}
