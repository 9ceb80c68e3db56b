/**
 * HTTP/1.1 over whatever connection is handed in (clear or TLS). Requests of one connection are served one after the
 * other, in their order, also when pipelined: two puts of one connection are never stored in the other order.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

import { isPieces, totalBytes, writeEvents } from './answer-body.ts'
import { type BodyHold, READ_BYTES } from './body-budget.ts'
import { type Desk, Exchange, peerOf } from './exchange.ts'
import { readInSlices } from './sliced-reads.ts'
import type { WireResponse } from './wire.ts'

/** Up to here an answer is copied rather than written as a piece of its own. */
const ONE_PIECE_BYTES = 1024

/** What Node makes for a request that waits, besides its text: measured, some 1,700 for the smallest. */
const REQUEST_BYTES = 2048

/** The requests of one connection: one is served, the others wait. */
interface Turns {
  busy: boolean
  /** The connection is not read from; what it may hold unread. */
  pause: BodyHold | undefined
  readonly waiting: { readonly serve: () => void; readonly hold: BodyHold }[]
  /** Ends the one that is served. */
  end: () => void
}

export class Http1 {
  readonly #desk: Desk
  readonly #server: Server
  readonly #turns = new WeakMap<Duplex, Turns>()

  constructor(desk: Desk) {
    this.#desk = desk
    const { limits } = desk
    this.#server = createServer({
      maxHeaderSize: limits.headerBytesMax,
      keepAliveTimeout: limits.keepAliveIdleMs,
      headersTimeout: limits.headersMs,
      // The body has its own limit; this one would count from the first byte of the headers.
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(1000, limits.headersMs),
      // Node would answer at once, whoever waits before it, and count nothing.
      requireHostHeader: false,
    })
    // Repeated headers beyond a count would be dropped in silence; their bytes are bounded instead.
    this.#server.maxHeadersCount = 0
    this.#server.on('request', (request, response) => this.#take(request, response, false))
    this.#server.on('checkContinue', (request, response) => this.#take(request, response, true))
    this.#server.on('checkExpectation', (request, response) => this.#queue(request, () => refuse(response, 417)))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#answerNonsense(error, socket))
    // Node starts to look after time limits when a server listens. This one is handed its connections.
    this.#server.emit('listening')
  }

  accept(socket: Duplex): void {
    this.#server.emit('connection', socket)
    readInSlices(socket, () => this.#turns.get(socket)?.pause !== undefined)
  }

  /** Connections without a request are closed now, the others after their answer. */
  stop(): void {
    this.#server.closeIdleConnections()
  }

  /** Stops looking after time limits. All connections must be closed. */
  close(): void {
    // The only public way to end the look-out; that nothing listens is no error here.
    this.#server.close(() => {})
  }

  #take(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    this.#queue(request, (turns) => {
      if (request.httpVersion === '1.1' && request.headers.host === undefined) refuse(response, 400)
      else this.#serve(request, response, expectsContinue, turns)
    })
  }

  #queue(request: IncomingMessage, serve: (turns: Turns) => void): void {
    const { socket } = request
    // The rest of a piece in which there was no room for one.
    if (socket.destroyed) return
    let turns = this.#turns.get(socket)
    if (turns === undefined) {
      const made: Turns = { busy: false, pause: undefined, waiting: [], end: () => {} }
      this.#turns.set(socket, (turns = made))
      // Node itself resumes it at the end of every request.
      socket.on('resume', () => {
        if (made.pause !== undefined) socket.pause()
      })
      // A request behind an answer after which Node closes gets no socket for its own, and hears of no close.
      socket.once('close', () => {
        made.end()
        made.pause?.release()
        for (const { hold } of made.waiting.splice(0)) hold.release()
      })
    }
    const mine = turns
    if (mine.busy) {
      const { budget, limits } = this.#desk
      const hold = budget.keep(waitingBytes(request))
      if (hold === undefined) {
        // Read on or not, more becomes of this piece, and Node lets go of a request only with its connection.
        socket.destroy()
        return
      }
      mine.waiting.push({ serve: () => serve(mine), hold })
      if (mine.waiting.length >= limits.pipelinedMax && mine.pause === undefined) {
        // The rest of this read, and what Node reads of a paused socket.
        mine.pause = budget.keep(READ_BYTES + socket.readableHighWaterMark + READ_BYTES)
        if (mine.pause === undefined) socket.destroy()
        else socket.pause()
      }
      return
    }
    mine.busy = true
    serve(mine)
  }

  #next(socket: Duplex, turns: Turns): void {
    const next = turns.waiting.shift()
    next?.hold.release()
    turns.busy = next !== undefined
    if (turns.pause !== undefined && turns.waiting.length <= this.#desk.limits.pipelinedMax / 2) {
      turns.pause.release()
      turns.pause = undefined
      socket.resume()
    }
    if (!socket.destroyed) next?.serve()
  }

  #serve(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean, turns: Turns): void {
    const { socket } = request
    const headers = headersOf(request)
    const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
    // An aborted request is an error event for whoever reads; its answer's `close` tells all that matters.
    request.on('error', () => {})
    const exchange = new Exchange(this.#desk, {
      method: request.method ?? '',
      url: request.url ?? '/',
      headers,
      source: hasBody ? request : undefined,
      peer: () => peerOf(socket.remoteAddress, socket instanceof TLSSocket),
      proceed: expectsContinue ? () => response.writeContinue() : undefined,
      answer: (answer, { unread }) => {
        if (unread && hasBody) this.#answerUnread(request, response, answer, expectsContinue)
        else this.#answer(response, answer, exchange)
      },
      destroy: () => socket.destroy(),
    })
    let isOver = false
    const end = (): void => {
      if (isOver) return
      isOver = true
      exchange.end()
      this.#next(socket, turns)
    }
    turns.end = end
    response.on('error', () => {})
    response.on('close', end)
    // A connection that closed while this request waited its turn has told so already.
    if (response.destroyed || socket.destroyed) end()
    else exchange.start()
  }

  #answer(response: ServerResponse, answer: WireResponse, exchange: Exchange): void {
    const { body } = answer
    const headers: Record<string, string | number> = { ...answer.headers }
    if (this.#desk.stopping) headers['connection'] = 'close'
    if (!isPieces(body)) {
      response.writeHead(answer.status, headers)
      writeEvents(response, body, exchange).catch((error: unknown) => {
        // Nothing can be said any more but by breaking off: the reader must not take this for the end.
        this.#desk.logger.debug('an event stream broke off', { requestId: exchange.id, error })
        exchange.cancel()
        response.destroy()
      })
      return
    }
    headers['content-length'] = totalBytes(body)
    response.writeHead(answer.status, headers)
    const [only] = body
    if (body.length <= 1) {
      // As text, a small answer is written in one piece with its headers.
      if (only !== undefined && only.length <= ONE_PIECE_BYTES) response.end(latin1(only), 'latin1')
      else response.end(only)
      return
    }
    response.cork()
    for (const piece of body) response.write(piece)
    response.uncork()
    response.end()
  }

  /**
   * Answers a request whose body we do not want, and closes. Closing at once would make the kernel reset the
   * connection, and its sender, still sending, would never see the answer: so a little more is read and thrown away.
   */
  #answerUnread(request: IncomingMessage, response: ServerResponse, answer: WireResponse, nothingSent: boolean): void {
    response.writeHead(answer.status, { ...answer.headers, connection: 'close' })
    response.flushHeaders()
    if (isPieces(answer.body)) for (const piece of answer.body) response.write(piece)
    if (nothingSent) {
      response.end()
      return
    }
    const lingering = this.#desk.deadlines.start(this.#desk.limits.lingerMs, () => response.end())
    request.once('end', () => {
      lingering.cancel()
      response.end()
    })
    request.once('close', () => lingering.cancel())
    request.resume()
  }

  /** What is no HTTP gets a status and a close. Never inside another answer of the connection: then only the close. */
  #answerNonsense(error: NodeJS.ErrnoException, socket: Duplex): void {
    const turns = this.#turns.get(socket)
    if (!socket.writable || turns?.busy === true) {
      socket.destroy()
      return
    }
    const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400
    socket.on('error', () => {})
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
      socket.destroy(),
    )
  }
}

function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}

/** For a request that never reaches the dispatcher: its connection is not used again. */
function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close', 'content-length': 0 }).end()
}

/** What a request that waits takes at most: all of it, but of its body only what Node reads unasked. */
function waitingBytes({ url = '', rawHeaders, headers, readableHighWaterMark }: IncomingMessage): number {
  let bytes = REQUEST_BYTES + url.length
  for (const text of rawHeaders) bytes += text.length
  const bodyBytes = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity
  return bytes + Math.min(bodyBytes, readableHighWaterMark + READ_BYTES)
}

/** Lower-case names; repeated ones joined, so that two `Host` headers are seen as what they are. */
function headersOf(request: IncomingMessage): Record<string, string> {
  const { rawHeaders, headers: made } = request
  // Node has made them already; it differs only where a name is repeated, and has a list for this one.
  if (Object.keys(made).length * 2 === rawHeaders.length && made['set-cookie'] === undefined)
    return made as Record<string, string>
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    const value = rawHeaders[i + 1] ?? ''
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before},${value}`
  }
  return headers
}
