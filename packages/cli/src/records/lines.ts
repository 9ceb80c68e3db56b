/** Cuts bytes that arrive in pieces into lines, without their ends (`\n` or `\r\n`). Bytes stay bytes: no decoding. */
import { usageError } from '../exit-code.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d

export async function* splitLines(chunks: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
  let carried: Uint8Array[] = []
  let carriedBytes = 0
  let lines = 0
  const take = (piece: Uint8Array): Uint8Array => {
    const line = carried.length === 0 ? piece : Buffer.concat([...carried, piece])
    carried = []
    carriedBytes = 0
    lines++
    return line.at(-1) === RETURN ? line.subarray(0, -1) : line
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield take(chunk.subarray(start, end))
      start = end + 1
    }
    if (start === chunk.length) continue
    carried.push(chunk.subarray(start))
    carriedBytes += chunk.length - start
    if (carriedBytes > bytesMax) throw usageError(`line ${lines + 1} is longer than ${bytesMax} bytes`)
  }
  if (carriedBytes > 0) yield take(new Uint8Array())
}
