/**
 * Files that the disk failed over: begun or moved, no part of the log, and in nobody's list. They are removed as soon as
 * the disk allows it, so that what fails for hours does not fill the disk; what is left is found by the next opening.
 */
import type { Disk } from './disk.ts'

export class Scraps {
  readonly #disk: Disk
  readonly #paths = new Set<string>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  get isEmpty(): boolean {
    return this.#paths.size === 0
  }

  /** Files that may be there. Nobody else may make files of these names. */
  add(...paths: readonly string[]): void {
    for (const path of paths) this.#paths.add(path)
  }

  /** Removes what it can. Never rejects: what fails is tried again by the next call. */
  async remove(): Promise<void> {
    for (const path of this.#paths) {
      try {
        if (await this.#disk.exists(path)) await this.#disk.remove(path)
        this.#paths.delete(path)
      } catch {
        // Whoever made it has had the disk's error.
      }
    }
  }
}
