import { crc32 } from 'node:zlib'
import { seededRandom } from '@millrace/std/testing'
import { describe, expect, it } from 'vitest'
import { describeDisk } from '../disk.contract.ts'
import type { DiskFile } from '../disk.ts'
import { CRASH_MODES, type CrashMode, SimulatedDisk } from './index.ts'

describeDisk('SimulatedDisk', async () => {
  const disk = new SimulatedDisk({ random: seededRandom(1) })
  return { disk, allocate: disk.allocate, dispose: async () => {} }
})

const POWER_LOSS = CRASH_MODES.filter((mode) => mode !== 'kill')
const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)
const newDisk = (seed = 1): SimulatedDisk => new SimulatedDisk({ random: seededRandom(seed) })

/** A file whose name is durable and whose first `length` bytes are durably `value`. */
async function durableFile(disk: SimulatedDisk, path: string, length: number, value: number): Promise<DiskFile> {
  const file = await disk.create(path)
  await file.writeAndSync(bytes(length, value), 0)
  await disk.syncDirectory('')
  return file
}

/** Every content that `path` has after crashes in `mode`, over many seeds. `undefined`: the name is gone. */
function outcomes(disk: SimulatedDisk, path: string, mode: CrashMode, seeds = 300): (Uint8Array | undefined)[] {
  return Array.from({ length: seeds }, (_, seed) => {
    const next = disk.crash(mode, seededRandom(seed))
    return next.paths().includes(path) ? next.peek(path) : undefined
  })
}

/** The distinct values of a sector of a file, over outcomes. */
const sectorValues = (contents: readonly (Uint8Array | undefined)[], sector: number): number[] =>
  [...new Set(contents.map((content) => content?.[sector * 512] ?? -1))].sort((a, b) => a - b)

