/** A disk that refuses to read some pages (EIO), as one with bad blocks does. All else goes through. */
import type { Disk, DiskFile } from '../disk.ts'
import { PAGE_BYTES } from '../limits.ts'

/** `isRefused`: of the page at `offset` of a file. */
export function refusingDisk(disk: Disk, isRefused: (path: string, offset: number) => boolean): Disk {
  const wrap = (file: DiskFile): DiskFile => ({
    path: file.path,
    size: () => file.size(),
    write: (bytes, offset) => file.write(bytes, offset),
    writeAndSync: (bytes, offset) => file.writeAndSync(bytes, offset),
    sync: () => file.sync(),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    read: async (into, offset) => {
      for (let page = offset - (offset % PAGE_BYTES); page < offset + into.length; page += PAGE_BYTES) {
        if (isRefused(file.path, page)) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })
      }
      return await file.read(into, offset)
    },
  })
  return {
    open: async (path) => wrap(await disk.open(path)),
    create: async (path) => wrap(await disk.create(path)),
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    freeBytes: () => disk.freeBytes(),
    close: () => disk.close(),
  }
}
