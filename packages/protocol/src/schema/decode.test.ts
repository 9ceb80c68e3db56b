import { describe, expect, it } from 'vitest'
import type { Codec } from '../codecs/codec.ts'
import { KinesisError } from '../errors.ts'
import { decodeStructure } from './decode.ts'
import { blob, boolean, integer, list, long, map, required, string, structure, timestamp } from './schema.ts'

const Sample = structure('Sample', {
  Boolean: boolean(),
  String: string(),
  Integer: integer(),
  Long: long(),
  Blob: blob(),
  Timestamp: timestamp(),
  List: list(string()),
  Map: map(string(), string()),
  Structure: structure('Inner', { Name: required(string()) }),
  Blobs: list(blob()),
})

function decode(members: unknown, codec: Codec = 'json') {
  return decodeStructure(Sample, members, codec)
}

function faultOf(members: unknown): string {
  try {
    decode(members)
  } catch (error) {
    if (error instanceof KinesisError && error.type === 'SerializationException') return error.message
    throw error
  }
  throw new Error('no fault')
}

const bigNumber = 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber'
const javaBoolean = 'class java.lang.Boolean'
const javaString = 'class java.lang.String'
const listFound = 'Start of list found where not expected'
const structureFound = 'Start of structure or map found where not expected.'

describe('a member of the wrong type', () => {
  it.each([
    ['Boolean', '23', "'23' can not be converted to an Boolean"],
    ['Boolean', 'maybe', "'MAYBE' can not be converted to an Boolean"],
    ['Boolean', 34, `${bigNumber} can not be converted to an Boolean`],
    ['String', true, `${javaBoolean} can not be converted to an String`],
    ['String', 34, `${bigNumber} can not be converted to an String`],
    ['Integer', '34', `${javaString} can not be converted to an Integer`],
    ['Integer', true, `${javaBoolean} can not be converted to an Integer`],
    ['Long', '34', `${javaString} can not be converted to an Long`],
    ['Long', false, `${javaBoolean} can not be converted to an Long`],
    ['Blob', true, `${javaBoolean} can not be converted to a Blob`],
    ['Blob', 34, `${bigNumber} can not be converted to a Blob`],
    [
      'Blob',
      '23456',
      "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5",
    ],
    ['Blob', '=+/=', "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"],
    ['Blob', '+/+=', "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"],
    ['Timestamp', '34', `${javaString} can not be converted to milliseconds since epoch`],
    ['Timestamp', true, `${javaBoolean} can not be converted to milliseconds since epoch`],
    ['Boolean', [], listFound],
    ['String', [], listFound],
    ['Integer', [], listFound],
    ['Blob', [], listFound],
    ['Timestamp', [], listFound],
    ['Boolean', {}, structureFound],
    ['String', {}, structureFound],
    ['Long', {}, structureFound],
    ['Blob', {}, structureFound],
    ['Timestamp', {}, structureFound],
    ['List', '34', 'Expected list or null'],
    ['List', 34, 'Expected list or null'],
    ['List', true, 'Expected list or null'],
    ['List', {}, structureFound],
    ['Map', '34', 'Expected map or null'],
    ['Map', 34, 'Expected map or null'],
    ['Map', [], listFound],
    ['Structure', '34', 'Expected null'],
    ['Structure', true, 'Expected null'],
    ['Structure', [], listFound],
    ['Structure', { Name: 1 }, `${bigNumber} can not be converted to an String`],
    ['List', ['a', 1], `${bigNumber} can not be converted to an String`],
    ['List', [[]], listFound],
    ['Map', { a: true }, `${javaBoolean} can not be converted to an String`],
  ])('%s sent as %j: %s', (member, value, text) => {
    expect(faultOf({ [member]: value })).toBe(text)
  })

  it('is repeated in the message up to a bound', () => {
    expect(faultOf({ Blob: '-'.repeat(10_001) }).length).toBeLessThan(4300)
    expect(faultOf({ Boolean: 'x'.repeat(1_000_000) }).length).toBeLessThan(4300)
  })

  it('in a list that should be a structure is a list too many', () => {
    expect(faultOf([])).toBe(listFound)
  })
})

describe('a value', () => {
  it.each([
    [{ Integer: 2.9 }, { Integer: 2 }],
    [{ Integer: -2.1 }, { Integer: -3 }],
    [{ Integer: 100_000_000_000 }, { Integer: 2_147_483_647 }],
    [{ Integer: -100_000_000_000 }, { Integer: -2_147_483_648 }],
    [{ Long: 100_000_000_000.5 }, { Long: 100_000_000_000 }],
    [{ Timestamp: 1_538_160_214.4844 }, { Timestamp: 1_538_160_214_484 }],
    [{ Timestamp: 1e300 }, { Timestamp: 8.64e15 }],
    [{ Boolean: 'Yes' }, { Boolean: true }],
    [{ Boolean: '0' }, { Boolean: false }],
    [{ Blob: 'aGk=' }, { Blob: Buffer.from('hi') }],
    [{ Blob: '' }, { Blob: Buffer.alloc(0) }],
    [{ String: null, List: null, Structure: null }, {}],
    [{ Unknown: { deep: [1] }, string: 'case matters' }, {}],
    [{ List: ['a', null] }, { List: ['a', undefined] }],
    [{ Map: { a: 'b', c: null } }, { Map: { a: 'b' } }],
  ])('%j is %j', (sent, expected) => {
    expect(decode(sent)).toEqual(expected)
  })

  it('in CBOR is a time in milliseconds, and a blob as it stands', () => {
    const bytes = new Uint8Array([1, 2])
    expect(decode({ Timestamp: 1_538_160_214_484, Blob: bytes }, 'cbor')).toEqual({
      Timestamp: 1_538_160_214_484,
      Blob: bytes,
    })
  })

  it('in CBOR may be text for a blob, never bytes for a text', () => {
    expect(decode({ Blob: 'aGk=' }, 'cbor')).toEqual({ Blob: Buffer.from('hi') })
    expect(() => decode({ String: new Uint8Array(1) }, 'cbor')).toThrow('can not be converted to an String')
    expect(() => decode({ List: new Uint8Array(1) }, 'cbor')).toThrow('Expected list or null')
    expect(() => decode({ Structure: new Uint8Array(1) }, 'cbor')).toThrow('Expected null')
  })

  it('under the key __proto__ is one like any other', () => {
    const { Map: entries } = decode(JSON.parse('{"Map":{"__proto__":"x"}}'))
    expect(Object.entries(entries as object)).toEqual([['__proto__', 'x']])
    expect(decode(JSON.parse('{"__proto__":{"String":"inherited"}}'))).toEqual({})
  })
})
