/** The crash suite is shown to fail: disks that lie in ways a log on them cannot survive. */
import type { DiskFile } from '@millrace/log'
import { wrapDisk, wrapFiles } from '@millrace/log/testing'
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
