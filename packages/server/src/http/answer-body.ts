/** Writes the pieces of an answer to a socket or stream, waiting for its reader whenever it falls behind. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'

import type { AnswerClaim } from './answer-budget.ts'
import type { WireBody } from './wire.ts'

/** Who watches over an event stream on its way. */
export interface EventWatch {
  /** An event was taken by its reader. */
  progress(): void
  /** An event waits for its reader. `undefined`: there is no room for it, and the stream is broken off. */
  hold(pieces: readonly Uint8Array[]): AnswerClaim | undefined
}

/** Resolves when all was handed over; rejects when the writable fails or closes. */
export async function writeEvents(
  writable: Writable,
  events: AsyncIterable<readonly Uint8Array[]>,
  watch: EventWatch,
): Promise<void> {
  const closed = new AbortController()
  const onClose = (): void => closed.abort(new Error('the connection was closed'))
  writable.once('close', onClose)
  try {
    for await (const pieces of events) {
      if (writable.destroyed) return
      if (!writePieces(writable, pieces)) {
        const claim = watch.hold(pieces)
        if (claim === undefined) throw new Error('there was no room for an event that its reader did not take')
        try {
          await once(writable, 'drain', { signal: closed.signal })
        } finally {
          claim.release()
        }
      }
      watch.progress()
    }
    writable.end()
  } finally {
    writable.off('close', onClose)
  }
}

/** False: the reader has fallen behind. */
function writePieces(writable: Writable, pieces: readonly Uint8Array[]): boolean {
  let isFlowing = true
  writable.cork()
  for (const piece of pieces) isFlowing = writable.write(piece)
  writable.uncork()
  return isFlowing
}

export function totalBytes(pieces: readonly Uint8Array[]): number {
  let total = 0
  for (const piece of pieces) total += piece.length
  return total
}

export function isPieces(body: WireBody): body is readonly Uint8Array[] {
  return Array.isArray(body)
}
