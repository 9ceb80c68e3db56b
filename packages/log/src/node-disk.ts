/**
 * The real disk: one directory of the machine's file system. Writes, syncs and truncations of files go to a writer
 * thread of its own, in the order of the calls; everything else runs off the main loop in libuv's pool. An idle disk
 * does not keep the process alive.
 *
 * It adds no retries and no caching: errors are Node's own, with their codes. Buffers of `allocateShared` are
 * written without being copied.
 */
import { close, fstat, fsync, open, read } from 'node:fs'
import { access, readdir, rename, statfs, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { deferred } from '@millrace/std'

import type { AllocateBuffer, Disk, DiskFile } from './disk.ts'
import { makeDirectories } from './make-directories.ts'
import { WriterThread } from './writer-thread.ts'

const openFile = promisify(open)
const closeFile = promisify(close)
const syncFile = promisify(fsync)
const statFile = promisify(fstat)

/** Records are nobody's business but the service's. */
const FILE_MODE = 0o600

/** Zeroed memory that the writer thread sees too. For what is written many times or soon: nobody counts it. */
export const allocateShared: AllocateBuffer = (bytes) => new Uint8Array(new SharedArrayBuffer(bytes))

export class NodeDisk implements Disk {
  /** Absolute. */
  readonly directory: string
  readonly #writer = new WriterThread()
  #closed = false

  private constructor(directory: string) {
    this.directory = directory
  }

  /** Makes the directory if need be, durably. */
  static async open(directory: string): Promise<NodeDisk> {
    const root = resolve(directory)
    for (const made of (await makeDirectories(root)).toReversed()) await syncDirectoryAt(dirname(made))
    return new NodeDisk(root)
  }

  open(path: string): Promise<DiskFile> {
    return this.#openAs(path, 'r+')
  }

  create(path: string): Promise<DiskFile> {
    return this.#openAs(path, 'wx+')
  }

  async list(directory: string): Promise<readonly string[]> {
    return (await readdir(this.#at(directory))).sort()
  }

  async exists(path: string): Promise<boolean> {
    try {
      await access(this.#at(path))
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.#at(from), this.#at(to))
  }

  async remove(path: string): Promise<void> {
    await unlink(this.#at(path))
  }

  async makeDirectory(path: string): Promise<void> {
    await makeDirectories(this.#at(path))
  }

  async syncDirectory(path: string): Promise<void> {
    await syncDirectoryAt(this.#at(path))
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.directory)
    return bavail * bsize
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#writer.end()
  }

  async #openAs(path: string, flags: string): Promise<DiskFile> {
    return new NodeDiskFile(await openFile(this.#at(path), flags, FILE_MODE), path, this.#writer)
  }

  #at(path: string): string {
    return join(this.directory, path)
  }
}

class NodeDiskFile implements DiskFile {
  readonly path: string
  readonly #fd: number
  readonly #writer: WriterThread
  /** Of calls. Closing waits for them: the descriptor's number may be another file's right after. */
  #underWay = 0
  /** Closing, with no call under way. */
  readonly #idle = deferred<void>()
  #closing: Promise<void> | undefined

  constructor(fd: number, path: string, writer: WriterThread) {
    this.#fd = fd
    this.path = path
    this.#writer = writer
  }

  async size(): Promise<number> {
    return (await this.#during('fstat', () => statFile(this.#fd))).size
  }

  write(bytes: Uint8Array, offset: number): Promise<void> {
    return this.#during('write', () => this.#writer.write(this.#fd, this.path, bytes, offset, false))
  }

  writeAndSync(bytes: Uint8Array, offset: number): Promise<void> {
    return this.#during('write', () => this.#writer.write(this.#fd, this.path, bytes, offset, true))
  }

  sync(): Promise<void> {
    return this.#during('fdatasync', () => this.#writer.sync(this.#fd, this.path))
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return this.#during('read', () => this.#readAll(into, offset))
  }

  truncate(size: number): Promise<void> {
    return this.#during('ftruncate', () => this.#writer.truncate(this.#fd, this.path, size))
  }

  close(): Promise<void> {
    if (this.#underWay === 0) this.#idle.resolve()
    this.#closing ??= this.#idle.promise.then(() => closeFile(this.#fd)).catch(() => undefined)
    return this.#closing
  }

  async #readAll(into: Uint8Array, offset: number): Promise<number> {
    let done = 0
    while (done < into.length) {
      const count = await this.#readOnce(into, done, offset + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  #readOnce(into: Uint8Array, at: number, position: number): Promise<number> {
    return new Promise((done, fail) => {
      read(this.#fd, into, at, into.length - at, position, (error, count) => {
        if (error === null) done(count)
        else fail(error)
      })
    })
  }

  #during<T>(call: string, run: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      const message = `EBADF: the file is closed, ${call} '${this.path}'`
      return Promise.reject(Object.assign(new Error(message), { code: 'EBADF', syscall: call, path: this.path }))
    }
    const result = run()
    this.#underWay++
    const end = (): void => {
      this.#underWay--
      if (this.#underWay === 0 && this.#closing !== undefined) this.#idle.resolve()
    }
    result.then(end, end)
    return result
  }
}

/** On Windows a directory cannot be synced (EPERM), and its names are durable without: only its existence is checked. */
async function syncDirectoryAt(path: string): Promise<void> {
  if (process.platform === 'win32') {
    await access(path)
    return
  }
  const fd = await openFile(path, 'r')
  try {
    await syncFile(fd)
  } finally {
    await closeFile(fd)
  }
}
