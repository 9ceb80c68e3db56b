/** What lies inside the log's payloads: records as stored, and changes and snapshots of the metadata. */
import { createSecretKey } from 'node:crypto'

import { type Random, randomBelow } from '@millrace/std'

import { DataKeys } from '../../../packages/server/src/encryption/data-keys.ts'
import type { MasterKey } from '../../../packages/server/src/encryption/master-keys.ts'
import { FrameOpener } from '../../../packages/server/src/encryption/open-frames.ts'
import { DataSealer, Nonces } from '../../../packages/server/src/encryption/record-seal.ts'
import { EngineError } from '../../../packages/server/src/engine/engine.ts'
import {
  decodeChange,
  decodeSnapshot,
  encodeChange,
  encodeSnapshot,
} from '../../../packages/server/src/engine/embedded/metadata-format.ts'
import { encodeOne } from '../../../packages/server/src/engine/record-batch.ts'
import { RecordReader } from '../../../packages/server/src/engine/record-reader.ts'
import type { Stream } from '../../../packages/server/src/streams/stream.ts'
import { Broken, bytesOf, chance, expectSame, pick, refusedOr, type Target } from '../support/target.ts'

const isDamage = (error: unknown): boolean => error instanceof EngineError && error.code === 'damaged'

const SHARD = 1
const unsealed = { account: '000000000000', region: 'us-east-1', name: 's', bornS: 1 } as Stream
const masterKey = createSecretKey(Buffer.alloc(32, 1))
const master: MasterKey = { id: 'master', isEnabled: true, account: undefined, materials: [masterKey] }
// Inputs must be the same each time: every key is zeros, and each input begins a run of nonces.
const zeros: Random = { float: () => 0, bytes: (length) => new Uint8Array(length) }
const dataKeys = new DataKeys({ find: () => master, serviceKey: () => Promise.resolve(master) }, zeros)
const stream: Stream = { ...unsealed, keyId: 'alias/a', dataKeys: [dataKeys.create(unsealed, master, 0)] }

function records(random: Random): Uint8Array {
  const count = 1 + randomBelow(random, 4)
  const sealer = new DataSealer(createSecretKey(Buffer.alloc(32)), 1, new Nonces(zeros))
  const each = Array.from({ length: count }, () => {
    const key = pick(random, ['', 'key', 'é'.repeat(20), undefined])
    const hash = chance(random, 0.3) ? BigInt(randomBelow(random, 2 ** 30)) << 90n : undefined
    const data = random.bytes(randomBelow(random, 40))
    const { parts } = encodeOne(0, SHARD, key, hash, data, chance(random, 0.3) ? sealer : undefined)
    return parts[0]?.bytes ?? new Uint8Array(0)
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
    const { frame: opened } = new FrameOpener(stream, SHARD, dataKeys).open(frame)
    if (opened.bytes.length !== bytes.length) throw new Broken('a frame that grew when it was opened')
    refusedOr(() => {
      const reader = new RecordReader(opened)
      let total = 0
      while (reader.next()) {
        total += reader.data.length + (reader.key?.length ?? 0)
        void reader.explicitHash
        void reader.isEncrypted
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
