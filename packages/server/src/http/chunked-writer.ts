/** Writes a body of unknown length in chunks (RFC 9112 §7.1), as fast as the socket takes them. */
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'

export class ChunkedWriter extends Writable {
  readonly #socket: Socket

  /** The head must be on its way. `socket` stays open when the body has ended. */
  constructor(socket: Socket) {
    super({ decodeStrings: true })
    this.#socket = socket
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#write([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#write(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.write('0\r\n\r\n', 'latin1', done)
  }

  /** What comes together makes one chunk. */
  #write(pieces: readonly Buffer[], done: (error?: Error | null) => void): void {
    const socket = this.#socket
    let bytes = 0
    for (const piece of pieces) bytes += piece.length
    if (bytes === 0) {
      // A chunk of nothing would be the end.
      done()
      return
    }
    socket.cork()
    socket.write(`${bytes.toString(16)}\r\n`, 'latin1')
    for (const piece of pieces) socket.write(piece)
    socket.write('\r\n', 'latin1', done)
    socket.uncork()
  }
}
