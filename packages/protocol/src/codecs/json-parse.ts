/** JSON text to values, without letting a body of brackets take fifty times its size in memory. */
import { KinesisError } from '../errors.ts'

/**
 * Objects and lists in one body. No request has more than 501, but every bracket is counted, in strings too, and 500
 * partition keys of 256 brackets are a legal request.
 */
export const CONTAINERS_MAX = 262_144
/** Smaller bodies are not counted: they cannot hold that many. */
const COUNTED_FROM_BYTES = CONTAINERS_MAX

const OPEN_OBJECT = 0x7b
const OPEN_LIST = 0x5b

/** Throws a SerializationException without a message when the bytes are not JSON or hold too many containers. */
export function parseJson(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length > COUNTED_FROM_BYTES) {
    const objects = count(buffer, OPEN_OBJECT, CONTAINERS_MAX)
    if (objects + count(buffer, OPEN_LIST, CONTAINERS_MAX - objects) > CONTAINERS_MAX) {
      throw new KinesisError('SerializationException')
    }
  }
  try {
    return JSON.parse(buffer.toString('utf8')) as unknown
  } catch (cause) {
    throw new KinesisError('SerializationException', undefined, { cause })
  }
}

/** How often `byte` occurs; stops counting one beyond `limit`. Hops with memchr: few in a body of base64. */
function count(buffer: Buffer, byte: number, limit: number): number {
  let found = 0
  for (let at = buffer.indexOf(byte); at !== -1 && found <= limit; at = buffer.indexOf(byte, at + 1)) found++
  return found
}
