import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Log, NodeDisk } from '@millrace/log'
import { systemClock } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { backupDirectory, restoreDirectory } from './backup.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-backup-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
})

it('a directory that is restored keeps its name through a loss of power', async () => {
  const options = { clock: systemClock, random: seededRandom(1), signal: new AbortController().signal }
  const disk = await NodeDisk.open(join(folder, 'data'))
  const metadata = { restore() {}, apply() {}, snapshot: () => new Uint8Array(0) }
  const log = await Log.open({ ...options, disk, metadata, durability: 'fsync', segmentBytes: 2 ** 16 })
  await log.close()
  await disk.close()
  await backupDirectory(join(folder, 'data'), join(folder, 'saved'), options)

  const steps: string[] = []
  const { rename, syncDirectory } = NodeDisk.prototype
  vi.spyOn(NodeDisk.prototype, 'rename').mockImplementation(function (this: NodeDisk, from, to) {
    steps.push(join(this.directory, to))
    return rename.call(this, from, to)
  })
  vi.spyOn(NodeDisk.prototype, 'syncDirectory').mockImplementation(function (this: NodeDisk, path) {
    steps.push(`names in ${join(this.directory, path)}`)
    return syncDirectory.call(this, path)
  })
  await restoreDirectory(join(folder, 'saved'), join(folder, 'restored'), options)
  expect(steps.slice(-2)).toEqual([join(folder, 'restored'), `names in ${folder}`])
  expect((await readdir(folder)).sort()).toEqual(['data', 'restored', 'saved'])
})
