/**
 * HTTP/2 sessions to one origin. An exchange takes a stream of a session that has room; when none has, one more
 * session is opened, up to `maxSessions`, and then exchanges wait in line. A session that was told to go away, or
 * that left an exchange without an answer, gets no new streams and ends with its last one.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import type { Socket } from 'node:net'
import { type Deferred, deferred } from '@millrace/std'
import { KinesisTransportError, type Outcome } from '../errors.ts'
import { bodyOf } from './body.ts'
import { errorCode, openConnection, reason } from './connection.ts'
import { flatHeaders } from './http1-pool.ts'
import { openHttp2Session } from './http2-session.ts'
import type { OriginPool, PoolSettings } from './origin-pool.ts'
import { abortedBeforeSending, clientClosed, overloaded, WAITING_MAX } from './slots.ts'
import type { ExchangeOptions, HttpAnswer, HttpRequest } from './transport.ts'

/** Streams per session, where the server allows as many: one TCP connection does not carry much more in parallel. */
const STREAMS_MAX = 100
/** An idle session is given up after this time, as idle HTTP/1.1 connections are. */
const IDLE_SESSION_MS = 50_000

interface PooledSession {
  readonly session: ClientHttp2Session
  readonly socket: Socket
  streams: number
  streamsMax: number
  /** Set by GOAWAY: streams above it were never looked at. */
  lastStreamId: number
}

export class Http2Pool implements OriginPool {
  readonly #origin: URL
  readonly #settings: PoolSettings
  readonly #sessions = new Set<PooledSession>()
  /** Those that end with their last stream. */
  readonly #retired = new Set<PooledSession>()
  /** Set while `close` waits for it. */
  #allRetiredEnded: Deferred<void> | undefined
  readonly #waiting = new Set<Deferred<PooledSession>>()
  #first: Socket | undefined
  #opening = false
  #closed = false

  /** `first`: a connection that is already open and agreed on h2. */
  constructor(origin: URL, settings: PoolSettings, first?: Socket) {
    this.#origin = origin
    this.#settings = settings
    this.#first = first
  }

