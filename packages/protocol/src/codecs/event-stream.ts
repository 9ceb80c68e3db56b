/**
 * Messages of `application/vnd.amazon.eventstream` (KINESIS.md §15), in both directions:
 *
 *   u32 total length | u32 headers length | u32 CRC-32 of these 8 bytes
 *   headers: u8 name length, name, u8 type, value (type 7, a string: u16 length, text)
 *   payload | u32 CRC-32 of everything before
 */
import { crc32 } from 'node:zlib'

const PRELUDE_BYTES = 12
const CRC_BYTES = 4
const STRING_TYPE = 7
/** Bytes of values whose type gives their size: true, false, byte, short, integer, long, …, timestamp, UUID. */
const FIXED_BYTES: Readonly<Record<number, number>> = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 }
const BYTES_TYPE = 6

/** Bytes of one message: 10 MiB of records in base64, with keys, and room to spare. */
export const EVENT_MESSAGE_BYTES_MAX = 24 * 1024 * 1024
/** Bytes of the headers of one message: the format's own bound. */
const HEADERS_BYTES_MAX = 128 * 1024

export interface EventMessage {
  /** Headers that are strings, in order. Others are passed over when decoding. */
  readonly headers: ReadonlyMap<string, string>
  readonly payload: Uint8Array
}

/** A message that is not one. The stream cannot be read on from here. */
export class EventStreamError extends Error {
  override readonly name = 'EventStreamError'
}

export function encodeEventMessage({ headers, payload }: EventMessage): Uint8Array {
  return Buffer.concat(encodeEventMessagePieces(headers, [payload]))
}

/** The same in pieces, of which those of the payload are the ones given: what they share is not copied. */
export function encodeEventMessagePieces(
  headers: ReadonlyMap<string, string>,
  payload: readonly Uint8Array[],
): readonly Uint8Array[] {
  const entries = [...headers].map(([name, value]) => ({ name, value: Buffer.from(value, 'utf8') }))
  const headersLength = entries.reduce((sum, { name, value }) => sum + 4 + Buffer.byteLength(name) + value.length, 0)
  const payloadLength = payload.reduce((sum, piece) => sum + piece.length, 0)
  const head = Buffer.allocUnsafe(PRELUDE_BYTES + headersLength)
  head.writeUInt32BE(head.length + payloadLength + CRC_BYTES, 0)
  head.writeUInt32BE(headersLength, 4)
  head.writeUInt32BE(crc32(head.subarray(0, 8)), 8)
  let at = PRELUDE_BYTES
  for (const { name, value } of entries) {
    at = head.writeUInt8(Buffer.byteLength(name), at)
    at += head.write(name, at, 'utf8')
    at = head.writeUInt8(STRING_TYPE, at)
    at = head.writeUInt16BE(value.length, at)
    at += value.copy(head, at)
  }
  const tail = Buffer.allocUnsafe(CRC_BYTES)
  tail.writeUInt32BE(
    payload.reduce((sum, piece) => crc32(piece, sum), crc32(head)),
    0,
  )
  return [head, ...payload, tail]
}

/** Cuts a stream of bytes, in chunks of any size, into messages. Holds at most one incomplete message. */
export class EventMessageDecoder {
  readonly #messageBytesMax: number
  #chunks: Buffer[] = []
  #held = 0
  /** Bytes that must be held before there is anything to look at. */
  #needed = PRELUDE_BYTES

  /** `messageBytesMax`: a longer message is an error as soon as its length is known. */
  constructor(messageBytesMax = EVENT_MESSAGE_BYTES_MAX) {
    this.#messageBytesMax = messageBytesMax
  }

  /** The messages that these bytes complete. Throws EventStreamError at the first broken one. */
  push(bytes: Uint8Array): EventMessage[] {
    // Copied: the caller may use its buffer again.
    this.#chunks.push(Buffer.from(bytes))
    this.#held += bytes.length
    const messages: EventMessage[] = []
    while (this.#held >= this.#needed) {
      const held = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks)
      const total = this.#lengthOf(held)
      if (held.length < total) {
        this.#keep(held, total)
        break
      }
      messages.push(decodeEventMessage(held.subarray(0, total)))
      this.#keep(held.subarray(total), PRELUDE_BYTES)
    }
    return messages
  }

  /** Throws EventStreamError when the stream ended within a message. */
  end(): void {
    if (this.#held > 0) throw new EventStreamError(`the stream ended within a message, after ${this.#held} bytes of it`)
  }

  #keep(rest: Buffer, needed: number): void {
    this.#chunks = rest.length === 0 ? [] : [rest]
    this.#held = rest.length
    this.#needed = needed
  }

  #lengthOf(held: Buffer): number {
    const total = held.readUInt32BE(0)
    const headersLength = held.readUInt32BE(4)
    if (held.readUInt32BE(8) !== crc32(held.subarray(0, 8))) throw new EventStreamError('prelude checksum differs')
    if (total > this.#messageBytesMax) {
      throw new EventStreamError(`message of ${total} bytes, expected at most ${this.#messageBytesMax}`)
    }
    if (headersLength > HEADERS_BYTES_MAX || total < PRELUDE_BYTES + headersLength + CRC_BYTES) {
      throw new EventStreamError(`headers of ${headersLength} bytes in a message of ${total}`)
    }
    return total
  }
}

/** `message` is one whole message whose prelude was checked. */
function decodeEventMessage(message: Buffer): EventMessage {
  const end = message.length - CRC_BYTES
  if (message.readUInt32BE(end) !== crc32(message.subarray(0, end)))
    throw new EventStreamError('message checksum differs')
  const headersEnd = PRELUDE_BYTES + message.readUInt32BE(4)
  return {
    headers: decodeHeaders(message.subarray(PRELUDE_BYTES, headersEnd)),
    payload: message.subarray(headersEnd, end),
  }
}

function decodeHeaders(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>()
  let at = 0
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw new EventStreamError('a header is cut short')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const name = take(take(1).readUInt8()).toString('utf8')
    const type = take(1).readUInt8()
    if (type === STRING_TYPE || type === BYTES_TYPE) {
      const value = take(take(2).readUInt16BE())
      if (type === STRING_TYPE) headers.set(name, value.toString('utf8'))
    } else {
      const length = FIXED_BYTES[type]
      if (length === undefined) throw new EventStreamError(`header of type ${type}, expected 0 to 9`)
      take(length)
    }
  }
  return headers
}
