import { describe, expect, it } from 'vitest'
import { deaggregate } from './deaggregate.ts'

/** Three records, by AWS's aggregation library for Python: `key-1` first, `key-2` empty, and one more of `key-1`. */
const aggregated = Buffer.from(
  'f3899ac20a056b65792d310a056b65792d32122731373031343131383334363034363932333137333136383733303337313538383431303537' +
    '32381a0908001a0566697273741a0408011a001a1a080010001a14000102030405060708090a0b0c0d0e0f1011121350236d1de8d8b942aedd' +
    'bc16c19cfb53',
  'hex',
)

describe('deaggregate', () => {
  it('puts user records in the place of an aggregated one, and leaves others as they are', () => {
    const alone = { SequenceNumber: '1', PartitionKey: 'a', Data: Buffer.from('alone') }
    const batch = {
      shardId: 'shardId-000000000000',
      records: [alone, { SequenceNumber: '2', PartitionKey: 'a', Data: aggregated }],
      millisBehindLatest: 0,
      ended: false,
      children: [],
    }
    expect(deaggregate(batch).records).toMatchObject([
      alone,
      { SequenceNumber: '2', subSequenceNumber: 0, PartitionKey: 'key-1', Data: Buffer.from('first') },
      { SequenceNumber: '2', subSequenceNumber: 1, PartitionKey: 'key-2' },
      { SequenceNumber: '2', subSequenceNumber: 2, PartitionKey: 'key-1' },
    ])
  })
})
