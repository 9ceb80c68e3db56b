import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EngineError, PART_BYTES_MAX, PART_RECORDS_MAX, type StoredFrame } from './engine.ts'
import { type EncodedParts, PartsEncoder } from './record-batch.ts'
import { RecordReader } from './record-reader.ts'

interface TestRecord {
  readonly shard: number
  readonly key: string | undefined
  readonly hash: bigint | undefined
  readonly data: Uint8Array
}

function encode(records: readonly TestRecord[]): EncodedParts {
  const encoder = new PartsEncoder()
  records.forEach(({ shard, key, hash, data }, entry) => encoder.add(entry, shard, key, hash, data))
  return encoder.encode()
}

function frameOf(bytes: Uint8Array, records: number, firstIndex = 0): StoredFrame {
  return { commit: 7, firstIndex, records, timeMs: 0, bytes }
}

function readAll(frame: StoredFrame, fromIndex?: number): readonly Omit<TestRecord, 'shard'>[] {
  const reader = new RecordReader(frame, fromIndex)
  const records = []
  while (reader.next()) records.push({ key: reader.key, hash: reader.explicitHash, data: Uint8Array.from(reader.data) })
  return records
}

const record = fc.record<TestRecord>({
  shard: fc.integer({ min: 0, max: 4 }),
  key: fc.oneof(fc.constant(undefined), fc.string({ unit: 'grapheme', maxLength: 80 })),
  hash: fc.oneof(fc.constant(undefined), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })),
  data: fc.uint8Array({ maxLength: 100 }),
})

describe('PartsEncoder', () => {
  it('groups by shard, in request order, and every record leads back to its entry', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 60 }), (records) => {
        const { parts, entryOf } = encode(records)
        const entries = parts.map((part, p) => Array.from({ length: part.records }, (_, i) => entryOf(p, i)))
        expect(entries.flat().sort((a, b) => a - b)).toEqual(records.map((_, i) => i))
        expect(new Set(parts.map(({ shard }) => shard)).size).toBe(parts.length)
        parts.forEach((part, p) => {
          expect(entries[p]).toEqual([...(entries[p] ?? [])].sort((a, b) => a - b))
          const { shard } = part
          const expected = records.filter((candidate) => candidate.shard === shard)
          const stored = readAll(frameOf(part.bytes, part.records))
          expect(stored.map(({ key, hash, data }) => ({ shard, key, hash, data }))).toEqual(expected)
        })
      }),
    )
  })

  it('cuts a part before the record that would take it over its bytes, and leaves a larger record alone', () => {
    const sizes = [100_000, 100_000, 100_000, 10 * 1024 * 1024, 5, 5]
    const { parts, entryOf } = encode(
      sizes.map((size) => ({ shard: 3, key: 'k', hash: undefined, data: new Uint8Array(size) })),
    )
    expect(parts.map(({ records }) => records)).toEqual([2, 1, 1, 2])
    expect(parts.filter(({ bytes }) => bytes.length > PART_BYTES_MAX)).toHaveLength(1)
    expect([entryOf(0, 1), entryOf(1, 0), entryOf(2, 0), entryOf(3, 1)]).toEqual([1, 2, 3, 5])
  })

  it('fills a part to exactly its bytes and its records, not further', () => {
    const overhead = 8
    const exact = encode([
      { shard: 0, key: undefined, hash: undefined, data: new Uint8Array(PART_BYTES_MAX - 2 * overhead) },
      { shard: 0, key: undefined, hash: undefined, data: new Uint8Array(0) },
      { shard: 0, key: undefined, hash: undefined, data: new Uint8Array(0) },
    ])
    expect(exact.parts.map(({ records, bytes }) => [records, bytes.length])).toEqual([
      [2, PART_BYTES_MAX],
      [1, overhead],
    ])
    const many = Array.from({ length: PART_RECORDS_MAX + 1 }, () => {
      return { shard: 0, key: '', hash: undefined, data: new Uint8Array(1) }
    })
    expect(encode(many).parts.map(({ records }) => records)).toEqual([PART_RECORDS_MAX, 1])
  })

  it('gives no parts for no records, and refuses to name an entry of a record that is not there', () => {
    const { parts, entryOf } = encode([])
    expect(parts).toEqual([])
    expect(() => entryOf(0, 0)).toThrow('part 0 has no record 0')
  })

  it('counts the bytes it is going to write', () => {
    const encoder = new PartsEncoder()
    encoder.add(0, 1, 'clé', 5n, new Uint8Array(3))
    encoder.add(1, 2, undefined, undefined, new Uint8Array(2))
    const { parts } = encoder.encode()
    expect(encoder.bytes).toBe(8 + 16 + 4 + 3 + 8 + 2)
    expect(parts.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(encoder.bytes)
  })
})

