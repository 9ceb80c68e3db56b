/**
 * A file that people edit while the server runs: read at the start, looked at every few seconds. Invariant: what is in
 * force is always a file that was right as a whole; a wrong edit is reported once and changes nothing.
 */
import { readFile, stat } from 'node:fs/promises'

import type { Clock, LogFields, Logger, Timer } from '@millrace/std'

import type { FaultClass } from './yaml-shape.ts'

/** How often the file is looked at. Polling sees edits through editors, links and mounts alike. */
const LOOK_MS = 2_000
/** Nobody has that many keys; a wrong path may be any file. */
const FILE_BYTES_MAX = 16 * 1024 * 1024

export interface WatchedFileOptions<T> {
  readonly path: string
  /** What is in it, for log lines: `credentials`. */
  readonly contents: string
  /** What `parse` throws: only the messages of this are repeated in the log. */
  readonly Fault: FaultClass
  readonly parse: (text: string, path: string) => T
  /** For the log line of an edit: no secrets. */
  readonly describe: (value: T) => LogFields
  readonly clock: Clock
  readonly logger: Logger
}

export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>
  #value: T
  #stamp: string
  #timer: Timer | undefined
  #closed = false

  /** Rejects with a Fault when the file there is wrong: at the start there is no last good one. */
  static async open<T>(options: WatchedFileOptions<T>): Promise<WatchedFile<T>> {
    const stamp = (await stampOf(options.path)) ?? ''
    return new WatchedFile(options, await load(options), stamp)
  }

  private constructor(options: WatchedFileOptions<T>, value: T, stamp: string) {
    this.#options = options
    this.#value = value
    this.#stamp = stamp
    this.#lookLater()
  }

  /** Another object after an edit. */
  get value(): T {
    return this.#value
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  /** Reads the file again if it has changed. Never rejects. */
  async look(): Promise<void> {
    const { path, contents, Fault, describe, logger } = this.#options
    try {
      const stamp = (await stampOf(path)) ?? 'missing'
      if (stamp === this.#stamp) return
      this.#stamp = stamp
      this.#value = await load(this.#options)
      logger.info(`the ${contents} file was read again`, { path, ...describe(this.#value) })
    } catch (error) {
      const reason = error instanceof Fault ? error.message : `${path} cannot be read`
      logger.error(`${reason}; the ${contents} before this edit stay in force`, { path })
    }
  }

  #lookLater(): void {
    if (this.#closed) return
    const again = (): void => this.#lookLater()
    this.#timer = this.#options.clock.setTimer(LOOK_MS, () => void this.look().then(again), { unref: true })
  }
}

async function load<T>({ path, Fault, parse }: WatchedFileOptions<T>): Promise<T> {
  const { size } = await stat(path)
  if (size > FILE_BYTES_MAX) throw new Fault(`${path}: expected at most ${FILE_BYTES_MAX} bytes, found ${size}`)
  return parse(await readFile(path, 'utf8'), path)
}

/** `undefined`: there is no file. */
export async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { mtimeMs, size, ino } = await stat(path)
    return `${mtimeMs}/${size}/${ino}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
