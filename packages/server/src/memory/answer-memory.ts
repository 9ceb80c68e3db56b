/**
 * Memory for answers that one connection alone is sent: used again when it has written them (bench: GetRecords, first
 * reader; docs/decisions/151).
 *
 * Invariant: an answer's memory is given back by the one who knows that the socket has written all of it, or by nobody. Answers
 * whose client has gone, and those that go another way than quick-http1.ts, leave theirs to the collector.
 */
import { BufferPool } from '@millrace/std'

/** As answers are counted from: smaller ones are many, and bounded by the number of requests alone (answer-budget.ts). */
const BYTES_MIN = 64 * 1024
/** Four answers of 10,000 records of 100 B, or one of 10 MiB. */
const BYTES_KEPT_MAX = 16 * 1024 * 1024

const pool = new BufferPool({ bytesMin: BYTES_MIN, bytesKeptMax: BYTES_KEPT_MAX })

/** Room for `bytes` of an answer and somewhat more, as createRecordWriter takes it. Small ones have memory of their own. */
export function takeAnswerRoom(bytes: number): Uint8Array | number {
  // All of the buffer: a bound of one's own would be met first, and all that was written copied elsewhere.
  return bytes < BYTES_MIN ? bytes : new Uint8Array(pool.take(bytes).buffer)
}

/** All of an answer is written. What of it was taken elsewhere, and what it shares with others, is left alone. */
export function giveBackAnswer(pieces: readonly Uint8Array[]): void {
  for (const piece of pieces) pool.giveBack(piece)
}
