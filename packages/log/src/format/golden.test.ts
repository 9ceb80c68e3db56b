/**
 * The golden directories were written by this test with MILLRACE_GOLDEN=write, one for each version of the formats, and
 * hold one of each file. They are never written again: a later version must go on reading them, and a change of a byte
 * of the present version must be noticed. Version 2 added regrouped segments, and snapshots that know of them; version 3
 * has segments whose commits mask the checksum of their header.
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
import { type WalkStart, walkSegment } from '../segment-walk.ts'
import { NO_DEADLINE, openHarness, part, readAll, textOf } from '../testing/log-harness.ts'
import { SimulatedDisk } from '../testing/simulated-disk.ts'
import { viewOf } from './bytes.ts'
import { COMMIT_HEADER_BYTES, encodeCommitHeader, encodeFrame, FRAME_BYTES } from './commit-format.ts'
import type { SegmentSummary } from './index-format.ts'
import { decodeSegmentHeader, encodeSegmentHeader, type SegmentHeader } from './segment-header.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot-format.ts'

const GOLDEN = join(dirname(fileURLToPath(import.meta.url)), 'golden')
const VERSIONS = ['v1', 'v2', 'v3'] as const
const PRESENT = 'v3'
const SEGMENT_BYTES = 16 * KIB
const DAY_MS = 86_400_000
/** Of the present version: how often two segments of both classes are filled. */
const MIXED_ROUNDS = 14
type Version = (typeof VERSIONS)[number]

async function goldenDisk(version: Version): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  for (const directory of ['log', 'meta', 'spare']) await disk.makeDirectory(directory)
  const directory = join(GOLDEN, version)
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (path.includes('.')) disk.poke(path.replaceAll('\\', '/'), readFileSync(join(directory, path)))
  }
  return disk
}

/** Three ledgers of which one is closed and one dropped, a trim, metadata; before that, segments that are regrouped. */
async function writeGolden(): Promise<void> {
  const { log, disk, clock } = await openHarness({ segmentBytes: SEGMENT_BYTES, tailBytesMax: 0 })
  const ledgers = [1, 2, 3, 4, 5].map((ledger) => ({ ledger, notBeforeMs: 0 }))
  await log.openLedgers(ledgers, NO_DEADLINE)
  for (let i = 0; i < MIXED_ROUNDS; i++) {
    await log.append([part(4, `four ${i};`), part(5, `five ${i};`)], NO_DEADLINE)
  }
  await log.trim([
    { ledger: 4, beforeMs: 0, retentionMs: DAY_MS },
    { ledger: 5, beforeMs: 0, retentionMs: 365 * DAY_MS },
  ])
  for (let turn = 0; disk.paths().filter((path) => /g\d+\.seg$/.test(path)).length < 2; turn++) {
    if (turn > 1_000) throw new Error('nothing is regrouped')
    await clock.advance(100)
  }
  for (let i = 0; i < 3; i++) {
    clock.advance(1_000)
    await log.append([part(1, `one ${i};`, 2), part(2, `two ${i};`)], NO_DEADLINE)
  }
  await log.appendMetadata(new TextEncoder().encode('golden'), NO_DEADLINE)
  await log.closeLedgers([2], NO_DEADLINE)
  await log.dropLedgers([3], NO_DEADLINE)
  await log.trim([{ ledger: 1, beforeMs: clock.now() - 1_500 }])
  await log.close()
  for (const path of disk.paths().filter((known) => !known.startsWith('spare'))) {
    mkdirSync(dirname(join(GOLDEN, PRESENT, path)), { recursive: true })
    writeFileSync(join(GOLDEN, PRESENT, path), disk.peek(path))
  }
}

if (process.env['MILLRACE_GOLDEN'] === 'write') await writeGolden()

