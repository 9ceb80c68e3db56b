/**
 * The memory of one large body. It comes from the system in pages and goes back to it when it is let go: a resizable
 * ArrayBuffer is mapped on its own, where one of fixed size comes from malloc, which keeps what it was given back
 * behind whatever small thing was allocated after it. After a flood of bodies that difference is 100 MiB and more
 * (tests/crash/rubbish.test.ts).
 */
import { freeMemory } from '../memory/free-memory.ts'

export class LargeBody {
  readonly #memory: ArrayBuffer
  #length = 0

  /** `bytesMax` is address space, not memory: that comes with the bytes. */
  constructor(bytesMax: number) {
    this.#memory = new ArrayBuffer(0, { maxByteLength: bytesMax })
  }

  /** Copies `chunk` behind what there is. In all at most `bytesMax`. */
  append(chunk: Uint8Array): void {
    const at = this.#length
    this.#length += chunk.length
    this.#memory.resize(this.#length)
    new Uint8Array(this.#memory, at, chunk.length).set(chunk)
  }

  /** All of it, not copied. */
  bytes(): Buffer {
    return Buffer.from(this.#memory, 0, this.#length)
  }

  /** Gives the memory back now. Nobody may look at it any more. */
  free(): void {
    freeMemory(this.bytes())
  }
}
