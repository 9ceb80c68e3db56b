import { createSecretKey } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { seededRandom } from '@millrace/std/testing'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { StoredFrame } from '../engine/engine.ts'
import { encodeOne, PartsEncoder } from '../engine/record-batch.ts'
import { SEAL_BYTES } from '../engine/record-layout.ts'
import { RecordReader } from '../engine/record-reader.ts'
import type { Stream } from '../streams/stream.ts'
import { KEY_A, KeyRing, material } from '../testing/key-ring.ts'
import { DataKeys } from './data-keys.ts'
import { FrameOpener } from './open-frames.ts'
import { DataSealer, Nonces } from './record-seal.ts'

const SHARD = 7
const ring = new KeyRing({ id: KEY_A, material: material(1) })
const dataKeys = new DataKeys(ring, seededRandom(5))
const plainStream = { account: '123456789012', region: 'us-east-1', name: 's', bornS: 1000 } as Stream
const master = await dataKeys.masterKey(KEY_A, plainStream)
const stream: Stream = { ...plainStream, keyId: KEY_A, dataKeys: [dataKeys.create(plainStream, master, 0)] }
const sealer = () => dataKeys.sealer(stream)

const frameOf = (bytes: Uint8Array, records: number): StoredFrame => {
  return { commit: 3, firstIndex: 0, records, timeMs: 0, bytes }
}
const open = (frame: StoredFrame, shard = SHARD, fromIndex = 0, recordsMax = 1000): StoredFrame =>
  new FrameOpener(stream, shard, dataKeys).open(frame, fromIndex, recordsMax).frame

const record = fc.record({
  key: fc.option(fc.string({ unit: 'grapheme', maxLength: 60 }), { nil: undefined }),
  hash: fc.option(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), { nil: undefined }),
  data: fc.uint8Array({ maxLength: 100 }),
  isSealed: fc.boolean(),
})

describe('sealed records', () => {
  it('come back as they were put, beside plain ones, and say that they were sealed', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), (records) => {
        const parts = records.map(({ key, hash, data, isSealed }, entry) => {
          return encodeOne(entry, SHARD, key, hash, data, isSealed ? sealer() : undefined).parts[0]?.bytes ?? data
        })
        const frame = frameOf(Buffer.concat(parts), records.length)
        const before = Uint8Array.from(frame.bytes)
        const reader = new RecordReader(open(frame))
        for (const { key, hash, data, isSealed } of records) {
          expect(reader.next()).toBe(true)
          expect([reader.key, reader.explicitHash, reader.isEncrypted]).toEqual([key, hash, isSealed])
          expect(Uint8Array.from(reader.data)).toEqual(data)
        }
        expect(reader.next()).toBe(false)
        // The engine's bytes are lent: they stay as they are.
        expect(Uint8Array.from(frame.bytes)).toEqual(before)
      }),
    )
  })

  it('lie in one arena as they lie alone, and are counted with their seals', () => {
    const encoder = new PartsEncoder(sealer())
    encoder.add(0, SHARD, 'a', undefined, Buffer.from('one'))
    encoder.add(1, SHARD, undefined, 5n, Buffer.from('two'))
    const bytes = encoder.encode().parts[0]?.bytes ?? new Uint8Array()
    expect(bytes.length).toBe(encoder.bytes)
    const reader = new RecordReader(open(frameOf(bytes, 2)))
    const found = []
    while (reader.next()) found.push(Buffer.from(reader.data).toString())
    expect(found).toEqual(['one', 'two'])
  })

  it('do not open when any bit of them is another, and the records before them do', () => {
    const first = encodeOne(0, SHARD, 'first', undefined, Buffer.from('one'), sealer()).parts[0]?.bytes ?? Buffer.of()
    const second = encodeOne(0, SHARD, 'k', 9n, Buffer.from('secret'), sealer()).parts[0]?.bytes ?? Buffer.of()
    const whole = Buffer.concat([first, second])
    for (let bit = first.length * 8; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const read = (): string[] => {
        const reader = new RecordReader(open(frameOf(bytes, 2)))
        const found: string[] = []
        while (reader.next()) {
          if (!reader.isEncrypted) throw new Error('damaged: taken for plain')
          found.push(Buffer.from(reader.data).toString())
        }
        return found
      }
      expect(read, `bit ${bit}`).toThrow()
      const reader = new RecordReader(open(frameOf(bytes, 2)))
      expect([reader.next(), reader.isEncrypted, Buffer.from(reader.data).toString()]).toEqual([true, true, 'one'])
    }
  })

  it('open in their own shard only', () => {
    const bytes = encodeOne(0, SHARD, 'k', undefined, Buffer.from('secret'), sealer()).parts[0]?.bytes ?? Buffer.of()
    const reader = new RecordReader(open(frameOf(bytes, 1), SHARD + 1))
    reader.next()
    expect(() => reader.isEncrypted).toThrow('record 0 of commit 3 is sealed, and cannot be opened')
  })

  it('are opened where they are wanted, and nowhere else', () => {
    const bytes = [0, 1, 2, 3].map((i) => encodeOne(0, SHARD, 'k', undefined, Buffer.of(i), sealer()).parts[0]?.bytes)
    const frame = frameOf(Buffer.concat(bytes.map((part) => part ?? Buffer.of())), 4)
    const reader = new RecordReader(open(frame, SHARD, 1, 2))
    const sealed = []
    while (reader.next()) sealed.push(reader.isSealed)
    expect(sealed).toEqual([true, false, false, true])
  })

  it('never share a nonce', () => {
    const nonces = new Set<string>()
    for (let i = 0; i < 500; i++) {
      const bytes = encodeOne(0, SHARD, '', undefined, Buffer.of(1), sealer()).parts[0]?.bytes ?? Buffer.of()
      nonces.add(Buffer.from(bytes.subarray(14, 26)).toString('hex'))
    }
    expect(nonces.size).toBe(500)
  })
})

describe('docs/formats/record.md', () => {
  it('shows the bytes of a sealed record', () => {
    const page = readFileSync(new URL('../../../../docs/formats/record.md', import.meta.url), 'utf8')
    const example = /<!-- example: sealed -->\n```\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
    const shown = example.replaceAll(/#.*$/gm, '').replaceAll(/\s+/g, '')
    const random = { float: () => 0, bytes: (length: number) => Uint8Array.from({ length }, (_, i) => i + 1) }
    const fixed = new DataSealer(createSecretKey(Buffer.alloc(32, 0x11)), 2, new Nonces(random))
    const { parts } = encodeOne(0, SHARD, 'user-7', undefined, Buffer.from('hello'), fixed)
    expect(Buffer.from(parts[0]?.bytes ?? []).toString('hex')).toBe(shown)
    expect(parts[0]?.bytes).toHaveLength(8 + 2 + SEAL_BYTES + 6 + 5)
  })
})
