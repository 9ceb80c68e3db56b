/**
 * Files that the disk failed over: begun or moved, no part of the log, and in nobody's list. They are removed as soon as
 * the disk allows it; what is left is found by the next opening. Whoever begins one after another asks first whether the
 * one before is gone, so that what fails for hours does not fill the disk.
 */
import type { Disk } from './disk.ts'

export class Scraps {
  readonly #disk: Disk
  /** Path → why it could not be removed, if that was tried. */
  readonly #paths = new Map<string, unknown>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  get isEmpty(): boolean {
    return this.#paths.size === 0
  }

  /** Files that may be there. Nobody else may make files of these names. */
  add(...paths: readonly string[]): void {
    for (const path of paths) this.#paths.set(path, undefined)
  }

  /** Removes what it can. Never rejects: what fails is tried again by the next call. */
  async remove(): Promise<void> {
    for (const path of this.#paths.keys()) {
      try {
        if (await this.#disk.exists(path)) await this.#disk.remove(path)
        this.#paths.delete(path)
      } catch (error) {
        this.#paths.set(path, error)
      }
    }
  }

  /** Throws the disk's error if one of `paths` (default: any) could not be removed. */
  needGone(paths: Iterable<string> = this.#paths.keys()): void {
    for (const path of paths) {
      const error = this.#paths.get(path)
      if (error !== undefined) throw error
    }
  }
}
