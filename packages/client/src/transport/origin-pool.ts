/** What the HTTP/1.1 and the HTTP/2 pool have in common: connections to one origin, and exchanges over them. */
import type { ConnectionSettings } from './connection.ts'
import type { ExchangeOptions, HttpAnswer, HttpRequest, TransportTimeouts } from './transport.ts'

export interface OriginPool {
  exchange(request: HttpRequest, options: ExchangeOptions): Promise<HttpAnswer>
  close(): Promise<void>
}

export interface PoolSettings extends ConnectionSettings {
  readonly timeouts: TransportTimeouts
  /** Exchanges at a time over HTTP/1.1, each on its own connection. */
  readonly maxSockets: number
  /** Over HTTP/2; each carries many exchanges at a time. */
  readonly maxSessions: number
}
