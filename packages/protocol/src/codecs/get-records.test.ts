import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GetRecords } from '../operations/get-records.ts'
import type { GetRecordsOutput } from '../operations/get-records.ts'
import { structureArbitrary } from '../testing/value-arbitrary.ts'
import { encodeGetRecords } from './get-records.ts'
import { encodeJson } from './json-encode.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const output = structureArbitrary(
  GetRecords.output ?? GetRecords.input,
) as fc.Arbitrary<unknown> as fc.Arbitrary<GetRecordsOutput>

describe('encodeGetRecords', () => {
  it('means the same as the general encoder', () => {
    fc.assert(
      fc.property(output, (value) => {
        const general = encodeJson(GetRecords.output ?? GetRecords.input, value)
        expect(JSON.parse(text(encodeGetRecords(value)))).toEqual(JSON.parse(text(general)))
      }),
    )
  })

  it('escapes keys where that is needed, and only there', () => {
    const keys = ['plain', 'quo"te', 'back\\slash', 'new\nline', 'ключ', '\u{1F600}', '\u007f', '\u2028', '<&>']
    const Records = keys.map((PartitionKey) => ({ PartitionKey, SequenceNumber: '1', Data: Buffer.from('hi') }))
    const answer = text(encodeGetRecords({ Records }))
    const parsed = JSON.parse(answer) as GetRecordsOutput
    expect(parsed.Records.map((record) => record.PartitionKey)).toEqual(keys)
    expect(answer).toContain('"PartitionKey":"ключ"')
  })

  it('writes what a client expects, byte for byte', () => {
    const Records = [
      {
        SequenceNumber: '12',
        ApproximateArrivalTimestamp: 1_538_160_214_484,
        Data: Buffer.from('hi'),
        PartitionKey: 'k',
      },
      {
        SequenceNumber: '13',
        ApproximateArrivalTimestamp: 1_538_160_214_000,
        Data: Buffer.alloc(0),
        EncryptionType: 'KMS' as const,
      },
    ]
    expect(text(encodeGetRecords({ Records, MillisBehindLatest: 0, NextShardIterator: 'AA==' }))).toBe(
      '{"Records":[' +
        '{"SequenceNumber":"12","ApproximateArrivalTimestamp":1538160214.484,"PartitionKey":"k","Data":"aGk="},' +
        '{"SequenceNumber":"13","ApproximateArrivalTimestamp":1538160214,"EncryptionType":"KMS","Data":""}' +
        '],"MillisBehindLatest":0,"NextShardIterator":"AA=="}',
    )
    expect(text(encodeGetRecords({ Records: [] }))).toBe('{"Records":[]}')
  })
})
