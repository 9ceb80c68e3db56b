/** A disk on which nothing changes: what would be written is dropped. For looking at a directory as recovery would. */
import type { Disk, DiskFile } from './disk.ts'

const nothing = (): Promise<void> => Promise.resolve()

export function readOnlyDisk(disk: Disk): Disk {
  return {
    open: async (path) => readOnlyFile(await disk.open(path)),
    create: (path) => Promise.reject(new Error(`${path}: nothing is created here`)),
    // A directory that is not there yet would have been made.
    list: async (directory) => ((await disk.exists(directory)) ? await disk.list(directory) : []),
    exists: (path) => disk.exists(path),
    freeBytes: () => disk.freeBytes(),
    rename: nothing,
    remove: nothing,
    makeDirectory: nothing,
    syncDirectory: nothing,
    close: nothing,
  }
}

function readOnlyFile(file: DiskFile): DiskFile {
  return {
    path: file.path,
    size: () => file.size(),
    read: (into, offset) => file.read(into, offset),
    close: () => file.close(),
    write: nothing,
    writeAndSync: nothing,
    sync: nothing,
    truncate: nothing,
  }
}
