/** The thread in which large bodies are decoded: one message in, one message out, in order. */
import { parentPort } from 'node:worker_threads'

import { decodeBody } from './body-decoder.ts'
import { freeMemory } from '../memory/free-memory.ts'
import type { WorkerAnswer, WorkerTask } from './body-worker.ts'

parentPort?.on('message', ({ id, job, bytes }: WorkerTask) => {
  const decoded = decodeBody(job, bytes)
  // Errors lose their class on the way between threads; the two texts do not.
  const result: WorkerAnswer['result'] =
    decoded.kind === 'invalid'
      ? { ...decoded, error: { type: decoded.error.type, message: decoded.error.message } }
      : decoded
  parentPort?.postMessage(
    { id, result } satisfies WorkerAnswer,
    decoded.kind === 'decoded' ? transferable(decoded.input) : [],
  )
  freeMemory(bytes)
})

/** The memory of byte members that is theirs alone, and can be handed over instead of copied. */
function transferable(input: unknown): ArrayBuffer[] {
  const owners = new Map<ArrayBuffer, number>()
  collect(input, owners)
  return [...owners].filter(([buffer, used]) => used === buffer.byteLength && used > 0).map(([buffer]) => buffer)
}

function collect(value: unknown, owners: Map<ArrayBuffer, number>): void {
  if (value instanceof Uint8Array) {
    // A view of a shared pool does not fill it, and is copied.
    if (value.buffer instanceof ArrayBuffer) {
      owners.set(value.buffer, (owners.get(value.buffer) ?? 0) + value.byteLength)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) collect(member, owners)
  }
}
