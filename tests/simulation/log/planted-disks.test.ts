/** The crash suite is shown to fail: disks that lie in ways a log on them cannot survive. */
import type { Disk, DiskFile } from '@millrace/log'
import { describe, expect, it } from 'vitest'
import { CrashFailure, crashHistory, newCoverage } from './crash-suite.ts'
import type { WrapDisk } from './history.ts'

const SEEDS_PER_PLANTED_BUG = 200

describe('on a disk that lies', () => {
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
