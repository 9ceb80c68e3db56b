import { HASH_KEY_MAX, hashKeyOf, type StreamRecord } from '@millrace/protocol'
import { deferred } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ExtendedSequenceNumber, LATEST, TRIM_HORIZON } from '../extended-sequence-number.ts'
import { InvalidRecord, type OpenedRecord } from '../shards/invalid-record.ts'
import { aggregate, type Aggregated } from '../testing/aggregate.ts'
import { json, type ValueSchema } from './record-schema.ts'
import { readPositionOf } from './read-position.ts'
import { UserRecords, type UserRecordsOptions } from './user-records.ts'

const MIDDLE = HASH_KEY_MAX / 2n
const lower = { starting: '0', ending: String(MIDDLE) }
const upper = { starting: String(MIDDLE + 1n), ending: String(HASH_KEY_MAX) }

const stored = (SequenceNumber: string, Data: Uint8Array, rest: Partial<StreamRecord> = {}): StreamRecord => ({
  SequenceNumber,
  PartitionKey: 'outer',
  ApproximateArrivalTimestamp: 7,
  Data,
  ...rest,
})

function opened<Value = Uint8Array>(
  records: readonly StreamRecord[],
  options: Partial<UserRecordsOptions<Value>> = {},
) {
  const dropped: [string, number][] = []
  const opener = new UserRecords<Value>({
    checkpoint: TRIM_HORIZON,
    onDropped: (reason, count) => dropped.push([reason, count]),
    ...options,
  })
  return { records: opener.open({ records }) as readonly OpenedRecord<Value>[], dropped }
}

const places = (records: readonly OpenedRecord<unknown>[]): readonly string[] =>
  records.map((each) => {
    const { sequenceNumber, subSequenceNumber } = each instanceof InvalidRecord ? each.record : each
    return `${sequenceNumber}/${subSequenceNumber}`
  })

describe('UserRecords', () => {
  it('gives a record that stands alone as it is, and those of an aggregated one each by itself', () => {
    const data = Buffer.from('alone')
    const pair = aggregate([{ key: 'a', data: Buffer.from('1') }, { key: 'b', hashKey: '5', data: Buffer.from('2') }]) // prettier-ignore
    const { records } = opened([stored('1', data), stored('2', pair, { EncryptionType: 'KMS' })])
    const shared = { approximateArrivalTimestamp: 7, encryptionType: 'KMS', sequenceNumber: '2', isAggregated: true }
    expect(records).toEqual([
      {
        sequenceNumber: '1',
        subSequenceNumber: 0,
        isAggregated: false,
        partitionKey: 'outer',
        explicitHashKey: undefined,
        approximateArrivalTimestamp: 7,
        encryptionType: 'NONE',
        data,
        value: data,
      },
      {
        ...shared,
        subSequenceNumber: 0,
        partitionKey: 'a',
        explicitHashKey: undefined,
        data: Buffer.from('1'),
        value: Buffer.from('1'),
      },
      {
        ...shared,
        subSequenceNumber: 1,
        partitionKey: 'b',
        explicitHashKey: '5',
        data: Buffer.from('2'),
        value: Buffer.from('2'),
      },
    ])
  })

  it('gives what only looks like an aggregated record as it is', () => {
    const damaged = Buffer.from(aggregate([{ key: 'a' }]).map((byte, i) => (i === 6 ? byte ^ 1 : byte)))
    expect(opened([stored('1', damaged)], { hashKeyRange: lower }).records).toMatchObject([
      { isAggregated: false, data: damaged },
    ])
  })

  it('gives each user record to the one shard of two that its hash key is of, whatever was aggregated', () => {
    const user = fc.record(
      {
        key: fc.string({ minLength: 1, maxLength: 8 }),
        hashKey: fc.bigInt({ min: 0n, max: HASH_KEY_MAX }).map(String),
      },
      { requiredKeys: ['key'] },
    ) as fc.Arbitrary<Aggregated>
    fc.assert(
      fc.property(fc.array(user, { minLength: 1, maxLength: 30 }), (users) => {
        const record = stored('9', aggregate(users))
        const below = opened([record], { hashKeyRange: lower })
        const above = opened([record], { hashKeyRange: upper })
        expect([...places(below.records), ...places(above.records)].sort()).toEqual(
          users.map((_, i) => `9/${i}`).sort(),
        )
        const isBelow = ({ key, hashKey }: Aggregated): boolean =>
          (hashKey === undefined ? hashKeyOf(Buffer.from(key).toString()) : BigInt(hashKey)) <= MIDDLE
        const count = users.filter(isBelow).length
        expect(below.records).toHaveLength(count)
        expect(below.dropped).toEqual(count === users.length ? [] : [['out-of-range', users.length - count]])
      }),
    )
  })

  it('keeps what is out of range where it is told to, and never judges a record that stands alone', () => {
    const far = aggregate([{ key: 'a', hashKey: String(HASH_KEY_MAX) }])
    expect(opened([stored('1', far)], { hashKeyRange: lower, keepsOutOfRange: true }).records).toHaveLength(1)
    const key = Array.from({ length: 50 }, (_, i) => `k${i}`).find((each) => hashKeyOf(each) > MIDDLE) ?? ''
    const alone = stored('1', Buffer.from('x'), { PartitionKey: key })
    expect(opened([alone], { hashKeyRange: lower }).records).toHaveLength(1)
  })

  it('goes by the partition key where the explicit hash key is none', () => {
    const users = ['nonsense', '-1', String(HASH_KEY_MAX + 1n)].map((hashKey) => ({ key: 'a', hashKey }))
    const range = hashKeyOf('a') <= MIDDLE ? lower : upper
    expect(opened([stored('1', aggregate(users))], { hashKeyRange: range }).records).toHaveLength(3)
  })

  it.each<[string, ExtendedSequenceNumber, readonly string[]]>([
    ['in an aggregated record', { sequenceNumber: '2', subSequenceNumber: 1 }, ['2/2', '3/0', '3/1', '3/2']],
    ['at the end of one', { sequenceNumber: '2', subSequenceNumber: 2 }, ['3/0', '3/1', '3/2']],
    [
      'at a record that stands alone',
      { sequenceNumber: '1', subSequenceNumber: 0 },
      ['2/0', '2/1', '2/2', '3/0', '3/1', '3/2'],
    ],
    ['nowhere', LATEST, ['1/0', '2/0', '2/1', '2/2', '3/0', '3/1', '3/2']],
  ])('goes on behind a checkpoint %s', (_, checkpoint, expected) => {
    const three = aggregate([{ key: 'a' }, { key: 'b' }, { key: 'c' }])
    const { records, dropped } = opened([stored('1', Buffer.from('x')), stored('2', three), stored('3', three)], {
      checkpoint,
    })
    expect(places(records)).toEqual(expected)
    expect(dropped).toEqual(expected.length === 7 ? [] : [['done', 7 - expected.length]])
  })

  it('gives values of a schema, and what it refuses in its place with the reason', () => {
    const positive = {
      parse(value: unknown): number {
        if (typeof value !== 'number' || value <= 0) throw new RangeError('not positive')
        return value
      },
    }
    const texts = ['1', '-1', '{', '2']
    const record = stored('5', aggregate(texts.map((text) => ({ key: 'k', data: Buffer.from(text) }))))
    const { records } = opened<number>([record], { schema: json(positive) })
    expect(places(records)).toEqual(['5/0', '5/1', '5/2', '5/3'])
    expect(records.map((each) => (each instanceof InvalidRecord ? (each.error as Error).name : each.value))).toEqual([
      1,
      'RangeError',
      'SyntaxError',
      2,
    ])
  })

  it('reads JSON without a schema for its value, and no other text than UTF-8', () => {
    const { records } = opened<unknown>(
      [stored('1', Buffer.from('{"a":[1]}')), stored('2', Buffer.from([0x22, 0xff, 0x22]))],
      {
        schema: json(),
      },
    )
    expect(records[0]).toMatchObject({ value: { a: [1] } })
    expect(records[1]).toBeInstanceOf(InvalidRecord)
  })
})

