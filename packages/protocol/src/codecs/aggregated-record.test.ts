import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { decodeAggregatedRecord } from './aggregated-record.ts'

/** Made by AWS's aggregation library for Python. */
const golden = Buffer.from(
  'f3899ac20a056b65792d310a056b65792d32122731373031343131383334363034363932333137333136383733303337313538383431303537' +
    '32381a0908001a0566697273741a0408011a001a1a080010001a14000102030405060708090a0b0c0d0e0f1011121350236d1de8d8b942aedd' +
    'bc16c19cfb53',
  'hex',
)

const field = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2]), varint(bytes.length), bytes])

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Buffer.from([...bytes, value])
}

function wrapped(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, createHash('md5').update(message).digest()])
}

describe('decodeAggregatedRecord', () => {
  it('reads what the official aggregator writes', () => {
    expect(decodeAggregatedRecord(golden)).toEqual([
      { partitionKey: 'key-1', explicitHashKey: undefined, data: Buffer.from('first') },
      { partitionKey: 'key-2', explicitHashKey: undefined, data: Buffer.alloc(0) },
      {
        partitionKey: 'key-1',
        explicitHashKey: '170141183460469231731687303715884105728',
        data: Buffer.from(Array.from({ length: 20 }, (_, i) => i)),
      },
    ])
  })

  it('reads any records, tables behind them and unknown fields among them', () => {
    const record = fc.record({ key: fc.string({ maxLength: 20 }), data: fc.uint8Array({ maxLength: 300 }) })
    fc.assert(
      fc.property(fc.array(record, { maxLength: 200 }), fc.boolean(), (records, isBehind) => {
        const table = records.map(({ key }) => field(1, Buffer.from(key)))
        const body = records.map(({ data }, i) =>
          field(3, Buffer.concat([Buffer.from([8]), varint(i), field(3, data), field(4, Buffer.from('tag'))])),
        )
        const unknown = Buffer.from([0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4])
        const message = Buffer.concat(isBehind ? [...body, unknown, ...table] : [...table, unknown, ...body])
        expect(decodeAggregatedRecord(wrapped(message))).toEqual(
          records.map(({ key, data }) => ({
            partitionKey: Buffer.from(key).toString(),
            explicitHashKey: undefined,
            data: Buffer.from(data),
          })),
        )
      }),
    )
  })

  it('makes nothing of a record that stands alone, as most do', () => {
    const makes = [vi.spyOn(Buffer, 'from'), vi.spyOn(Buffer.prototype, 'subarray')]
    try {
      // The second begins as an aggregated one does.
      for (const first of [0x7b, 0xf3]) expect(decodeAggregatedRecord(Buffer.alloc(300, first))).toBeUndefined()
      for (const make of makes) expect(make).not.toHaveBeenCalled()
    } finally {
      for (const make of makes) make.mockRestore()
    }
  })

  it('takes what is not one for a record of its own, whatever the bytes', () => {
    const broken = [
      golden.subarray(0, golden.length - 1),
      Buffer.concat([golden, Buffer.from([0])]),
      Buffer.from(golden.map((byte, i) => (i === 30 ? byte ^ 1 : byte))),
      Buffer.from('f3899ac2', 'hex'),
      Buffer.alloc(0),
      // A record whose key is in no table, one without data, a length that leads outside, a kind that is none.
      wrapped(field(3, Buffer.from([8, 0, 0x1a, 0]))),
      wrapped(Buffer.concat([field(1, Buffer.from('k')), field(3, Buffer.from([8, 0]))])),
      wrapped(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1])),
      wrapped(Buffer.from([0x0b])),
      wrapped(Buffer.alloc(40, 0xff)),
    ]
    for (const bytes of broken) expect(decodeAggregatedRecord(bytes)).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodeAggregatedRecord(wrapped(Buffer.from(bytes)))
      }),
      { numRuns: 2000 },
    )
  })
})
