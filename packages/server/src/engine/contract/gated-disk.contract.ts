/**
 * A disk whose commits can be held at their sync: around any other disk, so that deadlines and visibility are tested
 * at the one moment that matters.
 */
import type { Disk, DiskFile } from '@millrace/log'
import { deferred } from '@millrace/std'
import type { HeldSyncs } from './harness.contract.ts'

export class GatedDisk implements Disk {
  readonly #disk: Disk
  #held: Promise<void> | undefined
  #reached: (() => void) | undefined

  constructor(disk: Disk) {
    this.#disk = disk
  }

  holdSyncs(): HeldSyncs {
    const gate = deferred<void>()
    const reached = deferred<void>()
    this.#held = gate.promise
    this.#reached = () => reached.resolve()
    return {
      reached: reached.promise,
      release: () => {
        this.#held = undefined
        gate.resolve()
      },
    }
  }

  async open(path: string): Promise<DiskFile> {
    return this.#gated(await this.#disk.open(path))
  }

  async create(path: string): Promise<DiskFile> {
    return this.#gated(await this.#disk.create(path))
  }

  list(directory: string): Promise<readonly string[]> {
    return this.#disk.list(directory)
  }

  exists(path: string): Promise<boolean> {
    return this.#disk.exists(path)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to)
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path)
  }

  freeBytes(): Promise<number> {
    return this.#disk.freeBytes()
  }

  close(): Promise<void> {
    return this.#disk.close()
  }

  #gated(file: DiskFile): DiskFile {
    const pass = async (): Promise<void> => {
      if (this.#held === undefined) return
      this.#reached?.()
      await this.#held
    }
    return {
      path: file.path,
      size: () => file.size(),
      write: (bytes, offset) => file.write(bytes, offset),
      async writeAndSync(bytes, offset) {
        await pass()
        await file.writeAndSync(bytes, offset)
      },
      sync: () => file.sync(),
      read: (into, offset) => file.read(into, offset),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    }
  }
}