describe('readPositionOf', () => {
  it.each([
    ['TRIM_HORIZON', { kind: 'trim-horizon' }],
    ['LATEST', { kind: 'time', timeMs: 42 }],
    ['AT_TIMESTAMP', { kind: 'time', timeMs: 42 }],
    ['SHARD_END', undefined],
    ['4957', { kind: 'sequence', sequenceNumber: '4957', isAfter: false }],
  ])('begins at %s', (sequenceNumber, position) => {
    expect(readPositionOf({ sequenceNumber, subSequenceNumber: 3 }, 42)).toEqual(position)
  })
})

describe('a schema whose values are promised', () => {
  const numbered = ['1', '2', '3'].map((name) => stored(name, Buffer.from(name)))

  it('is awaited, the order is kept, and a rejection is as what another one throws', async () => {
    const first = deferred<number>()
    const refusal = new Error('no')
    const parse = async (data: Uint8Array): Promise<number> => {
      const value = Number(data.toString())
      if (value === 2) throw refusal
      return value === 1 ? first.promise : value
    }
    const opening = opened<number>(numbered, { schema: { parse } }).records as unknown as Promise<
      OpenedRecord<number>[]
    >
    expect(opening).toBeInstanceOf(Promise)
    first.resolve(1)
    const records = await opening
    expect(places(records)).toEqual(['1/0', '2/0', '3/0'])
    expect(records.map((one) => (one instanceof InvalidRecord ? one.error : one.value))).toEqual([1, refusal, 3])
  })

  it('may promise for some records and not for others', async () => {
    const schema = json<number>({ parse: (value) => (value === 2 ? Promise.resolve(20) : (value as number)) })
    const records = await (opened<number>(numbered, { schema }).records as unknown as Promise<OpenedRecord<number>[]>)
    expect(records.map((one) => (one instanceof InvalidRecord ? one.error : one.value))).toEqual([1, 20, 3])
  })
})

it('json tells of a record that holds none without a word of it', () => {
  const bytes = new TextEncoder().encode('secret hello')
  expect(() => json().parse(bytes, {} as never)).toThrow(
    /^Expected a JSON document in UTF-8, found 12 bytes that are none\.$/,
  )
})

it('json refuses what is no schema', () => {
  const slip = ((value: unknown) => value) as unknown as ValueSchema<unknown>
  expect(() => json(slip)).toThrow('Expected a schema with a method parse, found a function. Wrap a function: json({')
})