describe('RecordReader', () => {
  const records = ['a', '', undefined, 'd'].map((key, i) => {
    return { shard: 0, key, hash: undefined, data: Uint8Array.of(i) }
  })
  const bytes = encode(records).parts[0]?.bytes ?? new Uint8Array(0)

  it('tells an absent key from an empty one', () => {
    expect(readAll(frameOf(bytes, 4)).map(({ key }) => key)).toEqual(['a', '', undefined, 'd'])
  })

  it.each([
    [0, 4],
    [1, 3],
    [3, 1],
    [4, 0],
    [9, 0],
  ])('starts at index %i and finds %i records', (fromIndex, count) => {
    expect(readAll(frameOf(bytes, 4), fromIndex)).toHaveLength(count)
  })

  it('counts indexes from the first of the frame', () => {
    const reader = new RecordReader(frameOf(bytes, 4, 100), 102)
    expect([reader.next(), reader.index, reader.key]).toEqual([true, 102, undefined])
    expect([reader.next(), reader.index, reader.key]).toEqual([true, 103, 'd'])
    expect(reader.next()).toBe(false)
  })

  it('passes over an extension that it does not know', () => {
    const header = [1, 0, 0, 0, 1, 0, 4, 0]
    const frame = frameOf(Uint8Array.from([...header, 3, 0, 9, 9, 9, 0x6b, 0x64]), 1)
    expect(readAll(frame)).toEqual([{ key: 'k', hash: undefined, data: Uint8Array.of(0x64) }])
  })

  it.each([
    ['no room for a header', [1, 0, 0, 0, 0], 1, /record 0 of commit 7 begins at byte 0 of 5/],
    ['data beyond the frame', [9, 0, 0, 0, 0, 0, 0, 0, 1], 1, /ends at byte 17, beyond the 9 bytes/],
    ['flags of another layout', [0, 0, 0, 0, 0, 0, 32, 0], 1, /flags 0x20, not all of them known/],
    ['a mark that is never stored', [0, 0, 0, 0, 0, 0, 16, 0], 1, /flags 0x10, not all of them known/],
    ['sealed data without a seal', [0, 0, 0, 0, 0, 0, 8, 0], 1, /record 0 of commit 7 is sealed, without a seal/],
    ['a seal that is too short', [0, 0, 0, 0, 0, 0, 12, 0, 1, 0, 9], 1, /is sealed, with a seal of 1 bytes/],
    ['a length for a key that is absent', [0, 0, 0, 0, 1, 0, 1, 0, 1], 1, /has no key, but a key of 1 bytes/],
    ['an extension without its length', [0, 0, 0, 0, 0, 0, 4, 0, 1], 1, /no room for its extension/],
    ['bytes after the last record', [0, 0, 0, 0, 0, 0, 0, 0, 1], 1, /ends at byte 8 of 9/],
    ['fewer records than said', [0, 0, 0, 0, 0, 0, 0, 0], 2, /record 1 of commit 7 begins at byte 8 of 8/],
  ])('refuses %s', (_, raw, count, message) => {
    const read = (): unknown => readAll(frameOf(Uint8Array.from(raw), count))
    expect(read).toThrow(EngineError)
    expect(read).toThrow(message)
  })

  it('never reads outside the frame, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0, max: 6 }), (noise, count) => {
        try {
          for (const { key, data } of readAll(frameOf(noise, count)))
            expect((key ?? '').length + data.length).toBeLessThanOrEqual(noise.length)
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError)
        }
      }),
    )
  })
})

describe('docs/formats/record.md', () => {
  it('shows the bytes that are written', () => {
    const page = readFileSync(new URL('../../../../docs/formats/record.md', import.meta.url), 'utf8')
    const example = /<!-- example -->\n```\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
    const shown = example.replaceAll(/#.*$/gm, '').replaceAll(/\s+/g, '')
    const { parts } = encode([
      { shard: 1, key: 'user-7', hash: undefined, data: new TextEncoder().encode('hello') },
      { shard: 1, key: undefined, hash: 2n ** 127n + 1n, data: new Uint8Array(0) },
    ])
    expect(Buffer.concat(parts.map(({ bytes }) => bytes)).toString('hex')).toBe(shown)
  })
})
