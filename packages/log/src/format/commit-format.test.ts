import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { viewOf } from './bytes.ts'
import {
  COMMIT_HEADER_BYTES,
  type CommitHeader,
  decodeCommitHeader,
  decodeFrame,
  encodeCommitHeader,
  encodeFrame,
  FLAG_CHANGE,
  FLAG_METADATA,
  FRAME_BYTES,
  type FrameEntry,
  tellsChange,
  withChangeAge,
} from './commit-format.ts'
import { crc32 } from './crc32.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 })

const headers: fc.Arbitrary<CommitHeader> = fc.record({
  version: fc.constantFrom(1, 2),
  flags: fc.integer({ min: 0, max: 0xffff }),
  commit: u48,
  durable: u48,
  epoch: u32,
  previousCrc: u32,
  bodyBytes: u32,
  frames: u32,
  timeMs: u48,
  salt: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  directoryCrc: u32,
})

const frames: fc.Arbitrary<FrameEntry> = fc.record({
  ledger: u32,
  kind: fc.integer({ min: 1, max: 7 }),
  codec: fc.integer({ min: 0, max: 255 }),
  records: fc.integer({ min: 0, max: 65_535 }),
  payloadOffset: u32,
  payloadBytes: u32,
  commit: u48,
  previousCommit: u48,
  timeMs: u48,
  payloadCrc: u32,
})

function encoded(header: CommitHeader): Uint8Array {
  const bytes = new Uint8Array(COMMIT_HEADER_BYTES)
  encodeCommitHeader(header, bytes, viewOf(bytes), 0)
  return bytes
}

describe('a commit’s header', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(headers, (header) => {
        const bytes = new Uint8Array(COMMIT_HEADER_BYTES)
        const crc = encodeCommitHeader(header, bytes, viewOf(bytes), 0)
        expect(decodeCommitHeader(bytes, 0)).toEqual({ ...header, crc })
      }),
    )
  })

  it('is not recognised with any one bit changed', () => {
    fc.assert(
      fc.property(headers, fc.nat(COMMIT_HEADER_BYTES * 8 - 1), (header, bit) => {
        const bytes = new Uint8Array(COMMIT_HEADER_BYTES)
        encodeCommitHeader(header, bytes, viewOf(bytes), 0)
        bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
        expect(decodeCommitHeader(bytes, 0)).toBeUndefined()
      }),
    )
  })
})

describe('the change age of a commit', () => {
  const ages = fc.oneof(fc.integer({ min: 1, max: 10_000 }), fc.constantFrom(2_046, 2_047, 2_048))

  it('tells whether one of the commits before holds a change, or that it cannot', () => {
    fc.assert(
      fc.property(headers, fc.integer({ min: 0, max: 7 }), ages, ages, fc.nat(1), (any, marks, age, reach, behind) => {
        const commit = any.commit + 20_000
        const header = { ...any, commit, flags: withChangeAge(marks, commit, commit - age) }
        expect(header.flags & 7).toBe(marks)
        const told = tellsChange(header, commit - reach, commit - behind)
        if (told === undefined) expect(age >= 2_047 && reach >= 2_047).toBe(true)
        else expect(told).toBe(age <= reach)
      }),
    )
  })

  it('is not told by commits of before; one that holds a change itself tells of its own, too', () => {
    const [header] = fc.sample(headers, 1) as [CommitHeader]
    const { commit } = header
    for (const flags of [5, 5 | FLAG_METADATA]) expect(tellsChange({ ...header, flags }, 0, commit - 1)).toBeUndefined()
    expect(tellsChange({ ...header, flags: 5 }, 0, commit)).toBeUndefined()
    for (const flags of [FLAG_METADATA, withChangeAge(FLAG_CHANGE, commit, 0)]) {
      expect(tellsChange({ ...header, flags }, 1, commit)).toBe(true)
    }
  })
})

describe('a payload that has a commit’s header in it', () => {
  const around = fc.uint8Array({ maxLength: 300 })
  const checksumOf = (before: Uint8Array, header: CommitHeader, after: Uint8Array): number =>
    crc32(Buffer.concat([before, encoded(header), after]))

  it('has another checksum when another header stands there', () => {
    fc.assert(
      fc.property(headers, headers, around, around, (one, other, before, after) => {
        fc.pre(!isDeepStrictEqual({ ...one, version: 2 }, { ...other, version: 2 }))
        const sum = checksumOf(before, { ...one, version: 2 }, after)
        for (const version of [1, 2]) expect(checksumOf(before, { ...other, version }, after)).not.toBe(sum)
      }),
    )
  })

  it('has not, where both are of version 1: why there is another', () => {
    fc.assert(
      fc.property(headers, headers, around, around, (one, other, before, after) => {
        const sum = checksumOf(before, { ...one, version: 1 }, after)
        expect(checksumOf(before, { ...other, version: 1 }, after)).toBe(sum)
      }),
    )
  })
})

describe('a frame of the directory', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        const bytes = new Uint8Array(COMMIT_HEADER_BYTES + FRAME_BYTES)
        encodeFrame(frame, viewOf(bytes), COMMIT_HEADER_BYTES)
        expect(decodeFrame(viewOf(bytes), 0, 0)).toEqual(frame)
      }),
    )
  })
})
