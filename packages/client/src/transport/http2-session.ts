/**
 * One HTTP/2 session, ready for streams: connected, and told by the server how many it allows. It does not keep the
 * process alive until somebody calls `ref()`.
 */
import { type ClientHttp2Session, connect } from 'node:http2'
import type { Socket } from 'node:net'
import { deferred } from '@millrace/std'
import { KinesisTransportError } from '../errors.ts'
import { reason } from './connection.ts'
import type { PoolSettings } from './origin-pool.ts'

/** How much a server may send ahead of us: per stream, and per session. */
const STREAM_WINDOW_BYTES = 1024 * 1024
const SESSION_WINDOW_BYTES = 16 * 1024 * 1024

export async function openHttp2Session(
  origin: URL,
  socket: Socket,
  { clock, timeouts }: PoolSettings,
): Promise<ClientHttp2Session> {
  const session = connect(origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
  })
  const ready = deferred<void>()
  const refused = (cause?: unknown): void =>
    ready.reject(
      new KinesisTransportError(
        'malformed',
        `${origin.origin} does not speak HTTP/2${cause === undefined ? '' : ` (${reason(cause)})`}: ` +
          'use HTTP/1.1 for this endpoint.',
        { outcome: 'not-done', cause },
      ),
    )
  // The server's settings come first on every connection (RFC 9113, section 3.4); without them there is none.
  session.once('remoteSettings', () => ready.resolve())
  session.once('close', () => refused())
  // Stays for the life of the session: what a session fails with, its streams report.
  session.on('error', refused)
  const timer = clock.setTimer(timeouts.connectTimeoutMs, refused, { unref: true })
  try {
    await ready.promise
  } catch (error) {
    session.destroy()
    throw error
  } finally {
    timer.cancel()
  }
  session.setLocalWindowSize(SESSION_WINDOW_BYTES)
  session.unref()
  return session
}
