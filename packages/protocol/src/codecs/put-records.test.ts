import fc from 'fast-check'
import { assert, describe, expect, it } from 'vitest'
import { PutRecords, type PutRecordsOutput } from '../operations/put-records.ts'
import { checkConstraints } from '../schema/constraints.ts'
import { decodeStructure } from '../schema/decode.ts'
import { withPlainBytes } from '../testing/plain-bytes.ts'
import { encodeJson } from './json-encode.ts'
import { decodePutRecords, encodePutRecords } from './put-records.ts'

/** `usual`, and now and then something that is not. */
const usually = <T>(usual: fc.Arbitrary<T>, ...unusual: readonly unknown[]) =>
  fc.oneof({ weight: 60, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...unusual) })
const sometimes = <T>(usual: fc.Arbitrary<T>) => usually(usual, null, undefined, 1, true, [], {}, '')
const data = sometimes(
  usually(fc.oneof(fc.base64String({ maxLength: 40 }), fc.uint8Array({ maxLength: 30 })), 'AB-_', 'A'),
)
const entry = fc.record(
  {
    Data: data,
    PartitionKey: sometimes(usually(fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }), 'k'.repeat(257))),
    ExplicitHashKey: sometimes(usually(fc.bigInt({ min: 0n, max: 10n ** 39n - 1n }).map(String), '01')),
    Unknown: fc.jsonValue(),
  },
  { requiredKeys: ['Data'], noNullPrototype: true },
)
const document = fc.record(
  {
    Records: sometimes(fc.array(sometimes(entry), { maxLength: 8 })),
    StreamName: sometimes(fc.constantFrom('s', '!')),
    DryRun: fc.boolean(),
  },
  { requiredKeys: ['Records'], noNullPrototype: true },
)

function outcome(decode: () => unknown): unknown {
  try {
    return withPlainBytes(decode())
  } catch (error) {
    return String(error)
  }
}

describe('decodePutRecords', () => {
  it('gives what the general decoder gives, or leaves it to it', () => {
    let quick = 0
    fc.assert(
      fc.property(document, (value) => {
        const result = outcome(() => decodePutRecords(value))
        if (result === undefined) return
        quick++
        const general = outcome(() => {
          const input = decodeStructure(PutRecords.input, value, 'json')
          checkConstraints(PutRecords.input, input)
          return input
        })
        expect(result).toStrictEqual(general)
      }),
      { numRuns: 3000 },
    )
    expect(quick).toBeGreaterThan(300)
  })

  it('is not left aside for an ordinary request', () => {
    expect(decodePutRecords({ StreamName: 's', Records: [{ Data: 'aGk=', PartitionKey: 'k' }] })).toEqual({
      StreamName: 's',
      Records: [{ Data: Buffer.from('hi'), PartitionKey: 'k' }],
    })
  })
})

const stored = fc.record({
  SequenceNumber: usually(fc.bigInt({ min: 0n, max: 10n ** 56n }).map(String), '"', '\\', 'ü', '\n'),
  ShardId: usually(
    fc.nat(3).map((number) => `shardId-00000000000${number}`),
    '"',
    'ü',
  ),
})
const refused = fc.record({ ErrorCode: fc.string(), ErrorMessage: fc.string() })
const output = fc.record(
  {
    FailedRecordCount: fc.constantFrom(0, 0, 0, 1),
    Records: fc.array(fc.oneof({ weight: 20, arbitrary: stored }, { weight: 1, arbitrary: refused }), { maxLength: 8 }),
    EncryptionType: fc.constantFrom(undefined, 'NONE', 'KMS'),
  },
  { requiredKeys: ['FailedRecordCount', 'Records'], noNullPrototype: true },
) as fc.Arbitrary<PutRecordsOutput>

describe('encodePutRecords', () => {
  it('writes what the general encoder writes, or leaves it to it', () => {
    const { output: schema } = PutRecords
    assert(schema !== undefined)
    let quick = 0
    fc.assert(
      fc.property(output, (value) => {
        const text = encodePutRecords(value)?.toString()
        if (text === undefined) return
        quick++
        expect(text).toBe(Buffer.from(encodeJson(schema, value)).toString())
      }),
      { numRuns: 2000 },
    )
    expect(quick).toBeGreaterThan(300)
  })
})