describe('power loss on a simulated disk', () => {
  it.each(CRASH_MODES)('never changes what was synced (%s)', async (mode) => {
    const disk = newDisk()
    await durableFile(disk, 'a', 8_192, 1)
    const other = await disk.create('b')
    await other.write(bytes(8_192, 2), 0)
    const synced = Buffer.alloc(8_192, 1)
    expect(outcomes(disk, 'a', mode).every((content) => content !== undefined && synced.equals(content))).toBe(true)
  })

  it.each([
    ['kill', [2]],
    ['all-lost', [1]],
    ['all-kept', [2]],
    ['prefix', [1, 2]],
    ['reordered', [1, 2]],
    ['subset', [1, 2]],
    ['pages', [1, 2]],
    ['sectors', [1, 2]],
    ['names-only', [1]],
    ['data-only', [2]],
  ] as const)('%s leaves of an overwritten sector %j', async (mode, expected) => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 8_192, 1)
    await file.write(bytes(8_192, 2), 0)
    expect(sectorValues(outcomes(disk, 'a', mode), 3)).toEqual(expected)
  })

  it('a sector is any value it held since the sync, whatever came later', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 512, 1)
    for (const value of [2, 3, 4]) await file.write(bytes(512, value), 0)
    expect(sectorValues(outcomes(disk, 'a', 'subset'), 0)).toEqual([1, 2, 3, 4])
  })

  it('tears a write between sectors, and between pages only if told so', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 8_192, 1)
    await file.write(bytes(8_192, 2), 0)
    const mixedPages = (content: Uint8Array | undefined): boolean =>
      new Set(content?.subarray(0, 4_096)).size > 1 || new Set(content?.subarray(4_096)).size > 1
    expect(outcomes(disk, 'a', 'sectors').some(mixedPages)).toBe(true)
    expect(outcomes(disk, 'a', 'pages').some(mixedPages)).toBe(false)
    expect(outcomes(disk, 'a', 'subset').every((content) => new Set(content).size === 1)).toBe(true)
  })

  it('keeps later writes without earlier ones, also in other files', async () => {
    const disk = newDisk()
    const a = await durableFile(disk, 'a', 512, 1)
    const b = await durableFile(disk, 'b', 512, 1)
    await a.write(bytes(512, 2), 0)
    await b.write(bytes(512, 2), 0)
    const pairs = (mode: CrashMode): string[] => {
      const left = outcomes(disk, 'a', mode).map((content) => content?.[0])
      const right = outcomes(disk, 'b', mode).map((content) => content?.[0])
      return [...new Set(left.map((value, i) => `${value}${right[i]}`))].sort()
    }
    expect(pairs('reordered')).toEqual(['11', '12', '22'])
    expect(pairs('prefix')).toEqual(['11', '21', '22'])
    expect(pairs('subset')).toEqual(['11', '12', '21', '22'])
  })

  it('a grown file has any size between, and what never arrived reads as zeros', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 1_024, 1)
    await file.write(bytes(3_072, 2), 1_024)
    const contents = outcomes(disk, 'a', 'sectors')
    const sizes = new Set(contents.map((content) => content?.length))
    expect(sizes.size).toBeGreaterThan(3)
    expect(Math.min(...[...sizes].map(Number))).toBe(1_024)
    expect(Math.max(...[...sizes].map(Number))).toBe(4_096)
    const zeroOrWritten = (byte: number): boolean => byte === 0 || byte === 2
    expect(contents.every((content) => content?.subarray(1_024).every(zeroOrWritten))).toBe(true)
  })

  it('a cut may be lost; cut and extended, a file never shows its old bytes to the living', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 4_096, 1)
    await file.truncate(0)
    await file.truncate(4_096)
    expect(disk.peek('a')).toEqual(bytes(4_096, 0))
    expect(sectorValues(outcomes(disk, 'a', 'subset'), 0)).toEqual([-1, 0, 1])
    await file.sync()
    expect(sectorValues(outcomes(disk, 'a', 'subset'), 0)).toEqual([0])
  })

  it.each(['all-lost', 'data-only'] as const)('%s forgets a name whose directory was not synced', async (mode) => {
    const disk = newDisk()
    const file = await disk.create('a')
    await file.writeAndSync(bytes(512, 1), 0)
    expect(outcomes(disk, 'a', mode, 5)).toEqual(Array.from({ length: 5 }))
    await disk.syncDirectory('')
    expect(outcomes(disk, 'a', mode, 5)).toEqual(Array.from({ length: 5 }, () => bytes(512, 1)))
  })

  it('a new name may show an unsynced file as empty or as zeros', async () => {
    const disk = newDisk()
    const file = await disk.create('a')
    await file.write(bytes(512, 1), 0)
    const sizes = new Set(outcomes(disk, 'a', 'names-only').map((content) => content?.length))
    expect(sizes).toEqual(new Set([0, 512]))
    expect(outcomes(disk, 'a', 'names-only').every((content) => content?.every((byte) => byte === 0))).toBe(true)
  })

  it.each(POWER_LOSS)('a rename leaves the old target or the new one, never none (%s)', async (mode) => {
    const disk = newDisk()
    await durableFile(disk, 'a', 512, 1)
    await durableFile(disk, 'b', 512, 2)
    await disk.rename('a', 'b')
    for (let seed = 0; seed < 100; seed++) {
      const next = disk.crash(mode, seededRandom(seed))
      const found = next.paths().map((path) => `${path}${next.peek(path)[0]}`)
      expect(['a1,b2', 'b1']).toContain(found.join())
    }
  })

  it('a removed name comes back unless the directory was synced', async () => {
    const disk = newDisk()
    await durableFile(disk, 'a', 512, 1)
    await disk.remove('a')
    expect(disk.crash('all-lost').paths()).toEqual(['a'])
    await disk.syncDirectory('.')
    expect(disk.crash('all-lost').paths()).toEqual([])
  })

  it('a directory that was lost takes its files along', async () => {
    const disk = newDisk()
    await disk.makeDirectory('log')
    const file = await disk.create('log/a')
    await file.sync()
    await disk.syncDirectory('log')
    expect(disk.crash('all-lost').paths()).toEqual([])
    await disk.syncDirectory('')
    expect(disk.crash('all-lost').paths()).toEqual(['log/a'])
  })

  it('after a kill everything is there, and still not durable', async () => {
    const disk = newDisk()
    const file = await disk.create('a')
    await file.write(bytes(512, 1), 0)
    const killed = disk.crash('kill')
    expect(killed.peek('a')).toEqual(bytes(512, 1))
    expect(killed.crash('all-lost').paths()).toEqual([])
  })

  it('a write in progress is a prefix of itself after a kill', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 1_000, 1)
    const lengths = new Set<number>()
    disk.onOperation = () => {
      for (let seed = 0; seed < 50; seed++) {
        const content = disk.crash('kill', seededRandom(seed)).peek('a')
        const written = content.lastIndexOf(2) + 1
        expect(content.subarray(0, written).every((byte) => byte === 2)).toBe(true)
        lengths.add(written)
      }
    }
    await file.write(bytes(1_000, 2), 0)
    expect(lengths.size).toBeGreaterThan(20)
  })
})

