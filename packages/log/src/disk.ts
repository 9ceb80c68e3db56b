/**
 * The disk port: every call the log makes on a file system. `node-disk.ts` is the real one (writes and syncs on a
 * thread of its own), `testing/simulated-disk.ts` the one that loses power.
 *
 * Paths are relative to the directory the disk was opened on, with `/` between names. Errors carry Node's `code`
 * (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, …). Writes and reads may be short only if they throw: an implementation
 * finishes what it began or fails.
 */
export interface Disk {
  /** Opens an existing file for reading and writing. */
  open(path: string): Promise<DiskFile>
  /** Creates a file that must not exist yet, and opens it. */
  create(path: string): Promise<DiskFile>
  /** Names in a directory, sorted. */
  list(directory: string): Promise<readonly string[]>
  exists(path: string): Promise<boolean>
  /** Replaces the target if there is one. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** No error when it is already there. Parents are made too. */
  makeDirectory(path: string): Promise<void>
  /** Makes the names in a directory durable (fsync of the directory; nothing on Windows). */
  syncDirectory(path: string): Promise<void>
  /** Bytes free to us on this file system. */
  freeBytes(): Promise<number>
  /** Lets go of threads. Open files must have been closed. */
  close(): Promise<void>
}

export interface DiskFile {
  readonly path: string
  size(): Promise<number>
  /** Writes all of `bytes` at `offset`. Volatile until `sync`. */
  write(bytes: Uint8Array, offset: number): Promise<void>
  /** `write`, then `sync`, as one step of the writer thread: the hot path of a group commit. */
  writeAndSync(bytes: Uint8Array, offset: number): Promise<void>
  /** Makes contents and size durable (fdatasync). Not the file's name: see `syncDirectory`. */
  sync(): Promise<void>
  /** Fills `into` from `offset`; returns how many bytes there were (fewer only at the end of the file). */
  read(into: Uint8Array, offset: number): Promise<number>
  truncate(size: number): Promise<void>
  /** Never rejects: what must be durable was synced before, and the file is let go of whatever the system says. */
  close(): Promise<void>
}

/** Memory that a disk can write from without copying it first (Node: shared with the writer thread). */
export type AllocateBuffer = (bytes: number) => Uint8Array
