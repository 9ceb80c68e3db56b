/**
 * What all shards of a worker may hold together of what was read and is not done with, on offer and in hand, too. Where it is full a shard
 * reads on only when it holds nothing, so that none starves: one answer a shard may stand above the bound.
 */
export class ReadAheadRoom {
  readonly #bytesMax: number
  #bytes = 0
  readonly #waiting = new Set<() => void>()

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax
  }

  take(bytes: number): void {
    this.#bytes += bytes
  }

  /** Whoever has waited longest reads on: one for what one has taken, or all would at once. */
  give(bytes: number): void {
    this.#bytes -= bytes
    if (this.isFull) return
    const [wake] = this.#waiting
    if (wake === undefined) return
    this.#waiting.delete(wake)
    wake()
  }

  /** Calls `wake` once, when there is room again. One that does not read then waits again. */
  awaitRoom(wake: () => void): void {
    this.#waiting.add(wake)
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake)
  }
}