describe('a simulated disk', () => {
  it('does the same again from the same seed', async () => {
    const run = async (): Promise<unknown> => {
      const disk = newDisk(7)
      const seen: string[] = []
      disk.onOperation = ({ index, kind, path }) => seen.push(`${index} ${kind} ${path}`)
      const files = await Promise.all(['a', 'b', 'c'].map((path) => disk.create(path)))
      await Promise.all(files.map((file, i) => file.writeAndSync(bytes(2_000, i), 0)))
      const next = disk.crash('sectors', seededRandom(9))
      return [seen, next.paths().map((path) => [path, [...next.peek(path)]])]
    }
    expect(await run()).toEqual(await run())
  })

  it('is dead once halted: calls under way never settle and change nothing', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 512, 1)
    let settled = false
    disk.onOperation = () => disk.halt()
    void file.write(bytes(512, 2), 0).finally(() => (settled = true))
    void disk.create('b').finally(() => (settled = true))
    for (let turn = 0; turn < 50; turn++) await undefined
    expect([settled, disk.paths(), disk.peek('a')[0]]).toEqual([false, ['a'], 1])
  })

  it('a fork goes its own way', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 8_192, 1)
    const fork = disk.fork()
    await file.writeAndSync(bytes(4_096, 2), 0)
    const other = await fork.open('a')
    await other.writeAndSync(bytes(4_096, 3), 4_096)
    expect([disk.peek('a')[0], disk.peek('a')[5_000]]).toEqual([2, 1])
    expect([fork.peek('a')[0], fork.peek('a')[5_000]]).toEqual([1, 3])
  })

  it('two crashes that leave the same names go their own ways', async () => {
    const disk = newDisk()
    await durableFile(disk, 'a', 512, 1)
    await disk.rename('a', 'b')
    const [left, other] = [disk.crash('all-kept'), disk.crash('names-only')]
    expect(left.fingerprint).toBe(other.fingerprint)
    await left.rename('b', 'c')
    expect([left.paths(), other.paths(), disk.crash('all-kept').paths()]).toEqual([['c'], ['b'], ['b']])
    expect(left.fingerprint).not.toBe(other.fingerprint)
  })

  it('fails what it is told to fail, after as many bytes as it is told', async () => {
    const disk = newDisk()
    const file = await disk.create('a')
    disk.faults = ({ kind }) => (kind === 'write' ? { code: 'ENOSPC', writtenBytes: 100 } : undefined)
    await expect(file.writeAndSync(bytes(512, 1), 0)).rejects.toMatchObject({ code: 'ENOSPC' })
    disk.faults = undefined
    expect(await file.size()).toBe(100)
  })

  it('a failed sync is reported once; the next succeeds without what the first one owed', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 8_192, 1)
    await file.write(bytes(4_096, 2), 0)
    disk.faults = ({ kind }) => (kind === 'sync' ? { code: 'EIO', failedSync: 'phantom' } : undefined)
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    disk.faults = undefined
    await file.write(bytes(4_096, 3), 4_096)
    await file.sync()
    expect(disk.peek('a')[0]).toBe(2)
    expect([disk.crash('all-kept').peek('a')[0], disk.crash('all-kept').peek('a')[4_096]]).toEqual([1, 3])
    await file.writeAndSync(bytes(4_096, 2), 0)
    expect(disk.crash('all-lost').peek('a')[0]).toBe(2)
  })

  it('a failed sync may also fall back to what was durable', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 512, 1)
    await file.write(bytes(512, 2), 0)
    disk.faults = ({ kind }) => (kind === 'sync' ? { code: 'EIO', failedSync: 'revert' } : undefined)
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    expect(disk.peek('a')[0]).toBe(1)
  })

  it('runs out of space, keeps what fitted, and gives space back', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(1), capacityBytes: 10_000 })
    const file = await disk.create('a')
    await file.write(bytes(8_000, 1), 0)
    expect(await disk.freeBytes()).toBe(2_000)
    await expect(file.write(bytes(4_000, 1), 8_000)).rejects.toMatchObject({ code: 'ENOSPC' })
    await file.write(bytes(8_000, 2), 0)
    await file.truncate(0)
    expect(await disk.freeBytes()).toBe(10_000)
  })

  it('runs out of open files', async () => {
    const disk = new SimulatedDisk({ random: seededRandom(1), openFilesMax: 1 })
    const file = await disk.create('a')
    await expect(disk.create('b')).rejects.toMatchObject({ code: 'EMFILE' })
    await file.close()
    await disk.create('b')
  })

  it('refuses to be closed over open files', async () => {
    const disk = newDisk()
    await disk.create('a')
    await expect(disk.close()).rejects.toThrow('still open: a')
  })
})

