/** A disk that refuses to read some pages (EIO), as one with bad blocks does. All else goes through. */
import type { Disk } from '../disk.ts'
import { PAGE_BYTES } from '../limits.ts'
import { wrapFiles } from './wrapped-disk.ts'

/** `isRefused`: of the page at `offset` of a file. */
export function refusingDisk(disk: Disk, isRefused: (path: string, offset: number) => boolean): Disk {
  return wrapFiles(disk, (file) => ({
    read: async (into, offset) => {
      for (let page = offset - (offset % PAGE_BYTES); page < offset + into.length; page += PAGE_BYTES) {
        if (isRefused(file.path, page)) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
      }
      return await file.read(into, offset)
    },
  }))
}
