/**
 * What one input may cost: CPU, and memory by its size. Memory is what the heap has grown by, and what stands beside it
 * (buffers), from before to after. Garbage counts until it is collected, so the bound leaves room for it; a length in
 * an input that becomes memory is larger than that.
 */
import { getHeapStatistics } from 'node:v8'

import type { Target } from './target.ts'

/** A busy machine and a collection of garbage in between: more than any input needs. */
const CPU_MS_MAX = 2_000
/** Four times what the hungriest input leaves behind, garbage included: a run prints the largest of each target. */
const MEMORY_BYTES_MAX = 32 * 1024 * 1024
/** Each byte may become a value, which is looked at in several forms. */
const MEMORY_PER_INPUT_BYTE = 1024

export interface Cost {
  /** Of user and system. */
  readonly cpuMs: number
  /** 0 where garbage was collected in between. */
  readonly grownBytes: number
}

/** Throws if the oracle does, or if the input costs too much. */
export async function checkWithinBounds(target: Target, input: Uint8Array): Promise<Cost> {
  const { cpuMsMax = CPU_MS_MAX, memoryBytesMax = MEMORY_BYTES_MAX } = target
  const [cpuBefore, bytesBefore] = [process.cpuUsage(), heldBytes()]
  await target.check(input)
  const grownBytes = Math.max(0, heldBytes() - bytesBefore)
  const { user, system } = process.cpuUsage(cpuBefore)
  const cpuMs = (user + system) / 1_000
  if (cpuMs > cpuMsMax) throw new Error(`took ${cpuMs.toFixed(0)} ms of CPU, at most ${cpuMsMax} were expected`)
  const grownBytesMax = memoryBytesMax + input.length * MEMORY_PER_INPUT_BYTE
  if (grownBytes > grownBytesMax) {
    throw new Error(`took ${grownBytes} bytes of memory for ${input.length}, at most ${grownBytesMax} were expected`)
  }
  return { cpuMs, grownBytes }
}

/** Of this thread. `process.memoryUsage` takes four times as long. */
function heldBytes(): number {
  const { used_heap_size: heap, external_memory: beside } = getHeapStatistics()
  return heap + beside
}
