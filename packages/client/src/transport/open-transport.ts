/**
 * The transport over Node's sockets: a pool per origin, whose HTTP version is the one that was asked for or that TLS
 * agrees on. Nothing it holds keeps the process alive while no exchange is under way.
 */
import { type Clock, untilAborted } from '@millrace/std'
import { openConnection, secureContextFor } from './connection.ts'
import { Http1Pool } from './http1-pool.ts'
import { Http2Pool } from './http2-pool.ts'
import type { OriginPool, PoolSettings } from './origin-pool.ts'
import type { ProxySettings } from './proxy-settings.ts'
import { abortedBeforeSending, clientClosed } from './slots.ts'
import {
  defaultTimeouts,
  type ExchangeOptions,
  type HttpAnswer,
  type HttpRequest,
  type Transport,
  type TransportTimeouts,
} from './transport.ts'

export type HttpVersion = 'auto' | '1.1' | '2'

export interface TransportOptions {
  readonly clock: Clock
  readonly httpVersion?: HttpVersion
  readonly timeouts?: Partial<TransportTimeouts>
  readonly ca?: string
  readonly proxy?: ProxySettings
  readonly maxSockets?: number
}

const MAX_SOCKETS = 64
const MAX_SESSIONS = 4
/** Beyond, a subscription waits for the end of another one, until its call is over: who reads more shards has more workers. */
const LASTING = { maxSockets: 4_096, maxSessions: 40 }

export function openTransport(options: TransportOptions): Transport {
  return new NodeTransport(options)
}

class NodeTransport implements Transport {
  readonly #httpVersion: HttpVersion
  readonly #settings: PoolSettings
  /** One entry per endpoint the owner talks to, and another one for its exchanges that last: two or three. */
  readonly #pools = new Map<string, Promise<OriginPool>>()
  #closed = false

  constructor(options: TransportOptions) {
    this.#httpVersion = options.httpVersion ?? 'auto'
    this.#settings = {
      clock: options.clock,
      proxy: options.proxy,
      secureContext: secureContextFor(options.ca),
      timeouts: { ...defaultTimeouts, ...options.timeouts },
      maxSockets: options.maxSockets ?? MAX_SOCKETS,
      maxSessions: MAX_SESSIONS,
    }
  }

  async exchange(request: HttpRequest, options: ExchangeOptions): Promise<HttpAnswer> {
    if (this.#closed) throw clientClosed()
    const pool = await untilAborted(this.#poolFor(request.url, options.isLasting), options.signal, abortedBeforeSending)
    return pool.exchange(request, options)
  }

  async close(): Promise<void> {
    this.#closed = true
    const pools = await Promise.allSettled(this.#pools.values())
    this.#pools.clear()
    await Promise.all(pools.map((pool) => (pool.status === 'fulfilled' ? pool.value.close() : undefined)))
  }

  #poolFor({ origin }: URL, isLasting = false): Promise<OriginPool> {
    const key = isLasting ? `${origin} lasting` : origin
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    const pool = this.#openPool(new URL(origin), isLasting ? { ...this.#settings, ...LASTING } : this.#settings)
    this.#pools.set(key, pool)
    // An origin that could not be asked is asked again next time.
    pool.catch(() => this.#pools.delete(key))
    return pool
  }

  async #openPool(origin: URL, settings: PoolSettings): Promise<OriginPool> {
    if (this.#httpVersion === '2') return new Http2Pool(origin, settings)
    if (this.#httpVersion === '1.1' || origin.protocol !== 'https:') return new Http1Pool(origin, settings)
    const socket = await openConnection(origin, ['h2', 'http/1.1'], settings, settings.timeouts.connectTimeoutMs)
    // Nobody may come for it: whoever asked first may have given up meanwhile.
    socket.unref()
    const agreed = 'alpnProtocol' in socket ? socket.alpnProtocol : false
    return agreed === 'h2' ? new Http2Pool(origin, settings, socket) : new Http1Pool(origin, settings, socket)
  }
}
