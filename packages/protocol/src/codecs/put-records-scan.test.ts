import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KinesisError } from '../errors.ts'
import { PutRecord } from '../operations/put-record.ts'
import { PutRecords } from '../operations/put-records.ts'
import { withPlainBytes } from '../testing/plain-bytes.ts'
import { decodeRequest } from './body.ts'
import { CONTAINERS_MAX } from './json-parse.ts'
import { scanPutRecord, scanPutRecords } from './put-records-scan.ts'

/** Of more letters than are decoded one by one. */
const large = Buffer.alloc(300, 'data').toString('base64')
const usually = <T>(usual: fc.Arbitrary<T>, ...unusual: readonly unknown[]) =>
  fc.oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...unusual) })
const member = (name: string, value: fc.Arbitrary<unknown>) => value.map((of) => `"${name}":${JSON.stringify(of)}`)
const key = usually(fc.stringMatching(/^[ !#-[\]-~]{1,20}$/), '', null, 1, 'ü', '"', '\\', 'k'.repeat(257))
const entry = fc
  .tuple(
    member('Data', usually(fc.oneof(fc.base64String({ maxLength: 40 }), fc.constant(large)), null, 'A', 'A-==', [])),
    fc.option(member('PartitionKey', key), { freq: 20 }),
    fc.option(member('ExplicitHashKey', usually(fc.nat().map(String), '01', 'x')), { freq: 2 }),
    fc.option(member('Unknown', fc.jsonValue()), { freq: 30, nil: undefined }),
  )
  .chain((members) =>
    fc.shuffledSubarray(
      members.filter((each) => typeof each === 'string'),
      { minLength: 1 },
    ),
  )
  .map((members) => `{${members.join(',')}}`)
/** More brackets than parsing takes (json-parse.ts) are so many in a text, too. */
const brackets = fc
  .tuple(
    fc.constantFrom('[', '{', '[{', '}'),
    fc.constantFrom(1, 100, 4_000, 9_000, CONTAINERS_MAX / 2, CONTAINERS_MAX),
  )
  .map(([text, times]) => text.repeat(times))
const nested = fc
  .tuple(fc.constantFrom<[string, string][]>(['[', ']'], ['{"a":', '}']), fc.constantFrom(1, 10, 5_000))
  .map(([[open, close], depth]) => `${open.repeat(depth)}1${close.repeat(depth)}`)
const unknown = fc.constantFrom(
  'Unknown',
  'records',
  'Rec\\u006frds',
  'StreamName',
  'StreamARN',
  'Data',
  '',
  '__proto__',
)
/** What stands behind the usual members. */
const beside = fc.oneof(
  fc.constantFrom(',"DryRun":true', ',"StreamName":"t"', ',"Records":[]', ',"__proto__":"x"', ' ', 'x'),
  fc
    .array(
      fc.tuple(
        unknown,
        fc.oneof(
          fc.oneof(brackets, fc.string()).map((of) => JSON.stringify(of)),
          nested,
        ),
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((members) => members.map(([name, value]) => `,"${name}":${value}`).join('')),
)
const body = fc
  .record({
    entries: fc.array(entry, { maxLength: 5 }),
    name: member('StreamName', usually(fc.constant('s'), '!', null, 's'.repeat(129), '\n')),
    more: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, { weight: 4, arbitrary: beside }),
    isNameFirst: fc.boolean(),
    blanks: fc.constantFrom('', '', ' ', '\n\t'),
  })
  .map(({ entries, name, more, isNameFirst, blanks }) => {
    const records = `"Records":[${[`{"Data":"aGk=","PartitionKey":"k"}`, ...entries].join(`${blanks},${blanks}`)}]`
    return `{${blanks}${isNameFirst ? `${name},${records}` : `${records}${blanks},${name}`}${more}${blanks}}`
  })
const arn = 'arn:aws:kinesis:us-east-1:123456789012:stream/s'
/** Of a PutRecord. */
const single = fc
  .tuple(
    entry.map((text) => text.slice(1, -1)),
    fc.option(member('StreamName', usually(fc.constantFrom('s', 'a.b-c_d'), '!', null, 's'.repeat(129), '\n'))),
    fc.option(member('StreamARN', usually(fc.constant(arn), 'x', null, `${arn}${'x'.repeat(2048)}`)), { freq: 1 }),
    fc.option(member('SequenceNumberForOrdering', usually(fc.nat().map(String), '01', 'x', '1'.repeat(130))), {
      freq: 1,
    }),
    fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: beside }),
    fc.constantFrom('', '', ' ', '\n\t'),
  )
  .map(([first, name, address, order, more, blanks]) => {
    const members = [name, first, address, order].filter((each) => each !== null)
    return `${blanks}{${blanks}${members.join(`${blanks},${blanks}`)}${more}${blanks}}${blanks}`
  })
/** Some bytes put in the place of others. */
const bending = (whole: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      whole,
      fc.nat(),
      fc.nat(3),
      fc.constantFrom('"', '\\', ',', '}', ']', '{', '=', '/', '-', 'é', '\u0000', '\\u0041'),
    )
    .map(([text, at, cut, put]) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + cut))
const bent = bending(body)

function outcome(decode: () => unknown): unknown {
  try {
    return withPlainBytes(decode())
  } catch (error) {
    return String(error)
  }
}

describe('scanPutRecords', () => {
  it.each([
    ['usual bodies', body, 50],
    ['bent bodies', bent, 1],
  ])('gives what parsing gives, or leaves it to that: %s', (_, bodies, quickMin) => {
    let quick = 0
    fc.assert(
      fc.property(bodies, (text) => {
        const bytes = Buffer.from(text)
        const result = scanPutRecords(bytes)
        if (result === undefined) return
        quick++
        expect(withPlainBytes(result)).toStrictEqual(outcome(() => decodeRequest(PutRecords, 'json', bytes)))
      }),
      { numRuns: 700 },
    )
    expect(quick).toBeGreaterThan(quickMin)
  })

  it.each([
    ['usual bodies', single, 50],
    ['bent bodies', bending(single), -1],
  ])('gives what parsing gives of a PutRecord, or leaves it to that: %s', (_, bodies, quickMin) => {
    let quick = 0
    fc.assert(
      fc.property(bodies, (text) => {
        const bytes = Buffer.from(text)
        const result = scanPutRecord(bytes)
        if (result === undefined) return
        quick++
        expect(withPlainBytes(result)).toStrictEqual(outcome(() => decodeRequest(PutRecord, 'json', bytes)))
      }),
      { numRuns: 700 },
    )
    expect(quick).toBeGreaterThan(quickMin)
  })

  it('leaves a text of more brackets than parsing takes to parsing, and all that is large beside the records', () => {
    const of = (text: string) =>
      Buffer.from(`{"Records":[{"Data":"${large}","PartitionKey":"k"}],"StreamName":"s","Unknown":"${text}"}`)
    const many = of('['.repeat(CONTAINERS_MAX))
    expect(() => decodeRequest(PutRecords, 'json', many)).toThrow(KinesisError)
    expect(scanPutRecords(many)).toBeUndefined()
    expect(scanPutRecords(of('x'.repeat(8_192)))).toBeUndefined()
    expect(scanPutRecords(of('['.repeat(8_100)))).toBeDefined()
  })

  it.each([0, 1, 2, 3, 100, 179, 180, 181, 300])('takes what the SDKs send, of %i bytes', (length) => {
    const data = Buffer.alloc(length, 'data')
    const Records = [1, 2].map(() => ({ Data: data.toString('base64'), PartitionKey: 'k' }))
    const record = { Data: new Uint8Array(data), PartitionKey: 'k' }
    expect(scanPutRecords(Buffer.from(JSON.stringify({ Records, StreamName: 's' })))).toEqual({
      StreamName: 's',
      Records: [record, record],
    })
    const one = scanPutRecord(Buffer.from(JSON.stringify({ ...Records[0], StreamName: 's' })))
    expect(withPlainBytes(one)).toEqual(withPlainBytes({ ...record, StreamName: 's' }))
  })
})
