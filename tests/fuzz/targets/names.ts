/** Base64, ARNs, sequence numbers, shard ids, hash keys: texts with one meaning, held against a second way to read them. */
import { createHash } from 'node:crypto'

import {
  COMMIT_MAX,
  decodeSequenceNumber,
  encodeSequenceNumber,
  HASH_KEY_MAX,
  HashKeyRouter,
  hashKeyOf,
  INDEX_MAX,
  parseShardId,
  parseStreamArn,
  SequenceNumberWriter,
  SHARD_NUMBER_MAX,
  shardIdOf,
  streamArn,
} from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'

import { decodeBase64, describeBase64Fault, encodeSmallBase64 } from '../../../packages/protocol/src/codecs/base64.ts'
import { Broken, bytesOf, chance, expectSame, pick, type Target, textOf } from '../support/target.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export const base64Texts: Target = {
  name: 'base64',
  specimens: ['', 'AA==', 'AAA=', 'AAAA', 'aGVsbG8gd29ybGQ=', '-_-_', 'A===', '===='].map(bytesOf),
  generate: (random) => bytesOf(Buffer.from(random.bytes(randomBelow(random, 40))).toString('base64')),
  words: ['=', '==', '-', '_', '+', '/', ' ', '\n', 'é', '\u0141', '\u{1f600}', '\0'],
  executions: 60_000,
  check(input) {
    const text = textOf(input)
    const found = decodeBase64(text)
    const isStrict = text.length % 4 === 0 && Buffer.from(text, 'base64').toString('base64') === text
    if ((found !== undefined) !== isStrict) throw new Broken(`${JSON.stringify(text)} is strict: ${isStrict}`)
    if (found === undefined) {
      const fault = describeBase64Fault(text)
      if (fault.length > 200) throw new Broken('a fault is described at length')
      return
    }
    const again = Buffer.alloc(text.length)
    encodeSmallBase64(found, 0, found.length, new DataView(again.buffer, again.byteOffset, again.length), 0)
    expectSame(again.toString('latin1'), text, 'encoded again')
    if ([...text].some((letter) => letter !== '=' && !LETTERS.includes(letter)))
      throw new Broken('a letter of no alphabet')
  },
}

function sequenceNumber(random: Random): string {
  if (chance(random, 0.2))
    return String(BigInt(`0x${Buffer.from(random.bytes(1 + randomBelow(random, 26))).toString('hex')}`))
  const birthS = randomBelow(random, 2 ** 34)
  return encodeSequenceNumber({
    birthS,
    shard: randomBelow(random, 2 ** 31),
    commit: pick(random, [0, 1, randomBelow(random, COMMIT_MAX), COMMIT_MAX]),
    index: pick(random, [0, 1, randomBelow(random, INDEX_MAX), INDEX_MAX]),
    timeS: birthS + randomBelow(random, 1000),
  })
}

const nameMakers: readonly ((random: Random) => string)[] = [
  sequenceNumber,
  (random) => shardIdOf(randomBelow(random, 2 ** 31) - (chance(random, 0.2) ? 2 ** 31 : 0)),
  (random) =>
    streamArn({
      account: pick(random, ['000000000000', '123456789012']),
      region: 'us-east-1',
      name: 'stream.of-words_1',
    }),
  (random) => Buffer.from(random.bytes(randomBelow(random, 30))).toString('latin1'),
]

export const names: Target = {
  name: 'names',
  specimens: [
    'shardId-000000000000',
    'arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a',
    'arn:aws:kinesis:us-east-1:123456789012:stream/a/consumer/b:1',
    '49590338271490256608559692538361571095921575989136588898',
    '0',
  ].map(bytesOf),
  generate: (random) => bytesOf(pick(random, nameMakers)(random)),
  words: ['-', ':', 'arn:aws', 'shardId-', '0', '9'.repeat(60), '\n', '٣', '/', 'stream/'],
  executions: 40_000,
  check(input) {
    const text = textOf(input)
    const address = parseStreamArn(text)
    if (address !== undefined) {
      // Whatever partition was named, the region has one.
      const said = streamArn(address)
      expectSame(said.replace(/^arn:aws[^:]*/, ''), text.replace(/^arn:aws[^:]*/, ''), 'the ARN said again')
      expectSame(parseStreamArn(said), address, 'the ARN read again')
    }
    const shard = parseShardId(text)
    if (shard !== undefined) {
      if (!(Number.isInteger(shard) && shard >= 0 && shard <= SHARD_NUMBER_MAX)) throw new Broken(`shard ${shard}`)
      expectSame(parseShardId(shardIdOf(shard)), shard, 'the shard id said again')
    }
    checkSequenceNumber(text)
    checkHashKey(text)
  },
}

function checkSequenceNumber(text: string): void {
  const decoded = decodeSequenceNumber(text)
  if (decoded === undefined || decoded.version !== 2) return
  expectSame(encodeSequenceNumber(decoded), text, 'the sequence number said again')
  // A shard below zero is none that we number.
  if (decoded.shard < 0) return
  expectSame(new SequenceNumberWriter(decoded).text(decoded.index), text, 'the sequence number in decimal limbs')
}

function checkHashKey(text: string): void {
  const key = hashKeyOf(text)
  expectSame(key, BigInt(`0x${createHash('md5').update(text).digest('hex')}`), 'the hash key')
  const size = (HASH_KEY_MAX + 1n) / 7n
  const starts = Array.from({ length: 7 }, (_, place) => BigInt(place) * size)
  const expected = starts.findLastIndex((start) => start <= key)
  expectSame(new HashKeyRouter(starts).route(text), expected, 'the shard')
}
