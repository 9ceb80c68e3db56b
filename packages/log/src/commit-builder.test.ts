import { describe, expect, it } from 'vitest'
import { AppendQueue } from './append-queue.ts'
import { CommitBuilder } from './commit-builder.ts'
import { viewOf } from './format/bytes.ts'
import { decodeFrame, FRAME_METADATA, FRAME_RECORDS } from './format/commit-format.ts'
import { crc32 } from './format/crc32.ts'
import { LedgerTable, openedLedger } from './ledger-table.ts'
import { MIB, PAGE_BYTES } from './limits.ts'

const PLACE = {
  version: 2,
  durable: 0,
  epoch: 1,
  previousCrc: 0,
  salt: 0n,
  flags: 0,
  changeCommit: 1,
  leadBytes: PAGE_BYTES,
}

/** Bytes of a part of one record: `bytes` times its letter. */
const part = (ledger: number, letter: string, bytes: number) => ({
  ledger,
  records: 1,
  bytes: new Uint8Array(Buffer.alloc(bytes, letter)),
})

describe('CommitBuilder', () => {
  const table = new LedgerTable()
  for (const ledger of [0, 1, 2, 3]) table.add(openedLedger(ledger, 1, 0))

  /** What stands in the commit's bytes: each frame's ledger and payload. */
  function built(commit: number, requests: readonly (readonly ReturnType<typeof part>[])[], metadata?: Uint8Array) {
    const builder = new CommitBuilder(commit, 5, MIB)
    const own = table.get(0)
    if (metadata !== undefined && own !== undefined) builder.addFrame(own, FRAME_METADATA, 5, metadata)
    const queue = new AppendQueue(MIB)
    for (const parts of requests) queue.offer(parts, table, 0)
    queue.drainInto(builder)
    const { buffer, frames } = builder.build({ ...PLACE, commit }, (bytes) => new Uint8Array(bytes))
    const read = frames.map((frame, i) => {
      expect(decodeFrame(viewOf(buffer), PAGE_BYTES, i)).toEqual(frame)
      const start = PAGE_BYTES + frame.payloadOffset
      const payload = buffer.subarray(start, start + frame.payloadBytes)
      expect(frame.payloadCrc).toBe(crc32(payload))
      return [frame.ledger, frame.kind, frame.records, Buffer.from(payload).toString('latin1')]
    })
    expect(builder.states.map(({ ledger }) => ledger)).toEqual(frames.map(({ ledger }) => ledger))
    return { read, taken: builder.taken.map(({ frame, firstIndex }) => [frame.ledger, firstIndex]) }
  }

  it('lays the parts of a ledger side by side, whichever requests they came with, in the order they were taken', () => {
    const { read, taken } = built(
      2,
      [
        [part(1, 'a', 3), part(2, 'b', 300), part(1, 'c', 1)],
        [part(2, 'd', 2), part(1, 'e', 2)],
      ],
      Buffer.from('meta'),
    )
    expect(read).toEqual([
      [0, FRAME_METADATA, 0, 'meta'],
      [1, FRAME_RECORDS, 3, 'aaacee'],
      [2, FRAME_RECORDS, 2, `${'b'.repeat(300)}dd`],
    ])
    expect(taken).toEqual([
      [1, 0],
      [2, 0],
      [1, 1],
      [2, 1],
      [1, 2],
    ])
  })

  it('is not misled by where a ledger’s frame stood in an earlier commit', () => {
    built(3, [[part(1, 'a', 1), part(2, 'b', 1), part(3, 'c', 1)]])
    const { read } = built(4, [[part(3, 'x', 1), part(2, 'y', 1), part(1, 'z', 1), part(3, 'w', 1)]])
    expect(read).toEqual([
      [3, FRAME_RECORDS, 2, 'xw'],
      [2, FRAME_RECORDS, 1, 'y'],
      [1, FRAME_RECORDS, 1, 'z'],
    ])
    expect(table.get(1)?.lastFrameCommit).toBe(4)
  })
})
