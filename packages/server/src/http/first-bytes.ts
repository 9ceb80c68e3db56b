/**
 * Tells from its first bytes what a connection speaks. Four are needed: `POST` and `PRI ` share their first. The
 * bytes are put back, so that whoever serves the connection reads it from the start.
 */
import type { Socket } from 'node:net'

export type Protocol = 'tls' | 'h2' | 'h1'

/** A TLS record of type handshake. */
const TLS_HANDSHAKE = 0x16
/** How HTTP/2 with prior knowledge begins. */
const H2_PREFACE = 'PRI '

/** Undefined: more bytes are needed. */
export function protocolOf(bytes: Buffer): Protocol | undefined {
  if (bytes[0] === TLS_HANDSHAKE) return 'tls'
  if (bytes.length >= H2_PREFACE.length)
    return bytes.toString('latin1', 0, H2_PREFACE.length) === H2_PREFACE ? 'h2' : 'h1'
  return H2_PREFACE.startsWith(bytes.toString('latin1')) ? undefined : 'h1'
}

/** Calls `found` once, with the socket paused and unread, unless the socket ends before it has said enough. */
export function readFirstBytes(socket: Socket, found: (protocol: Protocol) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const onEnd = (): void => void socket.destroy()
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const protocol = protocolOf(bytes)
    if (protocol === undefined) return
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.pause()
    socket.unshift(bytes)
    found(protocol)
  }
  socket.on('data', onData)
  socket.on('end', onEnd)
}
