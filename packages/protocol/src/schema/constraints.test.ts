import { describe, expect, it } from 'vitest'
import { decodeDocument } from '../codecs/body.ts'
import { KinesisError } from '../errors.ts'
import type { Operation } from '../operation.ts'
import { operations } from '../operations/registry.ts'
import { checkConstraints } from './constraints.ts'
import { blob, enumeration, integer, list, map, required, string, structure } from './schema.ts'
import type { StructureSchema } from './schema.ts'

function complaint(check: () => unknown): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (error instanceof KinesisError && error.type === 'ValidationException') return error.message
    throw error
  }
}

function complaintOf(operationName: string, input: object): string | undefined {
  const operation = operations.get(operationName) as Operation
  return complaint(() => decodeDocument(operation, 'json', input))
}

const failed = 'failed to satisfy constraint:'
const namePattern = 'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+'

describe('the message', () => {
  it.each<[string, object, string]>([
    ['CreateStream', {}, `1 validation error detected: Value null at 'streamName' ${failed} Member must not be null`],
    [
      'CreateStream',
      { StreamName: '', ShardCount: 0 },
      `3 validation errors detected: Value '0' at 'shardCount' ${failed} Member must have value greater than or equal to 1; ` +
        `Value '' at 'streamName' ${failed} ${namePattern}; ` +
        `Value '' at 'streamName' ${failed} Member must have length greater than or equal to 1`,
    ],
    [
      'DescribeStream',
      { StreamName: 'a'.repeat(129), Limit: 100_000_000_000, ExclusiveStartShardId: ';' },
      `3 validation errors detected: Value '2147483647' at 'limit' ${failed} Member must have value less than or equal to 10000; ` +
        `Value ';' at 'exclusiveStartShardId' ${failed} ${namePattern}; ` +
        `Value '${'a'.repeat(129)}' at 'streamName' ${failed} Member must have length less than or equal to 128`,
    ],
    [
      'GetRecords',
      { ShardIterator: '', Limit: 10_001 },
      `2 validation errors detected: Value '10001' at 'limit' ${failed} Member must have value less than or equal to 10000; ` +
        `Value '' at 'shardIterator' ${failed} Member must have length greater than or equal to 1`,
    ],
    [
      'GetShardIterator',
      { ShardIteratorType: 'x', ShardId: 'a', StartingSequenceNumber: '01', StreamName: 's' },
      `2 validation errors detected: Value 'x' at 'shardIteratorType' ${failed} Member must satisfy enum value set: ` +
        '[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]; ' +
        `Value '01' at 'startingSequenceNumber' ${failed} Member must satisfy regular expression pattern: 0|([1-9]\\d{0,128})`,
    ],
    [
      'PutRecord',
      { SequenceNumberForOrdering: '', PartitionKey: '', ExplicitHashKey: 'x' },
      `4 validation errors detected: Value '' at 'sequenceNumberForOrdering' ${failed} Member must satisfy regular expression pattern: 0|([1-9]\\d{0,128}); ` +
        `Value '' at 'partitionKey' ${failed} Member must have length greater than or equal to 1; ` +
        `Value 'x' at 'explicitHashKey' ${failed} Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38}); ` +
        `Value null at 'data' ${failed} Member must not be null`,
    ],
    [
      'PutRecords',
      { Records: [{ Data: '', PartitionKey: 'a' }, { PartitionKey: '' }, null], StreamName: 's' },
      `3 validation errors detected: Value '' at 'records.2.member.partitionKey' ${failed} Member must have length greater than or equal to 1; ` +
        `Value null at 'records.2.member.data' ${failed} Member must not be null; ` +
        `Value null at 'records.3.member' ${failed} Member must not be null`,
    ],
    [
      'PutRecords',
      { Records: [], StreamName: 's' },
      `1 validation error detected: Value at 'records' ${failed} Member must have length greater than or equal to 1`,
    ],
    [
      'PutRecords',
      { Records: Array.from({ length: 501 }, () => ({ Data: '', PartitionKey: 'k' })), StreamName: 's' },
      `1 validation error detected: Value at 'records' ${failed} Member must have length less than or equal to 500`,
    ],
    [
      'PutRecord',
      { Data: Buffer.alloc(10_485_761).toString('base64'), PartitionKey: 'k', StreamName: 's' },
      `1 validation error detected: Value at 'data' ${failed} Member must have length less than or equal to 10485760`,
    ],
    [
      'SplitShard',
      { NewStartingHashKey: '00', ShardToSplit: 'shardId-0' },
      `1 validation error detected: Value '00' at 'newStartingHashKey' ${failed} Member must satisfy regular expression pattern: 0|([1-9]\\d{0,38})`,
    ],
    [
      'CreateStream',
      { StreamName: 's', StreamModeDetails: {} },
      `1 validation error detected: Value null at 'streamModeDetails.streamMode' ${failed} Member must not be null`,
    ],
    [
      'CreateStream',
      { StreamName: 's', Tags: { '': 'x'.repeat(257), k: 'v' } },
      `2 validation errors detected: Value '{=${'x'.repeat(257)}, k=v}' at 'tags' ${failed} Map keys must satisfy constraint: ` +
        '[Member must have length less than or equal to 128, Member must have length greater than or equal to 1]; ' +
        `Value '{=${'x'.repeat(257)}, k=v}' at 'tags' ${failed} Map value must satisfy constraint: ` +
        '[Member must have length less than or equal to 256, Member must have length greater than or equal to 0]',
    ],
    [
      'ListShards',
      { ShardFilter: { Type: 'LATEST' }, MaxResults: 0 },
      `2 validation errors detected: Value '0' at 'maxResults' ${failed} Member must have value greater than or equal to 1; ` +
        `Value 'LATEST' at 'shardFilter.type' ${failed} Member must satisfy enum value set: ` +
        '[AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP]',
    ],
    [
      'IncreaseStreamRetentionPeriod',
      { StreamARN: 'arn:aws:kinesis' },
      `2 validation errors detected: Value null at 'retentionPeriodHours' ${failed} Member must not be null; ` +
        `Value 'arn:aws:kinesis' at 'streamARN' ${failed} Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+`,
    ],
  ])('of %s has the words and the order of the service: row %#', (operation, input, expected) => {
    expect(complaintOf(operation, input)).toBe(expected)
  })

  it('has at most ten parts', () => {
    const message = complaintOf('PutRecords', { Records: Array.from({ length: 20 }, () => ({})), StreamName: '' })
    expect(message).toMatch(/^10 validation errors detected: /)
    expect(message?.split('; ')).toHaveLength(10)
  })

  it('repeats a long value up to a bound', () => {
    expect(complaintOf('DescribeStream', { StreamName: 'a'.repeat(1_000_000) })?.length).toBeLessThan(4300)
  })
})

