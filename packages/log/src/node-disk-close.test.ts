/** A system that fails to close a file: in a file of its own, as all of `node:fs` is replaced for it. */
import type * as fs from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { NodeDisk } from './node-disk.ts'

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>()
  const close = (fd: number, done: (error: Error) => void): void =>
    real.close(fd, () => done(Object.assign(new Error('EIO: i/o error, close'), { code: 'EIO' })))
  return { ...real, close }
})

it('closing a file never rejects: what must be durable was synced before', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-close-'))
  const disk = await NodeDisk.open(directory)
  const file = await disk.create('a')
  await file.writeAndSync(new Uint8Array(10), 0)
  await expect(file.close()).resolves.toBeUndefined()
  await disk.close()
  await rm(directory, { recursive: true })
})
