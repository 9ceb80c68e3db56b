/** A buffer that grows by doubling, written from the front. What it gives at the end is a view, not a copy. */
export class ByteWriter {
  #buffer: Buffer
  #at = 0

  /** Bytes to expect, or memory to begin in, which is left for memory of its own where it is too little. */
  constructor(room: number | Uint8Array) {
    this.#buffer =
      typeof room === 'number'
        ? Buffer.allocUnsafe(Math.max(64, room))
        : Buffer.from(room.buffer, room.byteOffset, room.length)
  }

  byte(value: number): void {
    this.reserve(1)
    this.#buffer[this.#at++] = value
  }

  uint16(value: number): void {
    this.reserve(2)
    this.#at = this.#buffer.writeUInt16BE(value, this.#at)
  }

  uint32(value: number): void {
    this.reserve(4)
    this.#at = this.#buffer.writeUInt32BE(value, this.#at)
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  utf8(text: string, byteLength: number): void {
    this.reserve(byteLength)
    this.#at += this.#buffer.write(text, this.#at, byteLength, 'utf8')
  }

  /** Text of which every unit is below 256. */
  latin1(text: string): void {
    this.reserve(text.length)
    this.#at += this.#buffer.write(text, this.#at, text.length, 'latin1')
  }

  /**
   * For loops that write by themselves: `length` bytes that may be filled, from `at` on, before the next call of
   * another method. They count as written once `advance` says so.
   */
  reserve(length: number): void {
    if (this.#at + length <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + length))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  get at(): number {
    return this.#at
  }

  advance(to: number): void {
    this.#at = to
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#at)
  }
}
