import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GetRecords } from '../operations/get-records.ts'
import type { GetRecordsOutput } from '../operations/get-records.ts'
import type { StreamRecord } from '../operations/shapes.ts'
import { encodeSequenceNumber } from '../sequence-number.ts'
import { decodeResponse, encodeResponse, encodeResponsePieces } from './body.ts'
import type { Codec } from './codec.ts'
import { createRecordWriter, encodedBytes, EncodedRecords } from './record-writer.ts'

interface Stored {
  readonly key: string | undefined
  readonly data: Uint8Array
  readonly isEncrypted?: boolean
}

interface StoredCommit {
  readonly commit: number
  readonly timeMs: number
  readonly records: readonly Stored[]
  /** What was written so far becomes a piece of its own before this commit. */
  readonly taken: boolean
}

const identity = { birthS: 1_538_000_000, shard: 7 }
const codecs = ['json', 'cbor'] as const

const stored: fc.Arbitrary<Stored> = fc.record({
  key: fc.option(fc.string({ unit: 'grapheme', maxLength: 60 }), { nil: undefined }),
  data: fc.uint8Array({ maxLength: 200 }),
  isEncrypted: fc.boolean(),
})
const commits: fc.Arbitrary<readonly StoredCommit[]> = fc.array(
  fc.record({
    commit: fc.nat(),
    timeMs: fc.integer({ min: 1_538_000_000_000, max: 1_900_000_000_000 }),
    records: fc.array(stored, { maxLength: 5 }),
    taken: fc.boolean(),
  }),
  { maxLength: 4 },
)

function encoded(codec: Codec, from: readonly StoredCommit[]): EncodedRecords {
  const writer = createRecordWriter(codec, 64)
  const elements: Uint8Array[] = []
  let count = 0
  for (const { commit, timeMs, records, taken } of from) {
    if (taken) elements.push(writer.take())
    // Keys and data lie where an odd layout left them.
    const parts = records.flatMap(({ key, data }) => [Buffer.from('??'), Buffer.from(key ?? ''), data])
    writer.begin({ ...identity, commit, timeMs, timeS: Math.floor(timeMs / 1000), bytes: Buffer.concat(parts) })
    let offset = 0
    for (const [index, { key, data, isEncrypted = false }] of records.entries()) {
      const keyOffset = offset + 2
      const keyLength = Buffer.byteLength(key ?? '')
      const dataOffset = keyOffset + keyLength
      offset = dataOffset + data.length
      const { length: dataLength } = data
      writer.write({ index, hasKey: key !== undefined, keyOffset, keyLength, dataOffset, dataLength, isEncrypted })
      count++
    }
  }
  elements.push(writer.take())
  return new EncodedRecords(
    codec,
    count,
    elements.filter((bytes) => bytes.length > 0),
  )
}

function plain(from: readonly StoredCommit[]): readonly StreamRecord[] {
  return from.flatMap(({ commit, timeMs, records }) =>
    records.map(({ key, data, isEncrypted }, index) => ({
      SequenceNumber: encodeSequenceNumber({ ...identity, commit, index, timeS: Math.floor(timeMs / 1000) }),
      ApproximateArrivalTimestamp: timeMs,
      Data: data,
      ...(key === undefined ? {} : { PartitionKey: key }),
      ...(isEncrypted === true ? { EncryptionType: 'KMS' as const } : {}),
    })),
  )
}

const answer = (codec: Codec, output: object): Buffer => Buffer.concat(encodeResponsePieces(GetRecords, codec, output))

describe.each(codecs)('records written from where they are stored, in %s', (codec) => {
  it('mean the same as records encoded one by one, however they were put together', () => {
    fc.assert(
      fc.property(commits, fc.option(fc.nat()), (from, behind) => {
        const others = behind === null ? {} : { MillisBehindLatest: behind, NextShardIterator: 'AA==' }
        const bytes = answer(codec, { ...others, Records: encoded(codec, from) })
        const output: GetRecordsOutput = { ...others, Records: plain(from) }
        expect(decodeResponse(GetRecords, codec, bytes)).toEqual(
          decodeResponse(GetRecords, codec, encodeResponse(GetRecords, codec, output)),
        )
      }),
    )
  })

  it.each([
    'plain',
    'quo"te',
    'back\\slash',
    'new\nline',
    'ключ',
    '\u{1F600}',
    '\u007f',
    '\u2028',
    '<&>',
    '\0'.repeat(256),
  ])('keep the key %j as it was put', (key) => {
    const from = [{ commit: 1, timeMs: 1_538_160_214_484, taken: false, records: [{ key, data: Buffer.from('hi') }] }]
    const bytes = answer(codec, { Records: encoded(codec, from) })
    expect(decodeResponse(GetRecords, codec, bytes).Records[0]?.PartitionKey).toBe(key)
  })

  it.each([0, 1, 2, 3, 62, 63, 64, 65, 66, 67, 70_000])('keep %i bytes of data as they were put', (length) => {
    const data = Buffer.from(Array.from({ length }, (_, i) => (i * 131) & 0xff))
    const from = [{ commit: 1, timeMs: 1_538_160_214_484, taken: false, records: [{ key: 'k', data }] }]
    const bytes = answer(codec, { Records: encoded(codec, from) })
    expect(Buffer.from(decodeResponse(GetRecords, codec, bytes).Records[0]?.Data ?? [])).toEqual(data)
  })

  it('fit in what is expected of them, unless keys must be escaped', () => {
    for (const size of [0, 1, 100, 1000]) {
      const records = Array.from({ length: 50 }, () => ({ key: 'k'.repeat(10), data: Buffer.alloc(size) }))
      const list = encoded(codec, [{ commit: 2 ** 46, timeMs: 1_538_160_214_484, taken: false, records }])
      const expected = encodedBytes(codec, 50, 50 * (10 + size))
      expect(list.elements[0]?.length).toBeLessThanOrEqual(expected)
      expect(list.elements[0]?.length).toBeGreaterThan(expected - 50 * 40)
    }
  })

  it('are shared with the answer, not copied, when there are many', () => {
    const records = Array.from({ length: 500 }, () => ({ key: 'k', data: Buffer.alloc(100) }))
    const list = encoded(codec, [{ commit: 1, timeMs: 1_538_160_214_484, taken: false, records }])
    const pieces = encodeResponsePieces(GetRecords, codec, { Records: list })
    expect(pieces.some(({ buffer }) => buffer === list.elements[0]?.buffer)).toBe(true)
  })
})

describe('the JSON answer of GetRecords', () => {
  it('is what a client expects, byte for byte', () => {
    const from = [
      { commit: 3, timeMs: 1_538_160_214_484, taken: false, records: [{ key: 'k', data: Buffer.from('hi') }] },
      { commit: 4, timeMs: 1_538_160_214_000, taken: true, records: [{ key: undefined, data: Buffer.alloc(0) }] },
    ]
    const [first, second] = plain(from)
    expect(
      answer('json', { Records: encoded('json', from), MillisBehindLatest: 0, NextShardIterator: 'AA==' }).toString(),
    ).toBe(
      '{"Records":[' +
        `{"SequenceNumber":"${first?.SequenceNumber}","ApproximateArrivalTimestamp":1538160214.484,"PartitionKey":"k","Data":"aGk="},` +
        `{"SequenceNumber":"${second?.SequenceNumber}","ApproximateArrivalTimestamp":1538160214,"Data":""}` +
        '],"MillisBehindLatest":0,"NextShardIterator":"AA=="}',
    )
    expect(answer('json', { Records: encoded('json', []) }).toString()).toBe('{"Records":[]}')
  })
})
