import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PAGE_BYTES } from '../limits.ts'
import { decodeSegmentHeader, encodeSegmentHeader, type SegmentHeader } from './segment-header.ts'

const HEADER: SegmentHeader = {
  version: 2,
  number: 3,
  isGrouped: false,
  retentionClass: 0,
  logId: new Uint8Array(16).fill(9),
  logNumber: 0,
  salt: 77n,
  firstCommit: 12,
  previousCrc: 5,
  createdMs: 1_700_000_000_000,
  capacity: 65_536,
}

function encoded(): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES)
  encodeSegmentHeader(HEADER, page)
  return page
}

it('a segment’s header comes back as it was written', () => {
  expect(decodeSegmentHeader(encoded())).toEqual({ kind: 'ok', header: HEADER })
})

it('with any one bit changed it is none, also where that bit would say that it is of a newer version', () => {
  fc.assert(
    fc.property(fc.nat(PAGE_BYTES * 8 - 1), (bit) => {
      const page = encoded()
      page[bit >>> 3] = (page[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeSegmentHeader(page)).toEqual({ kind: 'invalid' })
    }),
  )
})
