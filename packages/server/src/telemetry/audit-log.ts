/**
 * Lines of JSON appended to a file, in the order in which they were recorded. Nobody waits for the disk: lines are
 * written behind, and what does not fit into memory while the disk is slow or refuses is dropped and counted; the next
 * line that gets through says how many. The file is opened anew for each write, so that it may be moved away at any time.
 */
import { appendFile } from 'node:fs/promises'

import type { Clock, Logger } from '@millrace/std'

/** UTF-16 units of lines that wait: some 10,000 lines. */
const WAITING_MAX = 4 * 2 ** 20

export interface AuditLogOptions {
  readonly path: string
  readonly clock: Clock
  readonly logger: Logger
  /** Default: Node's, creating the file for its owner alone. Rejects when it could not write all. */
  readonly append?: (path: string, text: string) => Promise<void>
}

export type AuditFields = Readonly<Record<string, string | number | undefined>>

export class AuditLog {
  readonly #options: AuditLogOptions
  readonly #append: (path: string, text: string) => Promise<void>
  #waiting: string[] = []
  #waitingLength = 0
  #dropped = 0
  #failing = false
  #writing: Promise<void> | undefined

  /** Rejects when the file cannot be written. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const log = new AuditLog(options)
    await log.#append(options.path, '')
    return log
  }

  private constructor(options: AuditLogOptions) {
    this.#options = options
    this.#append = options.append ?? ((path, text) => appendFile(path, text, { mode: 0o600 }))
  }

  /** One line, with the time before all. */
  record(fields: AuditFields): void {
    const line = `${JSON.stringify({ time: this.#time(), ...fields })}\n`
    if (this.#waitingLength + line.length > WAITING_MAX) {
      this.#drop(1, 'the disk is slow')
      return
    }
    this.#waiting.push(line)
    this.#waitingLength += line.length
    this.#writing ??= this.#writeAll()
  }

  /** Resolves when all is written, or could not be. */
  async close(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      const dropped = this.#dropped
      this.#waiting = []
      this.#waitingLength = 0
      const notice = dropped === 0 ? '' : `${JSON.stringify({ time: this.#time(), dropped })}\n`
      try {
        await this.#append(this.#options.path, notice + lines.join(''))
        this.#dropped -= dropped
        if (this.#dropped === 0) this.#failing = false
      } catch (error) {
        this.#drop(lines.length, (error as Error).message)
      }
    }
    this.#writing = undefined
  }

  /** Told in the log once, until it goes on. */
  #drop(lines: number, reason: string): void {
    this.#dropped += lines
    if (this.#failing) return
    this.#failing = true
    this.#options.logger.error('lines of the audit log are dropped', { path: this.#options.path, reason })
  }

  #time(): string {
    return new Date(this.#options.clock.now()).toISOString()
  }
}
