/**
 * One port for everything: HTTP/1.1, HTTP/2 with prior knowledge, and TLS with ALPN for both, told apart by their
 * first bytes. It knows sockets, phases and bounds (limits.ts), and hands complete requests to a `Dispatch`; it has
 * never heard of Kinesis.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'

import type { Clock, Logger, Random } from '@millrace/std'

import { AnswerBudget } from './answer-budget.ts'
import { BodyBudget } from './body-budget.ts'
import { DEADLINE_TICK_MS, Deadlines } from './deadlines.ts'
import type { Desk } from './exchange.ts'
import { type Protocol, readFirstBytes } from './first-bytes.ts'
import { Http1 } from './http1.ts'
import { Http2 } from './http2.ts'
import { QuickHttp1 } from './quick-http1.ts'
import type { FrontDoorLimits } from './limits.ts'
import { RequestIds } from './request-ids.ts'
import type { Dispatch } from './wire.ts'

export interface TlsIdentity {
  /** PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

export interface ListenerOptions {
  /** `localhost` listens on 127.0.0.1 and, where there is one, on ::1. */
  readonly host: string
  /** 0: any free port, the same on every address. */
  readonly port: number
  readonly dispatch: Dispatch
  readonly limits: FrontDoorLimits
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Asked for once, when the first client speaks TLS. */
  readonly tlsIdentity: () => Promise<TlsIdentity>
}

/** What the listener holds at this moment, for metrics. */
export interface ListenerGauges {
  readonly connections: number
  readonly requests: number
  readonly bodyBytes: number
  /** Of answers that wait for their readers. */
  readonly answerBytes: number
}

/** How often another port is tried when the one that was free on IPv4 is taken on IPv6. */
const PORT_TRIES = 10

export class Listener implements AsyncDisposable {
  readonly #options: ListenerOptions
  readonly #desk: Desk
  readonly #http1: Http1
  readonly #quick: QuickHttp1
  readonly #http2: Http2
  readonly #connections = new Set<Socket>()
  /** Those of them that have not yet said what they speak. */
  readonly #undecided = new Set<Socket>()
  #servers: readonly Server[] = []
  #tls: Promise<TlsServer> | undefined
  #closed: Promise<void> | undefined
  #drained: (() => void) | undefined

