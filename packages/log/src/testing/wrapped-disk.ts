/** Disks that do some things otherwise than the one below. */
import type { Disk, DiskFile } from '../disk.ts'

/** The disk with some calls replaced. */
export function wrapDisk(disk: Disk, changes: Partial<Disk>): Disk {
  return {
    open: (path) => disk.open(path),
    create: (path) => disk.create(path),
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    freeBytes: () => disk.freeBytes(),
    close: () => disk.close(),
    ...changes,
  }
}

/** … and some of each file that it opens or creates. */
export function wrapFiles(disk: Disk, change: (file: DiskFile) => Partial<DiskFile>): Disk {
  const wrapFile = (file: DiskFile): DiskFile => ({
    path: file.path,
    size: () => file.size(),
    write: (bytes, offset) => file.write(bytes, offset),
    writeAndSync: (bytes, offset) => file.writeAndSync(bytes, offset),
    sync: () => file.sync(),
    read: (into, offset) => file.read(into, offset),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    ...change(file),
  })
  return wrapDisk(disk, {
    open: async (path) => wrapFile(await disk.open(path)),
    create: async (path) => wrapFile(await disk.create(path)),
  })
}
