/**
 * Files kept open for readers, a bounded number of them: an idle one is closed when another is wanted. A file in use
 * is never closed, so the bound is passed while more readers than that are at work on different files.
 */
import { LinkedMap } from '@millrace/std'

import type { Disk, DiskFile } from './disk.ts'

interface OpenFile {
  readonly opening: Promise<DiskFile>
  users: number
  /** Closed as soon as nobody uses it: its path is about to mean something else. */
  forgotten: boolean
}

export interface FileLease {
  readonly file: DiskFile
  release(): void
}

export class OpenFiles {
  readonly #disk: Disk
  readonly #filesMax: number
  readonly #files = new LinkedMap<string, OpenFile>()
  readonly #closing = new Set<Promise<void>>()

  constructor(disk: Disk, filesMax: number) {
    this.#disk = disk
    this.#filesMax = filesMax
  }

  async acquire(path: string): Promise<FileLease> {
    const used = this.#files.use(path) ?? this.#begin(path)
    used.users++
    try {
      const file = await used.opening
      return { file, release: () => this.#release(path, used) }
    } catch (error) {
      used.users--
      if (this.#files.get(path) === used) this.#files.delete(path)
      throw error
    }
  }

  /** Closes a file now or when its last user lets go; the path may then be renamed or removed. */
  async forget(path: string): Promise<void> {
    const entry = this.#files.delete(path)
    if (entry === undefined) return
    entry.forgotten = true
    if (entry.users === 0) await this.#close(entry)
  }

  /** Closes every file. Nobody may be using one. */
  async close(): Promise<void> {
    for (const path of this.#files.keys()) await this.forget(path)
    await Promise.all(this.#closing)
  }

  #begin(path: string): OpenFile {
    // Before the new one stands there: nobody uses it yet.
    this.#closeIdle(this.#filesMax - 1)
    const entry: OpenFile = { opening: this.#disk.open(path), users: 0, forgotten: false }
    this.#files.set(path, entry)
    return entry
  }

  #release(path: string, entry: OpenFile): void {
    entry.users--
    if (entry.users > 0) return
    if (entry.forgotten) void this.#close(entry)
    else if (this.#files.size > this.#filesMax && this.#files.get(path) === entry) this.#closeIdle(this.#filesMax)
  }

  /** Until `filesMax` are left, or all that are left are in use. */
  #closeIdle(filesMax: number): void {
    if (this.#files.size <= filesMax) return
    for (const path of this.#files.keys()) {
      if (this.#files.size <= filesMax) return
      const entry = this.#files.get(path)
      if (entry === undefined || entry.users > 0) continue
      this.#files.delete(path)
      void this.#close(entry)
    }
  }

  #close(entry: OpenFile): Promise<void> {
    const closing = entry.opening
      .then((file) => file.close())
      // A file that cannot be opened or closed was only read from; its reader has had the error.
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
    return closing
  }
}
