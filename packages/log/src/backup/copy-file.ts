/** Copies the beginning of a file from one disk to another, in steps and at a pace, and sums it up on the way. */
import { crc32 as continueCrc32 } from 'node:zlib'
import { type Clock, sleep } from '@millrace/std'
import type { Disk } from '../disk.ts'
import { MIB } from '../limits.ts'
import { LogError } from '../log-error.ts'

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

/**
 * Copies `bytes` bytes; the target appears under its name, and durably, only when it is whole. Resolves with the CRC-32.
 * Rejects with LogError `damaged` when the source is shorter.
 */
export async function copyFile(from: CopiedPart, to: CopiedPart, bytes: number, pace: CopyPace): Promise<number> {
  const temporary = `${to.path}.tmp`
  if (await to.disk.exists(temporary)) await to.disk.remove(temporary)
  const source = await from.disk.open(from.path)
  try {
    const target = await to.disk.create(temporary)
    let sum = 0
    try {
      const buffer = new Uint8Array(Math.min(bytes, STEP_BYTES))
      for (let offset = 0; offset < bytes;) {
        const step = buffer.subarray(0, Math.min(STEP_BYTES, bytes - offset))
        const read = await source.read(step, offset)
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
    await to.disk.rename(temporary, to.path)
    await to.disk.syncDirectory(folderOf(to.path))
    return sum
  } finally {
    await source.close()
  }
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.'
}
