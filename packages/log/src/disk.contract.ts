/**
 * What every disk promises, whatever it is made of. What only a loss of power shows is in simulated-disk.test.ts.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AllocateBuffer, Disk, DiskFile } from './disk.ts'

/** A disk on an empty directory, and how to get rid of it. `disk` has been closed by then. */
export interface DiskUnderTest {
  readonly disk: Disk
  readonly allocate: AllocateBuffer
  dispose(): Promise<void>
}

export function describeDisk(name: string, make: () => Promise<DiskUnderTest>): void {
  describe(`${name} keeps the disk's contract`, () => {
    let tested: DiskUnderTest
    let disk: Disk
    const open: DiskFile[] = []

    beforeEach(async () => {
      tested = await make()
      disk = tested.disk
    })

    afterEach(async () => {
      for (const file of open.splice(0)) await file.close()
      await disk.close()
      await tested.dispose()
    })

    /** A new file holding `bytes`. */
    async function created(path: string, bytes: Uint8Array = new Uint8Array(0)): Promise<DiskFile> {
      const file = await disk.create(path)
      open.push(file)
      if (bytes.length > 0) await file.write(bytes, 0)
      return file
    }

    async function contents(file: DiskFile): Promise<Uint8Array> {
      const bytes = new Uint8Array(await file.size())
      expect(await file.read(bytes, 0)).toBe(bytes.length)
      return bytes
    }

    const code = async (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 'no error',
        (error: unknown) => (error as { code?: unknown }).code,
      )

    it('reads back what was written, at its offset', async () => {
      const file = await created('a', numbered(10_000))
      await file.write(Uint8Array.of(1, 2, 3), 4_095)
      const expected = numbered(10_000)
      expected.set([1, 2, 3], 4_095)
      expect(await contents(file)).toEqual(expected)
    })

    it('fills a gap between the end and a later write with zeros', async () => {
      const file = await created('a', Uint8Array.of(9))
      await file.write(Uint8Array.of(7), 9_000)
      const bytes = await contents(file)
      expect([bytes.length, bytes[0], bytes[9_000]]).toEqual([9_001, 9, 7])
      expect(bytes.subarray(1, 9_000).every((byte) => byte === 0)).toBe(true)
    })

    it.each([
      ['inside', 10, 5, 5],
      ['across the end', 98, 5, 2],
      ['at the end', 100, 5, 0],
      ['beyond the end', 5_000, 5, 0],
      ['of nothing', 10, 0, 0],
    ])('a read %s returns how many bytes there were', async (_where, offset, length, expected) => {
      const file = await created('a', numbered(100))
      const into = new Uint8Array(length).fill(0xee)
      expect(await file.read(into, offset)).toBe(expected)
      expect(into.subarray(0, expected)).toEqual(numbered(100).subarray(offset, offset + expected))
      expect(into.subarray(expected).every((byte) => byte === 0xee)).toBe(true)
    })

    it('cuts a file, and extends it again with zeros', async () => {
      const file = await created('a', numbered(5_000))
      await file.truncate(100)
      expect(await file.size()).toBe(100)
      await file.truncate(5_000)
      const bytes = await contents(file)
      expect(bytes.subarray(0, 100)).toEqual(numbered(100))
      expect(bytes.subarray(100).every((byte) => byte === 0)).toBe(true)
    })

    it('applies writes to one file in the order of the calls', async () => {
      const file = await created('a')
      const pieces = Array.from({ length: 50 }, (_, i) => new Uint8Array(600).fill(i + 1))
      await Promise.all(pieces.map((piece, i) => (i % 7 === 0 ? file.writeAndSync(piece, 0) : file.write(piece, 0))))
      expect((await contents(file))[0]).toBe(50)
    })

    it('writes from its own buffers and from any other, whole or in part', async () => {
      const own = tested.allocate(2_000_000)
      own.fill(5)
      const file = await created('a')
      await file.writeAndSync(own.subarray(1_000, 1_500_000), 0)
      await file.writeAndSync(new Uint8Array(10).fill(6), 1_499_000)
      const bytes = await contents(file)
      expect([bytes[0], bytes[1_498_999], bytes.length]).toEqual([5, 5, 1_499_010])
      expect(bytes[1_499_005]).toBe(6)
    })

    it('writing nothing changes nothing', async () => {
      const file = await created('a')
      await file.write(new Uint8Array(0), 4_096)
      await file.writeAndSync(new Uint8Array(0), 0)
      expect(await file.size()).toBe(0)
    })

    it('creates only what is not there, and opens only what is', async () => {
      await created('a')
      expect(await code(disk.create('a'))).toBe('EEXIST')
      expect(await code(disk.open('b'))).toBe('ENOENT')
      expect(await code(disk.create('no-such-directory/a'))).toBe('ENOENT')
      expect([await disk.exists('a'), await disk.exists('b')]).toEqual([true, false])
    })

    it('an opened file is the one that was created', async () => {
      const first = await created('a', numbered(10))
      const second = await disk.open('a')
      open.push(second)
      await second.write(Uint8Array.of(99), 0)
      expect((await contents(first))[0]).toBe(99)
      expect(second.path).toBe('a')
    })

    it('lists the names of one directory, sorted, directories among them', async () => {
      await disk.makeDirectory('log')
      await disk.makeDirectory('log/deep/er')
      for (const path of ['log/b', 'log/a', 'c', 'log/deep/d']) await created(path)
      expect(await disk.list('log')).toEqual(['a', 'b', 'deep'])
      expect(await disk.list('log/deep')).toEqual(['d', 'er'])
      expect(await disk.list('.')).toEqual(['c', 'log'])
      expect(await code(disk.list('none'))).toBe('ENOENT')
    })

    it('making a directory twice is fine; making it over a file is not', async () => {
      await disk.makeDirectory('log')
      await disk.makeDirectory('log')
      await created('a')
      expect(await code(disk.makeDirectory('a'))).toBe('EEXIST')
    })

    it('renames across directories and replaces the target', async () => {
      await disk.makeDirectory('one')
      await disk.makeDirectory('two')
      const moved = await created('one/a', numbered(3))
      await created('two/b', numbered(9))
      await disk.rename('one/a', 'two/b')
      expect([await disk.exists('one/a'), await disk.list('two')]).toEqual([false, ['b']])
      const target = await disk.open('two/b')
      open.push(target)
      expect(await contents(target)).toEqual(numbered(3))
      await moved.write(Uint8Array.of(42), 0)
      expect((await contents(target))[0]).toBe(42)
      expect(await code(disk.rename('one/a', 'two/c'))).toBe('ENOENT')
    })

    it('a removed file stays usable for who holds it open, and its name is free', async () => {
      const old = await created('a', numbered(10))
      await disk.remove('a')
      expect(await disk.exists('a')).toBe(false)
      const fresh = await created('a')
      expect([await old.size(), await fresh.size()]).toEqual([10, 0])
      await disk.remove('a')
      expect(await code(disk.remove('a'))).toBe('ENOENT')
    })

    it('syncs files and directories', async () => {
      await disk.makeDirectory('log')
      const file = await created('log/a', numbered(10))
      await file.sync()
      await disk.syncDirectory('log')
      await disk.syncDirectory('.')
      expect(await code(disk.syncDirectory('none'))).toBe('ENOENT')
    })

    it('knows of free space', async () => {
      expect(await disk.freeBytes()).toBeGreaterThan(0)
    })

    it('a closed file takes no more calls, and closing twice is fine', async () => {
      const file = await created('a', numbered(10))
      await file.close()
      await file.close()
      expect(await code(file.write(Uint8Array.of(1), 0))).toBe('EBADF')
      expect(await code(file.writeAndSync(Uint8Array.of(1), 0))).toBe('EBADF')
      expect(await code(file.sync())).toBe('EBADF')
      expect(await code(file.read(new Uint8Array(1), 0))).toBe('EBADF')
      expect(await code(file.truncate(0))).toBe('EBADF')
      expect(await code(file.size())).toBe('EBADF')
    })

    it('closing a file waits for the writes before it', async () => {
      const file = await disk.create('a')
      const writes = Array.from({ length: 20 }, (_, i) => file.write(new Uint8Array(1_000).fill(i), i * 1_000))
      await file.close()
      await Promise.all(writes)
      const again = await disk.open('a')
      open.push(again)
      expect(await again.size()).toBe(20_000)
    })
  })
}

/** Bytes that tell where they stood. */
function numbered(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
}