  /** Resolves when the port is open. Rejects with a sentence when it cannot be had. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options)
    await listener.#listen()
    return listener
  }

  private constructor(options: ListenerOptions) {
    const { limits, clock, random, logger, dispatch } = options
    this.#options = options
    this.#desk = {
      dispatch,
      limits,
      clock,
      logger,
      deadlines: new Deadlines(clock, Math.min(DEADLINE_TICK_MS, ...shortPhases(limits))),
      budget: new BodyBudget({
        bytesMax: limits.bodiesBytesMax,
        pipelinedBytesMax: limits.pipelinedBytesMax,
        waitMs: limits.bodiesWaitMs,
        clock,
      }),
      answers: new AnswerBudget({ bytesMax: limits.answersBytesMax, waitMs: limits.answersWaitMs, clock }),
      ids: new RequestIds(random),
      inFlight: 0,
      eventStreams: new Set(),
      stopping: false,
      onQuiet: () => this.#closeQuiet(),
    }
    this.#http1 = new Http1(this.#desk)
    this.#quick = new QuickHttp1(this.#desk, (socket) => this.#handOver(socket))
    this.#http2 = new Http2(this.#desk)
  }

  get port(): number {
    return this.addresses[0]?.port ?? 0
  }

  get addresses(): readonly AddressInfo[] {
    return this.#servers.flatMap((server) => {
      const address = server.address()
      return address === null || typeof address === 'string' ? [] : [address]
    })
  }

  gauges(): ListenerGauges {
    return {
      connections: this.#connections.size,
      requests: this.#desk.inFlight,
      bodyBytes: this.#desk.budget.bytes,
      answerBytes: this.#desk.answers.bytes,
    }
  }

  /**
   * Accepts no more, ends event streams, lets requests in flight finish (at most `drainMs`), and closes every connection. Twice is fine.
   */
  close(): Promise<void> {
    return (this.#closed ??= this.#drain())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #drain(): Promise<void> {
    const { clock, limits } = this.#options
    this.#desk.stopping = true
    const unbound = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)))
    const drained = new Promise<void>((resolve) => (this.#drained = resolve))
    const timer = clock.setTimer(limits.drainMs, () => this.#destroyAll())
    for (const socket of this.#undecided) socket.destroy()
    this.#quick.stop()
    this.#http1.stop()
    this.#http2.stop()
    // They would go on for minutes. Their clients subscribe anew.
    for (const exchange of this.#desk.eventStreams) exchange.cancel()
    if (this.#desk.inFlight === 0) this.#closeQuiet()
    if (this.#connections.size > 0) await drained
    timer.cancel()
    await Promise.all(unbound)
    this.#http1.close()
  }

  /** No request is in flight: what stays open has nothing to say, once the last answers have left the sockets. */
  #closeQuiet(): void {
    this.#quick.stop()
    this.#http1.stop()
    this.#options.clock.setTimer(this.#options.limits.lingerMs, () => this.#destroyAll(), { unref: true })
  }

  #destroyAll(): void {
    for (const socket of this.#connections) socket.destroy()
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#options
    for (let attempt = 1; ; attempt++) {
      const servers: Server[] = []
      try {
        if (host === 'localhost') {
          const first = await this.#bind('127.0.0.1', port)
          servers.push(first)
          const { port: bound } = first.address() as AddressInfo
          const second = await this.#bind('::1', bound).catch(ifNoIpv6)
          if (second !== undefined) servers.push(second)
        } else servers.push(await this.#bind(host, port))
        this.#servers = servers
        return
      } catch (error) {
        for (const server of servers) server.close()
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        if (port === 0 && taken && attempt < PORT_TRIES) continue
        throw explained(error as NodeJS.ErrnoException, host, port)
      }
    }
  }

  async #bind(host: string, port: number): Promise<Server> {
    const server = createServer({ noDelay: true, allowHalfOpen: true })
    server.on('connection', (socket) => this.#accept(socket))
    server.listen({ host, port, exclusive: true })
    await once(server, 'listening')
    return server
  }

  #accept(socket: Socket): void {
    const { limits } = this.#options
    if (this.#connections.size >= limits.connectionsMax || this.#desk.stopping) {
      socket.destroy()
      return
    }
    this.#connections.add(socket)
    this.#undecided.add(socket)
    const firstBytes = this.#desk.deadlines.start(limits.firstBytesMs, () => socket.destroy())
    // A reset is told by `close`, which always follows.
    socket.on('error', () => {})
    socket.on('close', () => {
      firstBytes.cancel()
      this.#undecided.delete(socket)
      this.#connections.delete(socket)
      if (this.#connections.size === 0) this.#drained?.()
    })
    readFirstBytes(socket, (protocol) => {
      firstBytes.cancel()
      this.#undecided.delete(socket)
      this.#hand(socket, protocol)
    })
  }

  #hand(socket: Socket, protocol: Protocol): void {
    if (protocol === 'h1') {
      this.#quick.accept(socket)
      return
    }
    // Only HTTP/1.1 clients send and then close their half before the answer is there.
    socket.allowHalfOpen = false
    if (protocol === 'h2') {
      this.#http2.accept(socket)
      return
    }
    this.#tls ??= this.#openTls()
    this.#tls.then(
      (server) => {
        if (!socket.destroyed) server.emit('connection', socket)
      },
      () => socket.destroy(),
    )
  }

  /** What the quick reader does not know. */
  #handOver(socket: Socket): void {
    this.#http1.accept(socket)
    socket.resume()
  }

  async #openTls(): Promise<TlsServer> {
    const { logger, limits, tlsIdentity } = this.#options
    try {
      const { cert, key } = await tlsIdentity()
      const server = createTlsServer({
        cert,
        key,
        ALPNProtocols: ['h2', 'http/1.1'],
        handshakeTimeout: limits.tlsHandshakeMs,
      })
      server.on('secureConnection', (socket) => {
        socket.on('error', () => {})
        if (socket.alpnProtocol === 'h2') this.#http2.accept(socket)
        else this.#http1.accept(socket)
      })
      server.on('tlsClientError', (_error, socket) => socket.destroy())
      return server
    } catch (error) {
      logger.error('TLS cannot be served', { error })
      // The next client tries again: what is wrong may have been mended.
      this.#tls = undefined
      throw error
    }
  }
}

/** Tests use short phases; deadlines are then looked at as often as that needs. */
function shortPhases(limits: FrontDoorLimits): readonly number[] {
  return [limits.firstBytesMs, limits.headersMs, limits.bodyMs, limits.responseMs, limits.lingerMs].map((ms) => ms / 4)
}

function ifNoIpv6(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return undefined
  throw error
}

function explained(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const where = `port ${port} on ${host}`
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(`Cannot listen on ${where}: another process does. Stop it, or choose another with --port.`, {
        cause: error,
      })
    case 'EACCES':
      return new Error(`Cannot listen on ${where}: not permitted. Ports below 1024 need special rights.`, {
        cause: error,
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Error(`Cannot listen on ${where}: this machine has no such address.`, { cause: error })
    default:
      return new Error(`Cannot listen on ${where}: ${error.message}`, { cause: error })
  }
}
