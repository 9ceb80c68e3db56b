/**
 * CBOR (RFC 8949) to values: definite and indefinite forms, byte strings as Uint8Array views of the input. Tags are
 * passed over: a tag 1 around milliseconds is the number of milliseconds, as the service means it. Depth and number
 * of items are bounded; whatever the bytes, it ends with a value or a SerializationException without a message.
 */
import { KinesisError } from '../errors.ts'

/** Nesting of lists, maps and tags. The deepest request has four. */
const DEPTH_MAX = 64
/** Values, keys and containers in one body. The largest request has some 5,000. */
export const CBOR_ITEMS_MAX = 262_144

const BREAK = Symbol('break')

export function decodeCbor(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes)
  const value = reader.item(0)
  if (value === BREAK || !reader.done) throw fault()
  return value
}

class Reader {
  readonly #bytes: Buffer
  #at = 0
  #items = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  item(depth: number): unknown {
    if (depth > DEPTH_MAX || ++this.#items > CBOR_ITEMS_MAX) throw fault()
    const initial = this.#byte()
    const info = initial & 0x1f
    switch (initial >> 5) {
      case 0:
        return this.#argument(info)
      case 1:
        return -1 - this.#argument(info)
      case 2:
        return info === 31 ? this.#joined(2) : this.#slice(this.#argument(info))
      case 3:
        return info === 31 ? this.#joined(3).toString('utf8') : this.#slice(this.#argument(info)).toString('utf8')
      case 4:
        return this.#list(info, depth)
      case 5:
        return this.#map(info, depth)
      case 6:
        this.#argument(info)
        return this.#value(depth + 1)
      default:
        return this.#simple(info)
    }
  }

  /** An item that is not the end of an indefinite form. */
  #value(depth: number): unknown {
    const value = this.item(depth)
    if (value === BREAK) throw fault()
    return value
  }

  #list(info: number, depth: number): unknown[] {
    const length = info === 31 ? Infinity : this.#argument(info)
    // Not allocated ahead: the length is the sender's claim.
    const list: unknown[] = []
    while (list.length < length) {
      const value = this.item(depth + 1)
      if (value === BREAK) {
        if (length === Infinity) return list
        throw fault()
      }
      list.push(value)
    }
    return list
  }

  #map(info: number, depth: number): Record<string, unknown> {
    const length = info === 31 ? Infinity : this.#argument(info)
    const map: Record<string, unknown> = {}
    for (let read = 0; read < length; read++) {
      const key = this.item(depth + 1)
      if (key === BREAK && length === Infinity) return map
      if (typeof key !== 'string') throw fault()
      const value = this.#value(depth + 1)
      if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true })
      else map[key] = value
    }
    return map
  }

  /** The chunks of an indefinite string: definite strings of the same major type. */
  #joined(major: number): Buffer {
    const chunks: Buffer[] = []
    for (;;) {
      if (++this.#items > CBOR_ITEMS_MAX) throw fault()
      const initial = this.#byte()
      if (initial === 0xff) return Buffer.concat(chunks)
      if (initial >> 5 !== major || (initial & 0x1f) === 31) throw fault()
      chunks.push(this.#slice(this.#argument(initial & 0x1f)))
    }
  }

  #simple(info: number): unknown {
    switch (info) {
      case 20:
        return false
      case 21:
        return true
      case 22:
      case 23:
        return null
      case 25:
        return halfFloat(this.#slice(2).readUInt16BE())
      case 26:
        return this.#slice(4).readFloatBE()
      case 27:
        return this.#slice(8).readDoubleBE()
      case 31:
        return BREAK
      default:
        throw fault()
    }
  }

  /** The number that belongs to an initial byte. Beyond 2^53 it is rounded; such numbers are clamped anyway. */
  #argument(info: number): number {
    if (info < 24) return info
    switch (info) {
      case 24:
        return this.#byte()
      case 25:
        return this.#slice(2).readUInt16BE()
      case 26:
        return this.#slice(4).readUInt32BE()
      case 27: {
        const eight = this.#slice(8)
        return eight.readUInt32BE() * 2 ** 32 + eight.readUInt32BE(4)
      }
      default:
        throw fault()
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw fault()
    this.#at++
    return byte
  }

  #slice(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw fault()
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

function halfFloat(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function fault(): KinesisError {
  return new KinesisError('SerializationException')
}
