/**
 * The golden directory was written by this test with MILLRACE_GOLDEN=write, and holds one of each file. It is never
 * written again: a later version must go on reading it, and a change of a byte of version 1 must be noticed.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { CommitReader } from '../commit-reader.ts'
import { loadIndexFile, writeIndexFile } from '../index-file.ts'
import { KIB, PAGE_BYTES } from '../limits.ts'
import { segmentPath } from '../segment.ts'
import { walkSegment } from '../segment-walk.ts'
import { NO_DEADLINE, openHarness, part, readAll, textOf } from '../testing/log-harness.ts'
import { SimulatedDisk } from '../testing/simulated-disk.ts'
import { viewOf } from './bytes.ts'
import { COMMIT_HEADER_BYTES, encodeCommitHeader, encodeFrame, FRAME_BYTES } from './commit-format.ts'
import { decodeSegmentHeader, encodeSegmentHeader } from './segment-header.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot-format.ts'

const GOLDEN = join(dirname(fileURLToPath(import.meta.url)), 'golden', 'v1')
const SEGMENT_BYTES = 16 * KIB
const INDEX = 'log/0000000001.idx'

async function goldenDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  for (const directory of ['log', 'meta', 'spare']) await disk.makeDirectory(directory)
  for (const path of readdirSync(GOLDEN, { recursive: true, encoding: 'utf8' })) {
    if (path.includes('.')) disk.poke(path.replaceAll('\\', '/'), readFileSync(join(GOLDEN, path)))
  }
  return disk
}

/** Three ledgers of which one is closed and one dropped, a trim, metadata: two segments. */
async function writeGolden(): Promise<void> {
  const { log, disk, clock } = await openHarness({ segmentBytes: SEGMENT_BYTES })
  const ledgers = [1, 2, 3].map((ledger) => ({ ledger, notBeforeMs: 0 }))
  await log.openLedgers(ledgers, NO_DEADLINE)
  for (let i = 0; i < 3; i++) {
    clock.advance(1_000)
    await log.append([part(1, `one ${i};`, 2), part(2, `two ${i};`)], NO_DEADLINE)
  }
  await log.appendMetadata(new TextEncoder().encode('golden'), NO_DEADLINE)
  await log.closeLedgers([2], NO_DEADLINE)
  await log.dropLedgers([3], NO_DEADLINE)
  await log.trim([{ ledger: 1, beforeMs: 1_700_000_002_000 }])
  await log.close()
  for (const path of disk.paths().filter((known) => !known.startsWith('spare'))) {
    mkdirSync(dirname(join(GOLDEN, path)), { recursive: true })
    writeFileSync(join(GOLDEN, path), disk.peek(path))
  }
}

if (process.env['MILLRACE_GOLDEN'] === 'write') await writeGolden()

describe('the golden directory of version 1', () => {
  it('opens without damage and reads as it was written', async () => {
    const { log, metadata } = await openHarness({ disk: await goldenDisk(), segmentBytes: SEGMENT_BYTES, seed: 2 })
    expect(log.health()).toEqual({ writable: true, damage: [] })
    expect(textOf(await readAll(log, 1))).toBe('one 1;one 2;')
    expect(textOf(await readAll(log, 2))).toBe('two 0;two 1;two 2;')
    expect([1, 2, 3].map((ledger) => log.stateOf(ledger))).toEqual(['open', 'closed', undefined])
    expect(metadata.changes.map((change) => change.split(':')[1])).toEqual(['golden'])
    await log.close()
  })

  it('holds segments whose headers and commits are encoded to the same bytes', async () => {
    const disk = await goldenDisk()
    let commits = 0
    for (const path of disk.paths().filter((known) => known.endsWith('.seg'))) {
      const bytes = disk.peek(path)
      const decoded = decodeSegmentHeader(bytes.subarray(0, PAGE_BYTES))
      if (decoded.kind !== 'ok' || segmentPath(decoded.header.number) !== path) continue
      const page = new Uint8Array(PAGE_BYTES)
      encodeSegmentHeader(decoded.header, page)
      expect(page).toEqual(new Uint8Array(bytes.subarray(0, PAGE_BYTES)))
      const start = { ...startOf(decoded.header), provenCommit: 0, endBefore: undefined }
      const file = await disk.open(path)
      await walkSegment(new CommitReader(file, bytes.length), start, (header, offset, frames) => {
        const again = new Uint8Array(COMMIT_HEADER_BYTES + frames.length * FRAME_BYTES)
        encodeCommitHeader(header, again, viewOf(again), 0)
        for (const [place, frame] of frames.entries()) {
          encodeFrame(frame, viewOf(again), COMMIT_HEADER_BYTES + place * FRAME_BYTES)
        }
        expect(again).toEqual(new Uint8Array(bytes.subarray(offset, offset + again.length)))
        commits++
      })
      await file.close()
    }
    expect(commits).toBeGreaterThan(8)
  })

  it('holds an index that is written to the same bytes from its segment', async () => {
    const disk = await goldenDisk()
    const loaded = await loadIndexFile(disk, INDEX)
    if (loaded === undefined) throw new Error('the golden index is whole')
    const { summary } = loaded
    const file = await disk.open(segmentPath(1))
    const walk = await walkSegment(new CommitReader(file, await file.size()), {
      ...startOf(summary),
      provenCommit: 0,
      endBefore: summary.lastCommit + 1,
    })
    await writeIndexFile(disk, 'log/again.idx', summary, walk.index, [])
    expect(disk.peek('log/again.idx')).toEqual(disk.peek(INDEX))
  })

  it('holds snapshots that are encoded to the same bytes', async () => {
    const disk = await goldenDisk()
    const paths = disk.paths().filter((path) => path.endsWith('.snap'))
    expect(paths.length).toBeGreaterThan(0)
    for (const path of paths) {
      const decoded = decodeSnapshot(disk.peek(path))
      if (decoded.kind !== 'ok') throw new Error(`${path} is whole`)
      const { snapshot } = decoded
      expect(encodeSnapshot({ ...snapshot, ledgerCount: snapshot.ledgers.length })).toEqual(disk.peek(path))
    }
  })
})

function startOf(head: { readonly salt: bigint; readonly firstCommit: number; readonly previousCrc: number }): {
  readonly salt: bigint
  readonly commit: number
  readonly previousCrc: number
  readonly epoch: number
  readonly offset: number
} {
  return { salt: head.salt, commit: head.firstCommit, previousCrc: head.previousCrc, epoch: 0, offset: PAGE_BYTES }
}
