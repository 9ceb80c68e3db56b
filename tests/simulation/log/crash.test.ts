/**
 * The log under crashes: STORAGE-like fault model, every operation boundary of random histories, every crash mode.
 * MILLRACE_SOAK_SECONDS sets the time to spend (default below); MILLRACE_SEED and MILLRACE_CRASH replay one case.
 */
import type { Disk, DiskFile } from '@millrace/log'
import { CRASH_MODES, type CrashMode } from '@millrace/log/testing'
import { randomBelow, systemClock, systemRandom } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { type Coverage, CrashFailure, crashHistory, newCoverage, statesOf } from './crash-suite.ts'
import type { WrapDisk } from './history.ts'

const SECONDS_DEFAULT = 25
const SEEDS_PER_PLANTED_BUG = 200

const environment = process.env
const soakSeconds = Number(environment['MILLRACE_SOAK_SECONDS'] ?? SECONDS_DEFAULT)

describe('a log that crashes', () => {
  it(
    'loses nothing it acknowledged and shows nothing that was never written, wherever and however it crashes',
    { timeout: (soakSeconds + 240) * 1_000 },
    async () => {
      const coverage = newCoverage()
      const replay = environment['MILLRACE_SEED']
      if (replay !== undefined) {
        await crashHistory(Number(replay), coverage, undefined, replayedCrash(environment['MILLRACE_CRASH']))
        report(coverage, Number(replay), 0)
        return
      }
      const firstSeed = randomBelow(systemRandom, 1_000_000)
      const startMs = systemClock.monotonic()
      const elapsedMs = (): number => systemClock.monotonic() - startMs
      for (let seed = firstSeed; elapsedMs() < soakSeconds * 1_000; seed++) await crashHistory(seed, coverage)
      report(coverage, firstSeed, elapsedMs())
      expect([...coverage.states.keys()].sort()).toEqual([...CRASH_MODES].sort())
      expect(statesOf(coverage)).toBeGreaterThan(100)
      expect(coverage.recycledSegments).toBeGreaterThan(0)
    },
  )

  const planted: readonly (readonly [string, WrapDisk])[] = [
    ['a disk that does not sync', (disk) => wrapFiles(disk, dropSyncs)],
    ['a disk that does not sync group commits', (disk) => wrapFiles(disk, dropSyncsOfWrites)],
    ['a disk that does not sync directories', (disk) => wrapDisk(disk, { syncDirectory: async () => {} })],
    ['a disk that answers before it has written', (disk) => wrapFiles(disk, answerEarly)],
    ['a disk that writes a sector off', (disk) => wrapFiles(disk, writeShort)],
  ]

  it.each(planted)('the suite catches %s', { timeout: 120_000 }, async (_bug, wrap) => {
    const coverage = newCoverage()
    const hunt = async (): Promise<void> => {
      for (let seed = 1; seed <= SEEDS_PER_PLANTED_BUG; seed++) await crashHistory(seed, coverage, wrap)
    }
    await expect(hunt()).rejects.toThrow(CrashFailure)
  })
})

function replayedCrash(text: string | undefined): { boundary?: number; mode?: CrashMode } {
  const [boundary, name] = text?.split(':') ?? []
  const mode = CRASH_MODES.find((known) => known === name)
  return boundary === undefined || mode === undefined ? {} : { boundary: Number(boundary), mode }
}

function report(coverage: Coverage, firstSeed: number, elapsedMs: number): void {
  const states = statesOf(coverage)
  const modes = [...coverage.states].map(([mode, count]) => `${mode} ${count}`).join(', ')
  const nested = [...coverage.nested]
    .sort()
    .map(([depth, count]) => `depth ${depth} ${count}`)
    .join(', ')
  const sites = [...coverage.sites]
    .sort(([, a], [, b]) => b - a)
    .map(([site, count]) => `${site} ${count}`)
    .join(', ')
  process.stderr.write(
    `log crashes: seeds ${firstSeed}…${firstSeed + coverage.histories - 1}, ${coverage.histories} histories, ` +
      `${coverage.lives} lives, ${coverage.recycledSegments} recycled segments, ${coverage.boundaries} boundaries, ` +
      `${states} states in ${(elapsedMs / 1_000).toFixed(1)} s ` +
      `(${modes}; nested: ${nested}); sites: ${sites}\n`,
  )
}

/** The disk with some calls replaced. */
function wrapDisk(disk: Disk, changes: Partial<Disk>): Disk {
  return {
    open: (path) => disk.open(path),
    create: (path) => disk.create(path),
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    freeBytes: () => disk.freeBytes(),
    close: () => disk.close(),
    ...changes,
  }
}

function wrapFiles(disk: Disk, change: (file: DiskFile) => Partial<DiskFile>): Disk {
  const wrapFile = (file: DiskFile): DiskFile => ({
    path: file.path,
    size: () => file.size(),
    write: (bytes, offset) => file.write(bytes, offset),
    writeAndSync: (bytes, offset) => file.writeAndSync(bytes, offset),
    sync: () => file.sync(),
    read: (into, offset) => file.read(into, offset),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    ...change(file),
  })
  return wrapDisk(disk, {
    open: async (path) => wrapFile(await disk.open(path)),
    create: async (path) => wrapFile(await disk.create(path)),
  })
}

function dropSyncs(file: DiskFile): Partial<DiskFile> {
  return { sync: async () => {}, writeAndSync: (bytes, offset) => file.write(bytes, offset) }
}

function dropSyncsOfWrites(file: DiskFile): Partial<DiskFile> {
  return { writeAndSync: (bytes, offset) => file.write(bytes, offset) }
}

function answerEarly(file: DiskFile): Partial<DiskFile> {
  return {
    async writeAndSync(bytes, offset) {
      // It may come after the file was closed.
      file.writeAndSync(bytes.slice(), offset).catch(() => undefined)
    },
  }
}

/** The last sector of a group commit never arrives. */
function writeShort(file: DiskFile): Partial<DiskFile> {
  return { writeAndSync: (bytes, offset) => file.writeAndSync(bytes.subarray(0, bytes.length - 512), offset) }
}
