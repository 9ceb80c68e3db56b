/**
 * HTTP/1.1 for the requests that clients of a data service send all day: read by request-head.ts, served one after the
 * other, answered in one write. A connection whose next request is anything else goes to `node:http` with all its
 * bytes, for good (docs/decisions/090): what is wrong, slow in its head or merely rare is treated there.
 */
import { EventEmitter } from 'node:events'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

import { giveBackAnswer } from '../memory/answer-memory.ts'
import { isPieces, totalBytes, writeEvents } from './answer-body.ts'
import { ChunkedWriter } from './chunked-writer.ts'
import { type BodyHold, READ_BYTES } from './body-budget.ts'
import type { Deadline } from './deadlines.ts'
import { type BodySource, type Desk, Exchange, type Incoming, peerOf } from './exchange.ts'
import { readHead, type RequestHead } from './request-head.ts'
import type { Peer, WireResponse } from './wire.ts'

const statusLines: ReadonlyMap<number, string> = new Map(
  Object.entries(STATUS_CODES).map(([status, words]) => [Number(status), `HTTP/1.1 ${status} ${words}\r\n`]),
)

/** Up to here an answer is copied rather than written as a piece of its own. */
const ONE_PIECE_BYTES = 1024

export class QuickHttp1 {
  readonly desk: Desk
  readonly connections = new Set<Connection>()
  /** Takes a paused connection whose bytes were put back. */
  readonly handOver: (socket: Socket) => void
  readonly #keepAlive: string
  #endingsS = 0
  #ending = ''
  #lastEnding = ''

  constructor(desk: Desk, handOver: (socket: Socket) => void) {
    this.desk = desk
    this.handOver = handOver
    const idleS = Math.floor(desk.limits.keepAliveIdleMs / 1000)
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${idleS}\r\n\r\n`
  }

  /** `socket` is paused, and what it has said so far is put back. */
  accept(socket: Socket): void {
    this.connections.add(new Connection(this, socket))
    socket.resume()
  }

  /** Connections without a request are closed now, the others after their answer. */
  stop(): void {
    for (const connection of this.connections) connection.stop()
  }

  /** What heads end in, made once a second. `isLast`: the connection is closed behind this answer. */
  ending(isLast: boolean): string {
    const nowMs = this.desk.clock.now()
    const nowS = Math.floor(nowMs / 1000)
    if (nowS !== this.#endingsS) {
      this.#endingsS = nowS
      const date = `Date: ${new Date(nowMs).toUTCString()}\r\n`
      this.#ending = `${date}${this.#keepAlive}`
      this.#lastEnding = `${date}Connection: close\r\n\r\n`
    }
    return isLast ? this.#lastEnding : this.#ending
  }
}

/** One connection. At most one of its requests is served; what comes behind it waits, and no more is read. */
class Connection {
  readonly #server: QuickHttp1
  readonly #socket: Socket
  readonly #idle: Deadline
  readonly #onData = (chunk: Buffer): void => this.#take(chunk)
  readonly #onEnd = (): void => this.#end()
  readonly #onClose = (): void => this.#close()
  readonly #onIdle = (): void => void this.#socket.destroy()
  readonly #onAnswered = (): void => this.#next()
  #request: QuickRequest | undefined
  /** Bytes behind those of the request; the socket is paused then. */
  #waiting: { readonly bytes: Buffer; readonly hold: BodyHold } | undefined
  /** It is closed after this answer. */
  #isLast = false

