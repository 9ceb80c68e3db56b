/** Copies the beginning of a file from one disk to another, in steps and at a pace, and sums it up on the way. */
import { crc32 as continueCrc32 } from 'node:zlib'
import { type Clock, sleep } from '@millrace/std'
import type { Disk } from '../disk.ts'
import { MIB } from '../limits.ts'
import { LogError } from '../log-error.ts'
import { readAround } from '../refused-read.ts'

const STEP_BYTES = 1 * MIB

/** How fast is copied, and what hears of it. */
export class CopyPace {
  readonly #clock: Clock
  readonly #bytesPerSecond: number
  readonly #signal: AbortSignal
  readonly #onBytes: (bytes: number) => void
  #aheadMs: number

  constructor(options: {
    readonly clock: Clock
    readonly bytesPerSecond: number
    readonly signal: AbortSignal
    readonly onBytes: (bytes: number) => void
  }) {
    this.#clock = options.clock
    this.#bytesPerSecond = options.bytesPerSecond
    this.#signal = options.signal
    this.#onBytes = options.onBytes
    this.#aheadMs = options.clock.monotonic()
  }

  /** Resolves when more may follow. Rejects with the signal's reason. */
  async moved(bytes: number): Promise<void> {
    this.#onBytes(bytes)
    this.#signal.throwIfAborted()
    const now = this.#clock.monotonic()
    this.#aheadMs = Math.max(this.#aheadMs, now) + (bytes / this.#bytesPerSecond) * 1_000
    if (this.#aheadMs > now) await sleep(this.#clock, this.#aheadMs - now, this.#signal)
  }
}

export interface CopiedPart {
  readonly disk: Disk
  readonly path: string
}

export interface CopyTarget extends CopiedPart {
  /** Where it goes instead if the drive refuses to read pages of the source (EIO). Default: then nothing is copied. */
  readonly damagedPath?: () => Promise<string>
}

export interface CopiedFile {
  readonly path: string
  readonly crc32: number
  /** Offsets of the source's pages that the drive refused to read: zeros stand there. Ascending. */
  readonly refused: readonly number[]
}

/**
 * Copies `bytes` bytes; the target appears under its name, and durably, only when it is whole. Rejects with LogError
 * `damaged` when the source is shorter.
 */
export async function copyFile(from: CopiedPart, to: CopyTarget, bytes: number, pace: CopyPace): Promise<CopiedFile> {
  const temporary = `${to.path}.tmp`
  if (await to.disk.exists(temporary)) await to.disk.remove(temporary)
  const source = await from.disk.open(from.path)
  try {
    const target = await to.disk.create(temporary)
    let sum = 0
    const refused = new Set<number>()
    try {
      const buffer = new Uint8Array(Math.min(bytes, STEP_BYTES))
      for (let offset = 0; offset < bytes;) {
        const step = buffer.subarray(0, Math.min(STEP_BYTES, bytes - offset))
        const read = await source.read(step, offset).catch((error: unknown) => {
          if (to.damagedPath === undefined) throw error
          return readAround(error, source, step, offset, refused)
        })
        if (read < step.length) {
          throw new LogError('damaged', `${from.path}: expected ${bytes} bytes, found ${offset + read}`)
        }
        sum = continueCrc32(step, sum)
        await target.write(step, offset)
        offset += read
        await pace.moved(read)
      }
      await target.sync()
    } finally {
      await target.close()
    }
    const path = refused.size > 0 && to.damagedPath !== undefined ? await to.damagedPath() : to.path
    await to.disk.rename(temporary, path)
    await to.disk.syncDirectory(folderOf(path))
    return { path, crc32: sum, refused: [...refused] }
  } finally {
    await source.close()
  }
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.'
}