describe.each(VERSIONS)('the golden directory of version %s', (version) => {
  it('opens without damage and reads as it was written', async () => {
    const { log, metadata } = await openHarness({
      disk: await goldenDisk(version),
      segmentBytes: SEGMENT_BYTES,
      seed: 2,
    })
    expect(log.health()).toEqual({ writable: true, damage: [] })
    expect(textOf(await readAll(log, 1))).toBe('one 1;one 2;')
    if (version !== 'v1') {
      const rounds = Array.from({ length: MIXED_ROUNDS }, (_, i) => i)
      expect(textOf(await readAll(log, 4))).toBe(rounds.map((i) => `four ${i};`).join(''))
      expect(textOf(await readAll(log, 5))).toBe(rounds.map((i) => `five ${i};`).join(''))
    }
    expect(textOf(await readAll(log, 2))).toBe('two 0;two 1;two 2;')
    expect([1, 2, 3].map((ledger) => log.stateOf(ledger))).toEqual(['open', 'closed', undefined])
    expect(metadata.changes.map((change) => change.split(':')[1])).toEqual(['golden'])
    await log.close()
  })

  it('holds segments whose headers and commits are encoded to the same bytes', async () => {
    const disk = await goldenDisk(version)
    let commits = 0
    for (const path of disk.paths().filter((known) => known.endsWith('.seg'))) {
      const bytes = disk.peek(path)
      const decoded = decodeSegmentHeader(bytes.subarray(0, PAGE_BYTES))
      if (decoded.kind !== 'ok' || segmentPath(decoded.header.number) !== path) continue
      const page = new Uint8Array(PAGE_BYTES)
      encodeSegmentHeader(decoded.header, page)
      expect(page).toEqual(new Uint8Array(bytes.subarray(0, PAGE_BYTES)))
      const start = startOf(decoded.header)
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

  it('holds indexes that are written to the same bytes from their segments', async () => {
    const disk = await goldenDisk(version)
    const paths = disk.paths().filter((path) => path.endsWith('.idx'))
    expect(paths.length).toBeGreaterThan(0)
    for (const path of paths) {
      const loaded = await loadIndexFile(disk, path)
      if (loaded === undefined) throw new Error(`${path} is whole`)
      const { summary } = loaded
      const segment = path.replace('.idx', '.seg')
      const decoded = decodeSegmentHeader(disk.peek(segment).subarray(0, PAGE_BYTES))
      if (decoded.kind !== 'ok') throw new Error(`${segment} is whole`)
      const file = await disk.open(segment)
      const start = startOf(decoded.header, summary)
      const walk = await walkSegment(new CommitReader(file, await file.size()), start)
      await writeIndexFile(disk, 'log/again.idx', summary, walk.index, [])
      expect(disk.peek('log/again.idx')).toEqual(disk.peek(path))
    }
  })

  it('holds snapshots that are encoded to the same bytes', async () => {
    const disk = await goldenDisk(version)
    const paths = disk.paths().filter((path) => path.endsWith('.snap'))
    expect(paths.length).toBeGreaterThan(0)
    let grouped = 0
    for (const path of paths) {
      const decoded = decodeSnapshot(disk.peek(path))
      if (decoded.kind !== 'ok') throw new Error(`${path} is whole`)
      const { snapshot } = decoded
      grouped += snapshot.grouped.length
      // Without regrouped segments they were of another version.
      if (version === 'v1') continue
      expect(encodeSnapshot({ ...snapshot, ledgerCount: snapshot.ledgers.length })).toEqual(disk.peek(path))
    }
    expect(grouped > 0).toBe(version !== 'v1')
  })
})

/** Without a summary: as far as it goes. */
function startOf(header: SegmentHeader, summary?: SegmentSummary): WalkStart {
  const { salt, isGrouped, firstCommit } = header
  const start = { salt, epoch: 0, provenCommit: 0, offset: PAGE_BYTES }
  if (isGrouped) return { ...start, commit: 1, previousCrc: 0, endBefore: undefined }
  const endBefore = summary === undefined ? undefined : summary.lastCommit + 1
  return { ...start, commit: firstCommit, previousCrc: header.previousCrc, endBefore }
}