  constructor(server: QuickHttp1, socket: Socket) {
    this.#server = server
    this.#socket = socket
    const { deadlines, limits } = server.desk
    this.#idle = deadlines.start(limits.keepAliveIdleMs, this.#onIdle)
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onClose)
  }

  get peer(): Peer {
    return peerOf(this.#socket.remoteAddress, false)
  }

  stop(): void {
    if (this.#request === undefined) this.#socket.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  answer(request: QuickRequest, answer: WireResponse, unread: boolean): void {
    this.#isLast ||= unread || this.#server.desk.stopping
    const { body } = answer
    if (!isPieces(body)) {
      this.#answerEvents(request, answer, body)
      return
    }
    const socket = this.#socket
    const onWritten = unread ? () => this.#linger(request) : this.#onAnswered
    const head = this.#head(answer, `content-length: ${totalBytes(body)}`)
    const [only] = body
    if (body.length <= 1 && (only === undefined || only.length <= ONE_PIECE_BYTES)) {
      // As text, a small answer is one write with its head (bench: PutRecord).
      socket.write(only === undefined ? head : head + latin1(only), 'latin1', onWritten)
      return
    }
    socket.cork()
    socket.write(head, 'latin1')
    for (let i = 0; i < body.length - 1; i++) socket.write(body[i] as Uint8Array)
    socket.write(body[body.length - 1] as Uint8Array, (error) => {
      // All before it is written as well. Where it failed, nobody can tell what still looks at them; and Node names no
      // error for what was under way when this side destroyed the socket.
      if ((error === null || error === undefined) && !socket.destroyed) giveBackAnswer(body)
      onWritten()
    })
    socket.uncork()
  }

  #answerEvents(request: QuickRequest, answer: WireResponse, events: AsyncIterable<readonly Uint8Array[]>): void {
    const socket = this.#socket
    const { exchange } = request
    socket.write(this.#head(answer, 'transfer-encoding: chunked'), 'latin1')
    const writer = new ChunkedWriter(socket)
    writer.on('error', () => {})
    writer.on('finish', this.#onAnswered)
    const onClose = (): void => void writer.destroy()
    socket.once('close', onClose)
    writer.once('close', () => socket.off('close', onClose))
    writeEvents(writer, events, exchange).catch((error: unknown) => {
      // Nothing can be said any more but by breaking off: the reader must not take this for the end.
      this.#server.desk.logger.debug('an event stream broke off', { requestId: exchange.id, error })
      exchange.cancel()
      socket.destroy()
    })
  }

  #head({ status, headers }: WireResponse, framing: string): string {
    let text = statusLines.get(status) ?? `HTTP/1.1 ${status} \r\n`
    for (const name in headers) text += `${name}: ${headers[name]}\r\n`
    return `${text}${framing}\r\n${this.#server.ending(this.#isLast)}`
  }

  /**
   * An answer to a body that was not read is written. Closing at once would make the kernel reset the connection, and
   * its sender, still sending, would never see the answer: so a little more is read and thrown away.
   */
  #linger({ source }: QuickRequest): void {
    if (source === undefined || source.isComplete) {
      this.#next()
      return
    }
    const { deadlines, limits } = this.#server.desk
    const lingering = deadlines.start(limits.lingerMs, this.#onAnswered)
    source.once('end', this.#onAnswered)
    source.once('close', () => lingering.cancel())
    this.#socket.resume()
  }

  #take(chunk: Buffer): void {
    if (this.#request === undefined) this.#serve(chunk)
    else this.#keep(this.#request.source?.take(chunk) ?? chunk)
  }

  #serve(bytes: Buffer): void {
    const { desk } = this.#server
    const head = readHead(bytes, desk.limits.headerBytesMax)
    if (head === undefined || head.length > desk.limits.bodyBytesMax) {
      this.#leave(bytes)
      return
    }
    this.#idle.cancel()
    const end = head.end + head.length
    const isWhole = bytes.length >= end
    const body = bytes.subarray(head.end, end)
    const source = isWhole ? undefined : new PartialBody(this.#socket, head.length)
    const request = new QuickRequest(this, head, source)
    this.#request = request
    request.exchange = new Exchange(desk, request)
    request.exchange.start(isWhole ? body : undefined)
    if (source !== undefined) source.take(body)
    else if (bytes.length > end) this.#keep(bytes.subarray(end))
  }

  /** For later. Without room for it this answer is the last, and what comes meanwhile is thrown away as it comes. */
  #keep(bytes: Buffer): void {
    if (bytes.length === 0 || this.#isLast) return
    // All of what was read stays in memory with the part of it that waits. And a paused socket reads on, one read
    // beyond its high-water mark.
    const aheadBytes = this.#socket.readableHighWaterMark + READ_BYTES
    const hold = this.#server.desk.budget.keep(bytes.buffer.byteLength + aheadBytes)
    if (hold === undefined) {
      this.#isLast = true
      return
    }
    this.#waiting = { bytes, hold }
    this.#socket.pause()
  }

  /** The answer is written. */
  #next(): void {
    const request = this.#request
    if (request === undefined || this.#socket.destroyed) return
    this.#request = undefined
    request.end()
    if (this.#isLast || this.#server.desk.stopping) {
      // Nothing that still comes is a request, and a client that never closes keeps no connection.
      this.#forget()
      this.#socket.destroySoon()
      return
    }
    const waiting = this.#waiting
    if (waiting === undefined) {
      this.#idle.restart(this.#server.desk.limits.keepAliveIdleMs, this.#onIdle)
      return
    }
    this.#waiting = undefined
    waiting.hold.release()
    this.#serve(waiting.bytes)
    if (this.#waiting === undefined) this.#socket.resume()
  }

  #leave(bytes: Buffer): void {
    const socket = this.#socket
    this.#forget()
    socket.pause()
    socket.unshift(bytes)
    this.#server.handOver(socket)
  }

  /** The other side is going: nobody waits for an answer any more, as `node:http` sees it too. */
  #end(): void {
    this.#socket.end()
  }

  #close(): void {
    this.#forget()
    this.#request?.end()
  }

  #forget(): void {
    const socket = this.#socket
    this.#idle.cancel()
    this.#waiting?.hold.release()
    this.#server.connections.delete(this)
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('close', this.#onClose)
  }
}

class QuickRequest implements Incoming {
  readonly method = 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly source: PartialBody | undefined
  readonly proceed = undefined
  readonly #connection: Connection
  declare exchange: Exchange

  constructor(connection: Connection, head: RequestHead, source: PartialBody | undefined) {
    this.#connection = connection
    this.url = head.url
    this.headers = head.headers
    this.source = source
  }

  peer(): Peer {
    return this.#connection.peer
  }

  answer(response: WireResponse, { unread }: { readonly unread: boolean }): void {
    this.#connection.answer(this, response, unread)
  }

  destroy(): void {
    this.#connection.destroy()
  }

  end(): void {
    this.source?.emit('close')
    this.exchange.end()
  }
}

/** A body that comes in pieces: emits `data`, then `end`, or `close` without it. */
class PartialBody extends EventEmitter implements BodySource {
  readonly #socket: Socket
  #missing: number

  constructor(socket: Socket, length: number) {
    super()
    this.#socket = socket
    this.#missing = length
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  /** Returns what is not of this body any more. */
  take(chunk: Buffer): Buffer {
    const taken = Math.min(this.#missing, chunk.length)
    if (taken === 0) return chunk
    this.#missing -= taken
    // Looked at first: whoever takes the piece may free its memory.
    const rest = chunk.subarray(taken)
    this.emit('data', taken === chunk.length ? chunk : chunk.subarray(0, taken))
    if (this.#missing === 0) this.emit('end')
    return rest
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }
}

function latin1(bytes: Uint8Array): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString('latin1')
}
