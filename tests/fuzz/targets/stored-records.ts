/** What lies inside the log's payloads: records as stored, and changes and snapshots of the metadata. */
import { type Random, randomBelow } from '@millrace/std'

import { EngineError } from '../../../packages/server/src/engine/engine.ts'
import {
  decodeChange,
  decodeSnapshot,
  encodeChange,
  encodeSnapshot,
} from '../../../packages/server/src/engine/embedded/metadata-format.ts'
import { encodeOne, RecordReader } from '../../../packages/server/src/engine/record-batch.ts'
import { Broken, bytesOf, chance, expectSame, pick, refusedOr, type Target } from '../support/target.ts'

const isDamage = (error: unknown): boolean => error instanceof EngineError && error.code === 'damaged'

function records(random: Random): Uint8Array {
  const count = 1 + randomBelow(random, 4)
  const each = Array.from({ length: count }, () => {
    const key = pick(random, ['', 'key', 'é'.repeat(20), undefined])
    const hash = chance(random, 0.3) ? BigInt(randomBelow(random, 2 ** 30)) << 90n : undefined
    return encodeOne(0, 1, key, hash, random.bytes(randomBelow(random, 40))).parts[0]?.bytes ?? new Uint8Array(0)
  })
  return Buffer.concat([Uint8Array.of(count), ...each])
}

/** How many records the frame claims to have, then its bytes. */
export const storedRecords: Target = {
  name: 'stored-records',
  specimens: [Uint8Array.of(0), Buffer.concat([Uint8Array.of(1), Buffer.alloc(8)])],
  generate: records,
  executions: 60_000,
  check(input) {
    const bytes = input.subarray(1)
    const frame = { commit: 7, firstIndex: 0, records: input[0] ?? 0, timeMs: 0, bytes }
    refusedOr(() => {
      const reader = new RecordReader(frame)
      let total = 0
      while (reader.next()) {
        total += reader.data.length + (reader.key?.length ?? 0)
        void reader.explicitHash
        if (reader.dataOffset + reader.dataLength > bytes.length) throw new Broken('a record beyond its frame')
      }
      if (total > 2 * bytes.length) throw new Broken('more came out than was there')
    }, isDamage)
  },
}

const change = encodeChange([
  { key: 'stream/a', value: bytesOf('{}'), expect: 0 },
  { key: 'stream/b', value: undefined, expect: 12 },
])
const snapshot = encodeSnapshot(new Map([['k', { key: 'k', value: bytesOf('value'), revision: 9 }]]))

/** The first byte: a change or a snapshot. */
export const metadata: Target = {
  name: 'metadata',
  specimens: [Buffer.concat([Uint8Array.of(0), change]), Buffer.concat([Uint8Array.of(1), snapshot])],
  generate(random) {
    const items = Array.from({ length: randomBelow(random, 4) }, (_, number) => ({
      key: `k${number}`,
      value: chance(random, 0.8) ? random.bytes(randomBelow(random, 10)) : undefined,
      expect: randomBelow(random, 100),
    }))
    return Buffer.concat([Uint8Array.of(0), encodeChange(items)])
  },
  executions: 60_000,
  check(input) {
    const bytes = input.subarray(1)
    if ((input[0] ?? 0) % 2 === 1) {
      const map = refusedOr(() => decodeSnapshot(bytes), isDamage)
      if (map !== undefined) expectSame([...decodeSnapshot(encodeSnapshot(map))], [...map], 'the snapshot said again')
      return
    }
    const found = refusedOr(() => decodeChange(bytes), isDamage)
    if (found !== undefined) expectSame(decodeChange(encodeChange(found)), found, 'the change said again')
  },
}
