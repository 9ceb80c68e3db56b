/** Aggregated records of producer libraries; the oracle is their own grammar: what was put together comes apart. */
import { createHash } from 'node:crypto'

import { decodeAggregatedRecord } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'

import { Broken, chance, expectSame, pick, type Target } from '../support/target.ts'

const MAGIC = Buffer.from('f3899ac2', 'hex')

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

const field = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2]), varint(bytes.length), bytes])

function message(random: Random): Buffer {
  const keys = Array.from({ length: randomBelow(random, 4) }, () => field(1, random.bytes(randomBelow(random, 9))))
  const records = Array.from({ length: randomBelow(random, 5) }, () => {
    const index = varint(pick(random, [0, 1, 2, 200, 2 ** 40]))
    const parts = [
      Buffer.concat([Buffer.from([8]), index]),
      field(3, random.bytes(randomBelow(random, 40))),
      ...(chance(random, 0.2) ? [Buffer.concat([Buffer.from([16]), index])] : []),
      ...(chance(random, 0.1) ? [random.bytes(randomBelow(random, 6))] : []),
    ]
    return field(3, Buffer.concat(parts))
  })
  return Buffer.concat(chance(random, 0.5) ? [...keys, ...records] : [...records, ...keys])
}

/** The first byte says whether digest and magic are made right. */
export const aggregatedRecords: Target = {
  name: 'aggregated-records',
  specimens: [
    Buffer.concat([Uint8Array.of(1), field(1, Buffer.from('key')), field(3, Buffer.from([8, 0, 0x1a, 1, 0x78]))]),
  ],
  generate: (random) => Buffer.concat([Uint8Array.of(1), message(random)]),
  executions: 40_000,
  check(input) {
    const [how = 0] = input
    const body = Buffer.from(input.subarray(1))
    const data = how % 2 === 0 ? body : Buffer.concat([MAGIC, body, createHash('md5').update(body).digest()])
    const records = decodeAggregatedRecord(data)
    if (records === undefined) return
    // Written plainly they are read as the same, and none of their bytes comes from elsewhere.
    const again = records.map(({ partitionKey, explicitHashKey, data: own }, i) => {
      if (own.buffer !== data.buffer) throw new Broken('the data of a record is no view of the whole')
      const hashKey = explicitHashKey === undefined ? [] : [Buffer.from([16]), varint(i)]
      return {
        keys: [field(1, Buffer.from(partitionKey)), field(2, Buffer.from(explicitHashKey ?? ''))],
        record: field(3, Buffer.concat([Buffer.from([8]), varint(i), ...hashKey, field(3, own)])),
      }
    })
    const plain = Buffer.concat([...again.flatMap(({ keys }) => keys), ...again.map(({ record }) => record)])
    // Nothing at all has no room for a digest.
    if (plain.length === 0) return
    const digest = createHash('md5').update(plain).digest()
    expectSame(decodeAggregatedRecord(Buffer.concat([MAGIC, plain, digest])), records, 'written again')
  },
}
