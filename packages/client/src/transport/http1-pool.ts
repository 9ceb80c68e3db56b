/**
 * Keep-alive connections to one origin over HTTP/1.1. Node's agent keeps and reuses them; how many exchanges run at
 * a time is counted here, because the agent does not count connections that are still being opened.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { KinesisTransportError, type Outcome } from '../errors.ts'
import { bodyOf } from './body.ts'
import { errorCode, openConnection, portOf, reason } from './connection.ts'
import type { OriginPool, PoolSettings } from './origin-pool.ts'
import { bareHost } from './proxy-settings.ts'
import { clientClosed, Slots } from './slots.ts'
import type { ExchangeOptions, HttpAnswer, HttpRequest } from './transport.ts'

/** Idle connections are given up after this time: load balancers drop them silently after a minute or so. */
const IDLE_SOCKET_MS = 50_000

export class Http1Pool implements OriginPool {
  readonly #origin: URL
  readonly #settings: PoolSettings
  readonly #agent: ConnectingAgent
  readonly #slots: Slots
  readonly #running = new Set<ClientRequest>()
  #closed = false

  /** `first`: a connection that is already open, used before others are opened. */
  constructor(origin: URL, settings: PoolSettings, first?: Socket) {
    this.#origin = origin
    this.#settings = settings
    this.#slots = new Slots(settings.maxSockets)
    this.#agent = new ConnectingAgent(origin, settings, first)
  }

  async exchange(request: HttpRequest, options: ExchangeOptions): Promise<HttpAnswer> {
    if (this.#closed) throw clientClosed()
    await this.#slots.take(options.signal)
    let held = true
    const release = (): void => {
      if (held) this.#slots.give()
      held = false
    }
    try {
      const answer = await this.#send(request, options)
      answer.once('close', release)
      return {
        status: answer.statusCode ?? 0,
        headers: flatHeaders(answer.headers),
        body: bodyOf(answer, {
          clock: this.#settings.clock,
          silenceTimeoutMs: options.silenceTimeoutMs ?? this.#settings.timeouts.silenceTimeoutMs,
          origin: this.#origin.origin,
          signal: options.signal,
          isWhole: () => answer.complete,
        }),
      }
    } catch (error) {
      release()
      throw error
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#slots.refuseWaiting(clientClosed())
    await Promise.all([...this.#running].map((request) => new Promise((resolve) => request.once('close', resolve))))
    this.#agent.destroy()
  }

  #send(request: HttpRequest, options: ExchangeOptions): Promise<IncomingMessage> {
    const { clock, timeouts } = this.#settings
    const { signal } = options
    const origin = this.#origin.origin
    const responseTimeoutMs = options.responseTimeoutMs ?? timeouts.responseTimeoutMs
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({
        agent: this.#agent,
        method: request.method,
        host: bareHost(this.#origin),
        port: portOf(this.#origin),
        path: request.url.pathname + request.url.search,
        headers: { ...request.headers, 'content-length': request.body.length },
        setHost: request.headers['host'] === undefined,
      })
      this.#running.add(outgoing)
      let timer: { cancel(): void } | undefined
      let reached = false
      const cleanUp = (): void => {
        timer?.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const fail = (error: KinesisTransportError): void => {
        cleanUp()
        reject(error)
        outgoing.destroy(error)
      }
      const outcome = (): Outcome => (reached ? 'unknown' : 'not-done')
      const onAbort = (): void =>
        fail(
          new KinesisTransportError('aborted', `Aborted by the caller before ${origin} answered.`, {
            outcome: outcome(),
            cause: signal?.reason,
          }),
        )
      outgoing.once('socket', () => {
        reached = true
        timer = clock.setTimer(
          responseTimeoutMs,
          () =>
            fail(
              new KinesisTransportError('timeout', `${origin} did not answer within ${responseTimeoutMs} ms.`, {
                outcome: 'unknown',
              }),
            ),
          { unref: true },
        )
      })
      outgoing.once('response', (answer) => {
        cleanUp()
        resolve(answer)
      })
      outgoing.on('error', (cause) => fail(this.#failure(cause, outgoing, outcome())))
      outgoing.once('close', () => this.#running.delete(outgoing))
      signal?.addEventListener('abort', onAbort, { once: true })
      if (signal?.aborted === true) onAbort()
      else outgoing.end(request.body)
    })
  }

  #failure(cause: Error, outgoing: ClientRequest, outcome: Outcome): KinesisTransportError {
    if (cause instanceof KinesisTransportError) return cause
    const { origin } = this.#origin
    if (errorCode(cause).startsWith('HPE_'))
      return new KinesisTransportError(
        'malformed',
        `${origin} does not answer in HTTP/1.1 (${reason(cause)}): check the scheme and port of the endpoint.`,
        { outcome, cause },
      )
    return new KinesisTransportError(
      'closed',
      `${origin} closed the connection before it answered: ${reason(cause)}.`,
      {
        outcome,
        reusedConnection: outgoing.reusedSocket,
        cause,
      },
    )
  }
}

/** Node's pool of sockets, given our way of opening them. It never sees TLS or a proxy: sockets arrive ready. */
class ConnectingAgent extends Agent {
  readonly #origin: URL
  readonly #settings: PoolSettings
  #first: Socket | undefined

  constructor(origin: URL, settings: PoolSettings, first: Socket | undefined) {
    super({ keepAlive: true, maxFreeSockets: settings.maxSockets, timeout: IDLE_SOCKET_MS, scheduling: 'lifo' })
    this.#origin = origin
    this.#settings = settings
    this.#first = first
  }

  override createConnection(_options: unknown, callback?: (error: Error | null, socket: Duplex) => void): undefined {
    const first = this.#first?.ref()
    this.#first = undefined
    const ready =
      first === undefined || first.destroyed
        ? openConnection(this.#origin, ['http/1.1'], this.#settings, this.#settings.timeouts.connectTimeoutMs)
        : Promise.resolve(first)
    ready.then(
      (socket) => callback?.(null, socket),
      (error: Error) => callback?.(error, undefined as never),
    )
    return undefined
  }

  override destroy(): void {
    this.#first?.destroy()
    super.destroy()
  }
}

export function flatHeaders(headers: Readonly<Record<string, string | readonly string[] | number | undefined>>) {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !name.startsWith(':'))
      flat[name] = Array.isArray(value) ? value.join(', ') : String(value)
  return flat
}
