/**
 * Cuts a JSON array that arrives in pieces into the texts of its elements, without parsing them and without holding
 * more than one: a file of a million records needs no more memory than its largest. Whitespace inside an element is
 * kept; the elements themselves are parsed by whoever wants them.
 */
import { usageError } from '../exit-code.ts'

const TAB = 0x09
const NEWLINE = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB
}

export async function* jsonArrayElements(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  /** 0: before the array; 1: between its elements; more: inside one of them; -1: after the array. */
  let depth = 0
  let inString = false
  let escaped = false
  let carried: Uint8Array[] = []
  let carriedBytes = 0
  let elements = 0
  /** A bare number, `true` or `null` has no bracket around it. */
  let inScalar = false
  const wrong = (what: string): Error => usageError(`JSON array: ${what} (after ${elements} elements)`)
  const carry = (piece: Uint8Array): void => {
    carriedBytes += piece.length
    if (carriedBytes > bytesMax) throw wrong(`an element is larger than ${bytesMax} bytes`)
    carried.push(piece)
  }
  const take = (piece: Uint8Array): Uint8Array => {
    carry(piece)
    const element = carried.length === 1 ? piece : Buffer.concat(carried)
    carried = []
    carriedBytes = 0
    elements++
    return element
  }

  for await (const chunk of chunks) {
    let start = depth > 1 || inScalar || inString ? 0 : -1
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0
      if (inString) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) {
          inString = false
          if (depth === 1) {
            yield take(chunk.subarray(start, i + 1))
            start = -1
          }
        }
        continue
      }
      if (inScalar) {
        if (byte !== COMMA && byte !== CLOSE_BRACKET && !isSpace(byte)) continue
        inScalar = false
        yield take(chunk.subarray(start, i))
        start = -1
      }
      if (isSpace(byte)) continue
      if (depth === 0) {
        if (byte !== OPEN_BRACKET) throw wrong('the input does not begin with [')
        depth = 1
      } else if (depth === -1) throw wrong('something follows the closing ]; for one array a line, use --input lines')
      else if (byte === QUOTE) {
        inString = true
        if (depth === 1) start = i
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (depth === 1) start = i
        depth++
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--
        if (depth === 1) {
          yield take(chunk.subarray(start, i + 1))
          start = -1
        } else if (depth === 0) {
          if (byte === CLOSE_BRACE) throw wrong('} without {')
          depth = -1
        }
      } else if (depth === 1 && byte !== COMMA) {
        inScalar = true
        start = i
      }
    }
    if (start !== -1) carry(chunk.subarray(start))
  }
  if (depth !== -1) throw wrong('the input ends before the closing ]')
}
