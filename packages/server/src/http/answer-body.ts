/** Writes the pieces of an answer to a socket or stream, waiting for its reader whenever it falls behind. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'

/** Resolves when all was handed over; rejects when the writable fails or closes. `onPiece` follows each event. */
export async function writeEvents(
  writable: Writable,
  events: AsyncIterable<Uint8Array>,
  onPiece: () => void,
): Promise<void> {
  const closed = new AbortController()
  const onClose = (): void => closed.abort(new Error('the connection was closed'))
  writable.once('close', onClose)
  try {
    for await (const event of events) {
      if (writable.destroyed) return
      if (!writable.write(event)) await once(writable, 'drain', { signal: closed.signal })
      onPiece()
    }
    writable.end()
  } finally {
    writable.off('close', onClose)
  }
}

export function totalBytes(pieces: readonly Uint8Array[]): number {
  let total = 0
  for (const piece of pieces) total += piece.length
  return total
}

export function isPieces(body: readonly Uint8Array[] | AsyncIterable<Uint8Array>): body is readonly Uint8Array[] {
  return Array.isArray(body)
}
