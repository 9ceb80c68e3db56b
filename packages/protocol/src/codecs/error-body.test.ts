import { describe, expect, it } from 'vitest'
import { errorTable, KinesisError } from '../errors.ts'
import type { ErrorType } from '../errors.ts'
import type { Codec } from './codec.ts'
import { decodeError, encodeError } from './error-body.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

describe('encodeError', () => {
  it.each([
    [
      new KinesisError('ResourceNotFoundException', 'Stream s under account 1 not found.'),
      '{"__type":"ResourceNotFoundException","message":"Stream s under account 1 not found."}',
    ],
    [
      new KinesisError('SerializationException', 'Expected null'),
      '{"__type":"SerializationException","Message":"Expected null"}',
    ],
    [new KinesisError('SerializationException'), '{"__type":"SerializationException"}'],
    [new KinesisError('InternalFailure'), '{"__type":"InternalFailure"}'],
  ])('writes %s', (error, body) => {
    expect(text(encodeError('json', error))).toBe(body)
  })
})

describe('decodeError', () => {
  const types = Object.keys(errorTable) as ErrorType[]
  it.each(types)('reads %s back in both encodings, with the traits of the table', (type) => {
    const error = new KinesisError(type, 'because')
    for (const codec of ['json', 'cbor'] satisfies Codec[]) {
      expect(decodeError(codec, error.status, encodeError(codec, error))).toEqual({
        type,
        message: 'because',
        ...errorTable[type],
      })
    }
  })

  it.each<[string, Codec | undefined, number, string, string | undefined, object]>([
    [
      'a prefix',
      'json',
      400,
      '{"__type":"com.amazon.coral.service#ThrottlingException"}',
      undefined,
      { type: 'ThrottlingException', retryable: true, message: '' },
    ],
    [
      'the envelope of application/json',
      'json',
      404,
      '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}',
      undefined,
      { type: 'UnknownOperationException', status: 404 },
    ],
    [
      'a header only',
      'json',
      400,
      '{"message":"m"}',
      'ValidationException:http://x/',
      { type: 'ValidationException', message: 'm' },
    ],
    [
      'an unknown type',
      'json',
      400,
      '{"__type":"NewException","message":"m"}',
      undefined,
      { type: 'NewException', kind: 'caller', retryable: false },
    ],
    [
      'an unknown type of the server',
      'json',
      500,
      '{"__type":"NewException"}',
      undefined,
      { type: 'NewException', kind: 'server', retryable: true },
    ],
    [
      'a page of a proxy',
      undefined,
      502,
      '<html>Bad gateway</html>',
      undefined,
      { type: 'InternalFailure', message: '<html>Bad gateway</html>', retryable: true },
    ],
    ['no body', undefined, 503, '', undefined, { type: 'ServiceUnavailable', retryable: true }],
    ['no body, too many requests', 'json', 429, '', undefined, { type: 'ThrottlingException', retryable: true }],
    ['JSON that is no object', 'json', 400, '17', undefined, { type: 'UnknownError', retryable: false }],
    ['broken CBOR', 'cbor', 400, '\u0001\u0001', undefined, { type: 'UnknownError' }],
  ])('reads %s', (_, codec, status, body, header, expected) => {
    expect(decodeError(codec, status, Buffer.from(body), header)).toMatchObject(expected)
  })

  it('makes a message of no more than 512 units of a foreign body', () => {
    expect(decodeError(undefined, 500, Buffer.alloc(100_000, 'é')).message).toHaveLength(512)
  })
})