describe('constraints', () => {
  it.each<[string, object]>([
    ['PutRecord', { Data: '', PartitionKey: '\u{1F600}'.repeat(128), ExplicitHashKey: '0' }],
    ['SplitShard', { NewStartingHashKey: '9'.repeat(39), ShardToSplit: 'foo-0' }],
    ['CreateStream', { StreamName: 'a', Tags: { k: '' }, ShardCount: 2_147_483_647 }],
    ['DescribeStreamSummary', { StreamARN: 'arn:aws:kinesis:us-east-1:123456789012:stream/s' }],
    ['ListStreams', {}],
    ['PutRecords', { Records: [{ Data: '' }] }],
  ])('are kept by %s %j', (operation, input) => {
    expect(complaintOf(operation, input)).toBeUndefined()
  })

  const Sample: StructureSchema = structure('Sample', {
    Keys: list(string({ min: 1, max: 128 }), { min: 1, max: 2 }),
    Colours: list(enumeration('RED', 'BLUE')),
    Counts: list(integer({ min: 1, max: 9 })),
    Names: map(string(), string({ pattern: '[a-z]+' })),
    Blobs: list(blob({ max: 1 })),
    Free: list(string()),
    Nested: list(list(required(string({ max: 1 })).schema, { max: 1 })),
  })

  it.each<[Record<string, unknown>, string]>([
    [
      { Keys: ['', 'a', 'b'] },
      `2 validation errors detected: Value at 'keys' ${failed} Member must have length less than or equal to 2; ` +
        `Value at 'keys' ${failed} Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]`,
    ],
    [
      { Colours: ['PINK'] },
      `1 validation error detected: Value at 'colours' ${failed} Member must satisfy constraint: [Member must satisfy enum value set: [RED, BLUE]]`,
    ],
    [
      { Counts: [0] },
      `1 validation error detected: Value at 'counts' ${failed} Member must satisfy constraint: [Member must have value less than or equal to 9, Member must have value greater than or equal to 1]`,
    ],
    [
      { Names: { a: 'B' } },
      `1 validation error detected: Value '{a=B}' at 'names' ${failed} Map value must satisfy constraint: [Member must satisfy regular expression pattern: [a-z]+]`,
    ],
    [
      { Blobs: [new Uint8Array(2)] },
      `1 validation error detected: Value at 'blobs' ${failed} Member must satisfy constraint: [Member must have length less than or equal to 1]`,
    ],
    [
      { Free: [undefined] },
      `1 validation error detected: Value at 'free' ${failed} Member must satisfy constraint: [Member must not be null]`,
    ],
    [
      { Nested: [['a'], ['a', 'b']] },
      `1 validation error detected: Value at 'nested.2.member' ${failed} Member must have length less than or equal to 1`,
    ],
  ])('of elements and entries are reported at the list or map: %j', (value, expected) => {
    expect(complaint(() => checkConstraints(Sample, value))).toBe(expected)
  })

  it('with wildcards take no long time over a long value', () => {
    const started = performance.now()
    complaintOf('DescribeStream', { StreamARN: `arn:aws${':kinesis:'.repeat(1_000_000)}` })
    complaintOf('DescribeStream', { StreamARN: `arn:aws${':kinesis:'.repeat(454)}` })
    expect(performance.now() - started).toBeLessThan(2000)
  })
})
