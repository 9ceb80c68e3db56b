import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openedLedger } from '../ledger-table.ts'
import { PAGE_BYTES } from '../limits.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot-format.ts'

const LEDGERS = [openedLedger(1, 2, 3), openedLedger(4, 5, 6)]
const FREED = [{ firstNumber: 1, lastNumber: 2, firstCommit: 1, lastCommit: 9 }]
const GROUPED = [
  { number: 1, retentionClass: 2, blocks: 3, usedBytes: 65_536, firstCommit: 10, lastCommit: 20, salt: 7n },
]
const METADATA = Buffer.from('streams and shards')
const LEDGER_BYTES = 64
const FREED_BYTES = 24

function encoded(): Uint8Array {
  return encodeSnapshot({
    logId: new Uint8Array(16).fill(9),
    commit: 30,
    epoch: 4,
    createdMs: 1_700_000_000_000,
    ledgers: LEDGERS,
    ledgerCount: LEDGERS.length,
    freed: FREED,
    grouped: GROUPED,
    metadata: METADATA,
  })
}

const LEDGERS_END = PAGE_BYTES + LEDGERS.length * LEDGER_BYTES
const FREED_END = LEDGERS_END + FREED.length * FREED_BYTES
const END = encoded().length
const SECTIONS: readonly (readonly [name: string, start: number, end: number])[] = [
  ['head', 0, PAGE_BYTES],
  ['ledgers', PAGE_BYTES, LEDGERS_END],
  ['freed segments', LEDGERS_END, FREED_END],
  ['regrouped segments', FREED_END, END - METADATA.length],
  ['metadata', END - METADATA.length, END],
]

describe('a snapshot', () => {
  it('comes back as it was written', () => {
    expect(decodeSnapshot(encoded())).toMatchObject({
      kind: 'ok',
      snapshot: { commit: 30, epoch: 4, freed: FREED, grouped: GROUPED, metadata: Uint8Array.from(METADATA) },
    })
  })

  it.each(SECTIONS)('is none with any one bit of its %s changed', (_name, start, end) => {
    fc.assert(
      fc.property(fc.integer({ min: start * 8, max: end * 8 - 1 }), (bit) => {
        const bytes = encoded()
        bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
        expect(decodeSnapshot(bytes)).toEqual({ kind: 'invalid' })
      }),
    )
  })
})
