/**
 * Gives the memory of a buffer back at once instead of with the next full garbage collection, which may be minutes
 * away when a flood is over and nobody asks for memory any more. JavaScript has no word for it on Node 20; handing the
 * memory to a message that nobody can receive does it.
 */
import { MessageChannel } from 'node:worker_threads'

/** Below this it is not worth the 20 µs, and might be a piece of Node's shared pool. */
const WORTH_BYTES = 32 * 1024

/** Its other end is closed, so that what is sent is dropped. */
const { port1: nowhere, port2: otherEnd } = new MessageChannel()
otherEnd.close()

/**
 * Only for memory that nobody looks at any more. Leaves alone what is but a part of a larger buffer. All in one message:
 * one for each piece of a body of 700 KB was a twelfth of its PutRecords (bench: PutRecords, 1 KiB).
 */
export function freeMemory(...pieces: readonly Uint8Array[]): void {
  const worth: ArrayBuffer[] = []
  for (const { buffer, byteLength } of pieces) {
    if (byteLength >= WORTH_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer)
      worth.push(buffer)
  }
  if (worth.length > 0) nowhere.postMessage(undefined, worth)
}
