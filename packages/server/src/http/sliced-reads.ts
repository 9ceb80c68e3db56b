import type { Duplex } from 'node:stream'

/** 40 of the smallest requests. */
const SLICE_BYTES = 1024

/**
 * Lets who listens to a connection's `data` have it in small pieces, and no more of a read once the connection is
 * paused, destroyed or `isFull`. `node:http` parses to the end what it was given, into thousands of requests; Node
 * frees those of a destroyed connection only after it has read all the others that are ready.
 */
export function readInSlices(socket: Duplex, isFull: () => boolean): void {
  const feeds = socket.listeners('data') as ((bytes: Buffer) => void)[]
  for (const feed of feeds) socket.off('data', feed)
  // That somebody listens makes `node:http` read by events instead of past them.
  socket.on('data', (chunk: Buffer) => {
    let start = 0
    while (start < chunk.length) {
      const slice = chunk.subarray(start, (start += SLICE_BYTES))
      for (const feed of feeds) feed.call(socket, slice)
      if (socket.destroyed) return
      if (!socket.isPaused() && !isFull()) continue
      // A socket that flows would hand it on at once.
      socket.pause()
      if (start < chunk.length) socket.unshift(chunk.subarray(start))
      return
    }
  })
}
