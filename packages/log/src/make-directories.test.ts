import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeDirectories } from './make-directories.ts'

describe('makeDirectories', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-directories-'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  it('makes what is missing, for its owner alone, and says what that was', async () => {
    const deep = join(root, 'a', 'b', 'c')
    expect(await makeDirectories(deep)).toEqual([join(root, 'a'), join(root, 'a', 'b'), deep])
    expect((await stat(deep)).isDirectory()).toBe(true)
    expect(await makeDirectories(deep)).toEqual([])
    if (process.platform !== 'win32') expect((await stat(deep)).mode & 0o777).toBe(0o700)
  })

  it('several at once come to the same', async () => {
    for (let round = 0; round < 100; round++) {
      const deep = join(root, String(round), 'b', 'c')
      await Promise.all(Array.from({ length: 8 }, () => makeDirectories(deep)))
      expect((await stat(deep)).isDirectory()).toBe(true)
    }
  })

  it('says in a sentence why a directory cannot be', async () => {
    await writeFile(join(root, 'file'), '')
    await expect(makeDirectories(join(root, 'file'))).rejects.toThrow(/file: a file of that name is there \(EEXIST\)/)
    await expect(makeDirectories(join(root, 'file', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  const impossible = process.platform === 'linux' ? ['/proc/x', '/proc/x/y/z', '/proc/1/x'] : []
  it.each(impossible)('gives up on %s, where a parent is there and takes none', async (path) => {
    await expect(makeDirectories(path)).rejects.toThrow(/^No directory can be made at \/proc\/.*: .* \(E[A-Z]+\)\.$/)
  })
})
