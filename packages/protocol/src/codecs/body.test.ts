import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KinesisError } from '../errors.ts'
import type { Operation } from '../operation.ts'
import { PutRecord } from '../operations/put-record.ts'
import { PutRecords } from '../operations/put-records.ts'
import { SplitShard } from '../operations/split-shard.ts'
import { operations } from '../operations/registry.ts'
import { withPlainBytes } from '../testing/plain-bytes.ts'
import { structureArbitrary } from '../testing/value-arbitrary.ts'
import type { Codec } from './codec.ts'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse, parseDocument } from './body.ts'

const codecs: readonly Codec[] = ['json', 'cbor']
const all = [...operations.values()]
const rows = all.flatMap((operation) => codecs.map((codec) => [operation.name, codec, operation] as const))

describe.each(rows)('%s in %s', (_, codec, operation: Operation) => {
  it('decodes the request that was encoded', () => {
    fc.assert(
      fc.property(structureArbitrary(operation.input), (input) => {
        const decoded = decodeRequest(operation, codec, encodeRequest(operation, codec, input))
        expect(withPlainBytes(decoded)).toEqual(withPlainBytes(input))
      }),
    )
  })

  it('decodes the answer that was encoded', () => {
    const { output } = operation
    if (output === undefined) {
      expect(encodeResponse(operation, codec, undefined)).toHaveLength(0)
      expect(decodeResponse(operation, codec, new Uint8Array(0))).toBeUndefined()
      return
    }
    fc.assert(
      fc.property(structureArbitrary(output), (value) => {
        const decoded = decodeResponse(operation, codec, encodeResponse(operation, codec, value))
        expect(withPlainBytes(decoded)).toEqual(withPlainBytes(value))
      }),
    )
  })
})

describe('decodeRequest', () => {
  const almostJson = fc.oneof(
    fc.json(),
    fc.json().map((text) => text.slice(0, -1)),
    fc.string(),
    fc
      .array(fc.tuple(fc.constantFrom('StreamName', 'Records', 'Data', 'Tags', 'Limit', 'ShardFilter'), fc.jsonValue()))
      .map((entries) => JSON.stringify(Object.fromEntries(entries))),
    fc
      .array(
        fc.dictionary(
          fc.constantFrom('Data', 'PartitionKey', 'ExplicitHashKey', 'x'),
          fc.oneof(fc.jsonValue(), fc.base64String()),
        ),
      )
      .map((Records) => JSON.stringify({ Records })),
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    almostJson.map((text) => Buffer.from(text)),
  )

  it('throws nothing but KinesisError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.constantFrom(...codecs), bytes, (operation, codec, body) => {
        try {
          decodeRequest(operation, codec, body)
        } catch (error) {
          expect(error).toBeInstanceOf(KinesisError)
          expect(['SerializationException', 'ValidationException']).toContain((error as KinesisError).type)
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('throws nothing but KinesisError when bytes of a good CBOR request are overwritten', () => {
    const good = encodeRequest(PutRecords, 'cbor', {
      StreamName: 's',
      Records: [{ Data: Buffer.from('some data'), PartitionKey: 'key', ExplicitHashKey: '7' }],
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), (edits) => {
        const body = Uint8Array.from(good)
        for (const [at, byte] of edits) body[at] = byte
        try {
          decodeRequest(PutRecords, 'cbor', body)
        } catch (error) {
          expect(error).toBeInstanceOf(KinesisError)
        }
      }),
      { numRuns: 5000 },
    )
  })

  it.each<[string, Codec, string]>([
    ['null', 'json', 'null'],
    ['a number', 'json', '1'],
    ['a string', 'json', '"{}"'],
    ['nothing', 'json', ''],
    ['half an object', 'json', '{"StreamName":'],
    ['null', 'cbor', '\xf6'],
    ['a byte string', 'cbor', '\x41a'],
    ['nothing', 'cbor', ''],
    ['a value and a half', 'cbor', '\xa0\xa0'],
  ])('finds %s in %s not parsable, without a message', (_, codec, text) => {
    try {
      parseDocument(codec, Buffer.from(text, 'latin1'))
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ type: 'SerializationException', message: '' })
    }
  })

  it.each<[string, Codec, Buffer]>([
    ['brackets', 'json', Buffer.alloc(14_000_000, '[')],
    ['closed brackets', 'json', Buffer.from(`[${'[],'.repeat(4_000_000)}[]]`)],
    ['empty objects', 'json', Buffer.from(`{"Records":[${'{},'.repeat(4_000_000)}{}]}`)],
    ['empty maps', 'cbor', Buffer.concat([Buffer.from([0x9f]), Buffer.alloc(14_000_000, 0xa0), Buffer.from([0xff])])],
    ['nested lists', 'cbor', Buffer.alloc(14_000_000, 0x81)],
    [
      'chunks of nothing',
      'cbor',
      Buffer.concat([Buffer.from([0x5f]), Buffer.alloc(14_000_000, 0x40), Buffer.from([0xff])]),
    ],
    ['a claim of 2^32 elements', 'cbor', Buffer.from([0x9a, 0xff, 0xff, 0xff, 0xff, 0x00])],
    ['a claim of 2^63 bytes', 'cbor', Buffer.from([0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
  ])('does not let a body of %s in %s grow', (_, codec, body) => {
    const before = process.memoryUsage().heapUsed
    expect(() => decodeRequest(PutRecords, codec, body)).toThrow(KinesisError)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024)
  })

  it('takes a request of 500 partition keys full of brackets', () => {
    const Records = Array.from({ length: 500 }, () => ({ PartitionKey: '{['.repeat(128), Data: new Uint8Array(1000) }))
    const body = encodeRequest(PutRecords, 'json', { StreamName: 's', Records })
    expect(decodeRequest(PutRecords, 'json', body).Records).toHaveLength(500)
  })

  it('takes what the service takes: unknown members, nulls, numbers beyond their type', () => {
    const body = '{"StreamName":"s","Data":"aGk=","PartitionKey":"k","ExplicitHashKey":null,"Extra":[{}]}'
    expect(decodeRequest(PutRecord, 'json', Buffer.from(body))).toEqual({
      StreamName: 's',
      Data: Buffer.from('hi'),
      PartitionKey: 'k',
    })
  })
})

describe('encodeResponse', () => {
  it('writes compact JSON with the count of failures, also when it is 0', () => {
    const bytes = encodeResponse(PutRecords, 'json', {
      FailedRecordCount: 0,
      Records: [{ ShardId: 'shardId-000000000000', SequenceNumber: '1' }],
    })
    expect(Buffer.from(bytes).toString()).toBe(
      '{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"shardId-000000000000"}]}',
    )
  })

  it('has no bytes for a void operation', () => {
    expect(encodeResponse(SplitShard, 'json', undefined)).toHaveLength(0)
    expect(encodeResponse(SplitShard, 'cbor', undefined)).toHaveLength(0)
  })

  it('gives lists that the model requires even where none were given', () => {
    const bytes = encodeResponse(PutRecords as Operation, 'json', { FailedRecordCount: 0 })
    expect(Buffer.from(bytes).toString()).toBe('{"FailedRecordCount":0,"Records":[]}')
  })
})