describe('a fingerprint', () => {
  it('is that of another crash that left the same, and of no other', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 8_192, 1)
    await file.write(bytes(4_096, 2), 4_096)
    const left = (mode: CrashMode): string => disk.crash(mode, seededRandom(1)).fingerprint
    expect(left('all-kept')).toBe(left('data-only'))
    expect(left('all-lost')).toBe(left('names-only'))
    expect(left('all-kept')).not.toBe(left('all-lost'))
  })

  it('tells pages apart that end in their own checksum', async () => {
    const sealed = (value: number): Uint8Array => {
      const page = bytes(4_096, value)
      new DataView(page.buffer).setUint32(4_092, crc32(page.subarray(0, 4_092)), true)
      return page
    }
    expect(crc32(sealed(1))).toBe(crc32(sealed(2)))
    const disks = [1, 2].map((value) => {
      const disk = newDisk()
      disk.poke('a', sealed(value))
      return disk
    })
    expect(disks[0]?.fingerprint).not.toBe(disks[1]?.fingerprint)
  })

  it('tells how much of a write in progress arrived in a file that was clean', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 4_096, 1)
    const seen = new Set<string>()
    disk.onOperation = ({ kind }) => {
      if (kind !== 'write') return
      for (let seed = 0; seed < 100; seed++) seen.add(disk.crash('all-kept', seededRandom(seed)).fingerprint)
    }
    await file.write(bytes(4_096, 2), 0)
    expect(seen.size).toBe(9)
  })

  it('tells what is pending from what is durable, in files and names', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 4_096, 1)
    await file.write(bytes(4_096, 2), 0)
    const other = await disk.create('b')
    await other.sync()
    const seen = [disk.crash('kill').fingerprint]
    await file.sync()
    seen.push(disk.crash('kill').fingerprint)
    await disk.syncDirectory('')
    seen.push(disk.crash('kill').fingerprint)
    expect(new Set(seen).size).toBe(3)
    expect(disk.crash('all-kept').fingerprint).toBe(disk.crash('kill').fingerprint)
  })

  it('follows what is written, of a disk and of its copy each alone', async () => {
    const disk = newDisk()
    const file = await durableFile(disk, 'a', 8_192, 1)
    const before = disk.fingerprint
    const fork = disk.fork()
    const buffer = bytes(4_096, 2)
    await file.write(buffer, 0)
    buffer.fill(3)
    await file.write(bytes(10, 4), 100)
    await (await fork.open('a')).write(bytes(10, 5), 4_096)
    expect(disk.peek('a').subarray(0, 200)).toEqual(bytes(200, 2).fill(4, 100, 110))
    expect(disk.peek('a').subarray(4_096)).toEqual(bytes(4_096, 1))
    expect(fork.peek('a')).toEqual(bytes(8_192, 1).fill(5, 4_096, 4_106))
    expect(new Set([before, disk.fingerprint, fork.fingerprint]).size).toBe(3)
  })
})
