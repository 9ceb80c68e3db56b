import { seededRandom } from '@millrace/std/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FileIndex } from './file-index.ts'
import { FRAME_RECORDS, type FrameEntry } from './format/commit-format.ts'
import { writeIndexFile, loadIndexFile, type SegmentEnds } from './index-file.ts'
import { MemoryIndex } from './memory-index.ts'
import { OpenFiles } from './open-files.ts'
import { PageCache } from './page-cache.ts'
import { SimulatedDisk } from './testing/simulated-disk.ts'

const ends: SegmentEnds = {
  logId: new Uint8Array(16).fill(7),
  number: 3,
  salt: 12_345n,
  firstCommit: 100,
  lastCommit: 999,
  previousCrc: 1,
  lastCrc: 2,
  lastEpoch: 3,
  usedBytes: 4096,
}

/** Frames of several ledgers in order of commit, chained, with times that do not fall. */
const framesOf = (choices: readonly { ledger: number; step: number; records: number }[]): FrameEntry[] => {
  const previous = new Map<number, FrameEntry>()
  let commit = 100
  return choices.map(({ ledger, step, records }, order) => {
    commit += 1 + (step % 3)
    const before = previous.get(ledger)
    const frame: FrameEntry = {
      ledger,
      kind: FRAME_RECORDS,
      codec: 0,
      records,
      payloadOffset: 112,
      payloadBytes: records * 10,
      commit,
      previousCommit: before?.commit ?? 0,
      timeMs: (before?.timeMs ?? 1_000) + step,
      payloadCrc: order,
    }
    previous.set(ledger, frame)
    return frame
  })
}

const choices = fc.array(
  fc.record({
    ledger: fc.oneof(fc.nat(5), fc.constantFrom(1_000, 2 ** 32 - 1)),
    step: fc.nat(9),
    records: fc.integer({ min: 1, max: 50 }),
  }),
  { maxLength: 400 },
)

describe('FileIndex', () => {
  it('answers as the index in memory that it was written from, through a cache of one page', async () => {
    await fc.assert(
      fc.asyncProperty(choices, fc.nat(9), fc.nat(1_200), fc.nat(5_000), fc.nat(60), async (made, ...query) => {
        const [fromIndex, fromCommit, fromTimeMs, recordsMax] = query
        const memory = new MemoryIndex()
        for (const [order, frame] of framesOf(made).entries()) memory.add(frame, order * 4096)
        const disk = new SimulatedDisk({ random: seededRandom(1) })
        await disk.makeDirectory('log')
        await writeIndexFile(disk, 'log/3.idx', ends, memory, [{ fromCommit: 5, toCommit: 6, offset: 7 }])
        const loaded = await loadIndexFile(disk, 'log/3.idx')
        expect(loaded?.damages).toEqual([{ fromCommit: 5, toCommit: 6, offset: 7 }])
        if (loaded === undefined) return
        const files = new OpenFiles(disk, 1)
        const file = new FileIndex('log/3.idx', loaded.summary, loaded.bitmap, new PageCache(4096, files))
        expect(await file.ledgers()).toEqual(memory.ledgers())
        for (const ledger of [0, 1, 2, 5, 6, 1_000, 2 ** 32 - 1]) {
          const asked = { ledger, fromIndex, fromCommit, fromTimeMs, recordsMax: 1 + recordsMax, bytesMax: 300 }
          expect(await file.collect(asked)).toEqual(memory.collect(asked))
          expect(await file.last(ledger)).toEqual(memory.last(ledger))
          if (memory.has(ledger)) expect(file.has(ledger)).toBe(true)
        }
        await files.close()
        expect(disk.openFiles).toBe(0)
      }),
      { numRuns: 60 },
    )
  })
})
