/**
 * HTTP/2 over whatever connection is handed in (prior knowledge or TLS). The JavaScript SDK opens a session for every
 * request and says GOAWAY once the answer's headers are there: what is open is still delivered in full.
 */
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'

import { TokenBucket } from '@millrace/std'

import { isPieces, totalBytes, writeEvents } from './answer-body.ts'
import type { Deadline } from './deadlines.ts'
import { type Desk, Exchange, peerOf } from './exchange.ts'
import type { WireResponse } from './wire.ts'

/** What a client may send of one body before we have read it. 1 MiB: a put of 500 × 1 KiB in one flight. */
const STREAM_WINDOW_BYTES = 1024 * 1024
const SESSION_WINDOW_BYTES = 2 * STREAM_WINDOW_BYTES
/** SETTINGS entries of one frame; there are a handful of settings. */
const SETTINGS_ENTRIES_MAX = 32

const { NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_FLAG_END_STREAM, NGHTTP2_CANCEL } = constants

interface Session {
  readonly session: ServerHttp2Session
  readonly resets: TokenBucket
  readonly control: TokenBucket
  readonly idle: Deadline
  open: number
}

export class Http2 {
  readonly #desk: Desk
  readonly #server: Http2Server
  readonly #sessions = new Map<ServerHttp2Session, Session>()

  constructor(desk: Desk) {
    this.#desk = desk
    const { limits } = desk
    this.#server = createServer({
      maxSessionMemory: limits.h2SessionMiBMax,
      maxHeaderListPairs: limits.h2HeadersMax,
      maxSettings: SETTINGS_ENTRIES_MAX,
      settings: {
        maxConcurrentStreams: limits.h2StreamsMax,
        maxHeaderListSize: limits.headerBytesMax,
        initialWindowSize: STREAM_WINDOW_BYTES,
      },
    })
    this.#server.on('session', (session) => this.#open(session))
    this.#server.on('stream', (stream, headers, flags) => this.#serve(stream, headers, flags))
    // A session that fails is closed by Node; its streams tell their exchanges.
    this.#server.on('sessionError', () => {})
  }

  accept(socket: Duplex): void {
    this.#server.emit('connection', socket)
  }

  /** Sessions end when their open streams do. */
  stop(): void {
    for (const session of this.#sessions.keys()) session.close()
  }

  #open(session: ServerHttp2Session): void {
    const { limits, clock, deadlines } = this.#desk
    const now = clock.monotonic()
    const state: Session = {
      session,
      resets: new TokenBucket(limits.h2ResetsPerSecond, limits.h2ResetsMax, now),
      control: new TokenBucket(limits.h2ControlFramesPerSecond, limits.h2ControlFramesMax, now),
      // Its first SETTINGS are to a session what its headers are to a request.
      idle: deadlines.start(limits.headersMs, () => session.destroy()),
      open: 0,
    }
    this.#sessions.set(session, state)
    session.setLocalWindowSize(SESSION_WINDOW_BYTES)
    const onControlFrame = (): void => {
      if (!state.control.take(1, clock.monotonic())) calmDown(session)
    }
    session.once('remoteSettings', () => {
      if (state.open === 0) this.#rest(state)
    })
    session.on('remoteSettings', onControlFrame)
    session.on('ping', onControlFrame)
    session.on('close', () => {
      state.idle.cancel()
      this.#sessions.delete(session)
    })
    if (this.#desk.stopping) session.close()
  }

  #rest(state: Session): void {
    state.idle.restart(this.#desk.limits.keepAliveIdleMs, () => {
      state.session.close()
      // GOAWAY was said; who does not take it is not waited for.
      state.idle.restart(this.#desk.limits.lingerMs, () => state.session.destroy())
    })
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number): void {
    const state = stream.session === undefined ? undefined : this.#sessions.get(stream.session as ServerHttp2Session)
    // Errors are told by `close`, which always follows.
    stream.on('error', () => {})
    // Without a reader its end is never seen, and a reset of it waits for that.
    if ((flags & NGHTTP2_FLAG_END_STREAM) !== 0) stream.resume()
    if (state === undefined) {
      stream.destroy()
      return
    }
    state.open++
    state.idle.cancel()
    let answered = false
    const hasBody = (flags & NGHTTP2_FLAG_END_STREAM) === 0
    const exchange = new Exchange(this.#desk, {
      method: headers[':method'] ?? '',
      url: headers[':path'] ?? '/',
      headers: joinedHeaders(headers),
      source: hasBody ? stream : undefined,
      peer: () => peerOf(stream.session?.socket.remoteAddress, stream.session?.encrypted === true),
      proceed: headers['expect'] === '100-continue' ? () => stream.additionalHeaders({ ':status': '100' }) : undefined,
      answer: (answer, { unread }) => {
        answered = true
        this.#answer(stream, answer, exchange, unread && hasBody)
      },
      destroy: () => {
        answered = true
        stream.close(NGHTTP2_CANCEL)
        // Or it would wait for its reader, who is the reason.
        stream.destroy()
      },
    })
    stream.on('close', () => {
      exchange.end()
      state.open--
      if (!answered && !state.resets.take(1, this.#desk.clock.monotonic())) {
        calmDown(state.session)
      }
      if (state.open === 0 && !state.session.destroyed) this.#rest(state)
    })
    exchange.start()
  }

  #answer(stream: ServerHttp2Stream, answer: WireResponse, exchange: Exchange, unread: boolean): void {
    if (stream.destroyed || stream.closed) return
    const { body } = answer
    const headers: Record<string, string | number> = { ':status': answer.status, ...answer.headers }
    if (!isPieces(body)) {
      stream.respond(headers)
      writeEvents(stream, body, exchange).catch((error: unknown) => {
        this.#desk.logger.debug('an event stream broke off', { requestId: exchange.id, error })
        exchange.cancel()
        // `close` would end the stream first, and the reader would take it for the end.
        stream.destroy(new Error('the event stream broke off'))
      })
      return
    }
    const total = totalBytes(body)
    headers['content-length'] = total
    stream.respond(headers, { endStream: total === 0 })
    // Node has ended the stream itself if nothing may follow, as after HEAD.
    if (!stream.writableEnded) {
      for (const piece of body) stream.write(piece)
      stream.end()
    }
    // The rest of a refused body is not wanted. NO_ERROR: the answer stands.
    if (unread) stream.close(NGHTTP2_NO_ERROR)
  }
}

/** Without an error of its own, Node would say NO_ERROR to the client. */
function calmDown(session: ServerHttp2Session): void {
  session.destroy(new Error('the client sends too many frames'), NGHTTP2_ENHANCE_YOUR_CALM)
}

/** Names are lower-case already; `:authority` and the other pseudo-headers stay as they are. */
function joinedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const joined: Record<string, string> = Object.create(null) as Record<string, string>
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined) joined[name] = typeof value === 'string' ? value : value.join(',')
  }
  return joined
}
