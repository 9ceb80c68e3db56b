import { seededRandom } from '@millrace/std/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { OpenFiles } from './open-files.ts'
import { SimulatedDisk } from './testing/simulated-disk.ts'

describe('OpenFiles', () => {
  let disk: SimulatedDisk
  beforeEach(async () => {
    disk = new SimulatedDisk({ random: seededRandom(1) })
    for (const path of ['a', 'b', 'c']) await (await disk.create(path)).close()
  })

  it('keeps the file open that passes the bound while all others are in use', async () => {
    const files = new OpenFiles(disk, 1)
    const a = await files.acquire('a')
    const b = await files.acquire('b')
    expect(await a.file.size()).toBe(0)
    expect(await b.file.size()).toBe(0)
    a.release()
    b.release()
    await files.close()
  })

  it('closes the idle file that was used longest ago when another is wanted', async () => {
    const files = new OpenFiles(disk, 2)
    const use = async (path: string) => {
      const { file, release } = await files.acquire(path)
      release()
      return file
    }
    const [a, b] = [await use('a'), await use('b')]
    expect(await use('a')).toBe(a)
    await use('c')
    expect(await use('a')).toBe(a)
    expect(await use('b')).not.toBe(b)
    await files.close()
  })
})
