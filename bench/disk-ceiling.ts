/** What the disk gives in this minute: one `pwrite` and one `fdatasync` at a time over bytes written before. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface DiskCeiling {
  readonly bytes: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export function diskCeiling(folder: string, bytes: number, writes: number): DiskCeiling {
  const path = join(folder, 'disk-ceiling')
  const file = openSync(path, 'w')
  const buffer = Buffer.alloc(bytes, 1)
  const times: number[] = []
  // Written twice: the second round overwrites blocks that exist, as recycled segments do.
  for (let round = 0; round < 2; round++) {
    times.length = 0
    for (let i = 0; i < writes; i++) {
      const startedAt = performance.now()
      writeSync(file, buffer, 0, bytes, i * bytes)
      fdatasyncSync(file)
      times.push(performance.now() - startedAt)
    }
  }
  closeSync(file)
  rmSync(path)
  times.sort((a, b) => a - b)
  return { bytes, p50Ms: times[writes >> 1] ?? 0, p99Ms: times[Math.floor(writes * 0.99)] ?? 0 }
}
