import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeDisk } from './disk.contract.ts'
import { allocateShared, NodeDisk } from './node-disk.ts'
import { WRITER_CALLS_MAX } from './writer-thread.ts'

describeDisk('NodeDisk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-disk-'))
  const dispose = (): Promise<void> => rm(directory, { recursive: true, force: true })
  return { disk: await NodeDisk.open(join(directory, 'data')), allocate: allocateShared, dispose }
})

describe('NodeDisk', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-disk-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  it('makes the directory it is opened on, parents too, and files are where their paths say', async () => {
    const disk = await NodeDisk.open(join(directory, 'deep/er'))
    const file = await disk.create('a')
    await file.writeAndSync(new TextEncoder().encode('hello'), 0)
    await file.close()
    await disk.close()
    expect(await readFile(join(directory, 'deep/er/a'), 'utf8')).toBe('hello')
  })

  it('refuses calls beyond the bound of its queue, and takes them again when it has drained', async () => {
    const disk = await NodeDisk.open(directory)
    const file = await disk.create('a')
    const calls = Array.from({ length: WRITER_CALLS_MAX + 1 }, () => file.write(Uint8Array.of(1), 0))
    await expect(calls.at(-1)).rejects.toMatchObject({ code: 'EAGAIN' })
    await Promise.all(calls.slice(0, -1))
    await file.write(Uint8Array.of(1), 0)
    await file.close()
    await disk.close()
  })

  it('errors of the writer thread carry Node’s code and the path', async () => {
    if (process.platform !== 'linux') return console.info('a device that is always full, /dev/full, is on Linux only')
    const disk = await NodeDisk.open('/dev')
    const full = await disk.open('full')
    await expect(full.write(new Uint8Array(10), 0)).rejects.toMatchObject({
      code: 'ENOSPC',
      syscall: 'write',
      path: 'full',
    })
    await expect(full.writeAndSync(new Uint8Array(10), 0)).rejects.toThrow(/^ENOSPC: .*'full'$/)
    await full.close()
    return disk.close()
  })

  it('calls under way when the disk is closed are told so', async () => {
    const disk = await NodeDisk.open(directory)
    const file = await disk.create('a')
    const write = file.write(allocateShared(1_000), 0)
    const closed = disk.close()
    await expect(write).rejects.toMatchObject({ code: 'EIO' })
    await closed
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    await file.close()
  })

  it('keeps the process alive while it writes, and not when it is idle', async () => {
    const program = `
      import { NodeDisk, allocateShared } from ${JSON.stringify(new URL('node-disk.ts', import.meta.url).href)}
      const disk = await NodeDisk.open(${JSON.stringify(directory)})
      const file = await disk.create('a')
      void file.writeAndSync(allocateShared(4_000_000), 0).then(() => console.log('written'))`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const output: string[] = []
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text))
    expect(await once(child, 'close')).toEqual([0, null])
    expect(output.join('')).toBe('written\n')
  })
})