  async exchange(request: HttpRequest, options: ExchangeOptions): Promise<HttpAnswer> {
    const pooled = await this.#take(options.signal)
    try {
      return await this.#send(pooled, request, options)
    } catch (error) {
      // Silence may be the connection's: the next exchange shall not depend on it.
      if (error instanceof KinesisTransportError && error.code === 'timeout') this.#retire(pooled)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#first?.destroy()
    for (const place of this.#waiting) place.reject(clientClosed())
    this.#waiting.clear()
    for (const pooled of this.#sessions) this.#retire(pooled)
    if (this.#retired.size === 0) return
    this.#allRetiredEnded ??= deferred()
    await this.#allRetiredEnded.promise
  }

  /** A session with one stream counted for the caller. */
  async #take(signal: AbortSignal | undefined): Promise<PooledSession> {
    if (this.#closed) throw clientClosed()
    if (signal?.aborted === true) throw abortedBeforeSending(signal)
    if (this.#waiting.size >= WAITING_MAX) throw overloaded()
    const place = deferred<PooledSession>()
    this.#waiting.add(place)
    const onAbort = (): void => {
      if (this.#waiting.delete(place)) place.reject(abortedBeforeSending(signal))
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#serve()
    try {
      return await place.promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Gives streams to those who wait, oldest first, and opens a session when there are more of them than streams. */
  #serve(): void {
    for (const place of this.#waiting) {
      const pooled = this.#withRoom()
      if (pooled === undefined) {
        if (!this.#opening && this.#sessions.size < this.#settings.maxSessions) void this.#open()
        return
      }
      this.#waiting.delete(place)
      if (pooled.streams++ === 0) pooled.session.ref()
      place.resolve(pooled)
    }
  }

  #withRoom(): PooledSession | undefined {
    for (const pooled of this.#sessions) if (pooled.streams < pooled.streamsMax) return pooled
    return undefined
  }

  async #open(): Promise<void> {
    this.#opening = true
    try {
      const { connectTimeoutMs } = this.#settings.timeouts
      const socket =
        this.#claimFirst() ?? (await openConnection(this.#origin, ['h2'], this.#settings, connectTimeoutMs))
      this.#add(await openHttp2Session(this.#origin, socket, this.#settings), socket)
    } catch (error) {
      this.#opening = false
      // Those who wait for a stream of another session go on waiting: the next of its streams to end serves them.
      if (this.#sessions.size > 0) return
      for (const place of this.#waiting) place.reject(error)
      this.#waiting.clear()
      return
    }
    this.#opening = false
    this.#serve()
  }

  #claimFirst(): Socket | undefined {
    const first = this.#first
    this.#first = undefined
    if (first === undefined || first.destroyed) return undefined
    return first.ref()
  }

  #add(session: ClientHttp2Session, socket: Socket): void {
    const pooled: PooledSession = {
      session,
      socket,
      streams: 0,
      streamsMax: streamsOf(session),
      lastStreamId: Infinity,
    }
    this.#sessions.add(pooled)
    session.on('remoteSettings', () => {
      pooled.streamsMax = streamsOf(session)
      this.#serve()
    })
    session.on('goaway', (_code, lastStreamId) => {
      pooled.lastStreamId = lastStreamId
      this.#retire(pooled)
    })
    session.once('close', () => {
      this.#sessions.delete(pooled)
      this.#serve()
    })
    session.setTimeout(IDLE_SESSION_MS, () => {
      if (pooled.streams === 0) this.#retire(pooled)
    })
    if (this.#closed || session.closed) this.#retire(pooled)
  }

  /** No new streams; the session ends with its last one. */
  #retire(pooled: PooledSession): void {
    this.#sessions.delete(pooled)
    if (pooled.streams === 0) end(pooled)
    else this.#retired.add(pooled)
  }

  #release(pooled: PooledSession): void {
    if (--pooled.streams === 0) {
      if (this.#retired.delete(pooled)) end(pooled)
      else pooled.session.unref()
      if (this.#retired.size === 0) this.#allRetiredEnded?.resolve()
    }
    this.#serve()
  }

  async #send(pooled: PooledSession, request: HttpRequest, options: ExchangeOptions): Promise<HttpAnswer> {
    const { host, ...headers } = request.headers
    let stream: ClientHttp2Stream
    try {
      stream = pooled.session.request(
        {
          ':method': request.method,
          ':scheme': this.#origin.protocol.slice(0, -1),
          ':authority': host ?? this.#origin.host,
          ':path': request.url.pathname + request.url.search,
          ...headers,
          'content-length': request.body.length,
        },
        { endStream: false },
      )
    } catch (cause) {
      this.#release(pooled)
      throw this.#closedBefore(cause, 'not-done')
    }
    stream.once('close', () => this.#release(pooled))
    stream.end(request.body)
    const response = await this.#response(pooled, stream, options)
    const { timeouts, clock } = this.#settings
    return {
      status: Number(response[':status'] ?? 0),
      headers: flatHeaders(response),
      body: bodyOf(stream, {
        clock,
        silenceTimeoutMs: options.silenceTimeoutMs ?? timeouts.silenceTimeoutMs,
        origin: this.#origin.origin,
        signal: options.signal,
        // Node ends the body of a stream whose connection is gone as if it were complete.
        isWhole: () => stream.rstCode === constants.NGHTTP2_NO_ERROR,
      }),
    }
  }

  #response(
    pooled: PooledSession,
    stream: ClientHttp2Stream,
    { signal, responseTimeoutMs = this.#settings.timeouts.responseTimeoutMs }: ExchangeOptions,
  ): Promise<Readonly<Record<string, string | string[] | number | undefined>>> {
    const origin = this.#origin.origin
    return new Promise((resolve, reject) => {
      const cleanUp = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const fail = (error: KinesisTransportError): void => {
        cleanUp()
        reject(error)
        stream.close(constants.NGHTTP2_CANCEL)
        // Without waiting until the server hears of it: an answer may come before, which nobody would read to its end.
        stream.destroy()
      }
      const onAbort = (): void =>
        fail(
          new KinesisTransportError('aborted', `Aborted by the caller before ${origin} answered.`, {
            outcome: 'unknown',
            cause: signal?.reason,
          }),
        )
      const timer = this.#settings.clock.setTimer(
        responseTimeoutMs,
        () =>
          fail(
            new KinesisTransportError('timeout', `${origin} did not answer within ${responseTimeoutMs} ms.`, {
              outcome: 'unknown',
            }),
          ),
        { unref: true },
      )
      const untouched = (): boolean =>
        stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ||
        stream.id === undefined ||
        stream.id > pooled.lastStreamId
      stream.once('response', (headers) => {
        cleanUp()
        resolve(headers)
      })
      // After the answer has begun, the reader of the body hears of errors; before it, whoever waits here.
      stream.on('error', (cause) => fail(this.#closedBefore(cause, untouched() ? 'not-done' : 'unknown')))
      stream.once('close', () =>
        fail(this.#closedBefore(`stream closed, code ${stream.rstCode}`, untouched() ? 'not-done' : 'unknown')),
      )
      signal?.addEventListener('abort', onAbort, { once: true })
      if (signal?.aborted === true) onAbort()
    })
  }

  #closedBefore(cause: unknown, outcome: Outcome): KinesisTransportError {
    const what = errorCode(cause) === 'ERR_HTTP2_STREAM_ERROR' && cause instanceof Error ? cause.message : reason(cause)
    return new KinesisTransportError(
      'closed',
      `${this.#origin.origin} closed the stream before it answered: ${what}.`,
      {
        outcome,
        cause,
      },
    )
  }
}

/** Node would wait for the other side to hang up as well, and that may never do so. */
function end({ session, socket }: PooledSession): void {
  session.destroy()
  socket.destroy()
}

function streamsOf(session: ClientHttp2Session): number {
  return Math.min(STREAMS_MAX, session.remoteSettings.maxConcurrentStreams ?? STREAMS_MAX)
}
