/** What a `KinesisClient` and its calls can be told. Every member says what happens when it is left out. */
import type { Codec } from '@millrace/protocol'
import type { Clock, Logger, Random } from '@millrace/std'
import type { Credentials, CredentialsProvider } from './credentials/credentials.ts'
import type { RetryOptions } from './retry/retry-options.ts'
import type { HttpVersion } from './transport/open-transport.ts'
import type { ProxySettings } from './transport/proxy-settings.ts'
import type { Transport, TransportTimeouts } from './transport/transport.ts'

export interface KinesisClientOptions {
  /** Such as `http://localhost:4567`. Required: this client never guesses where records go. */
  readonly endpoint: string | URL
  /** Goes into the signature. Required. */
  readonly region: string
  /** Fixed keys, or a provider that is asked again shortly before its keys expire. Required. */
  readonly credentials: Credentials | CredentialsProvider
  /** The encoding of bodies. Default `json`; `cbor` spares the base64 of record data. */
  readonly codec?: Codec
  /**
   * `auto`: HTTP/1.1 on `http:`, what TLS agrees on (h2 preferred) on `https:`. `2` on `http:` speaks HTTP/2 with
   * prior knowledge. Default `auto`.
   */
  readonly httpVersion?: HttpVersion
  /** Retry settings, or `none`: every call is one request. Default: those of `RetryOptions`. */
  readonly retry?: RetryOptions | 'none'
  /** Time for one call with all its attempts, in ms. Default 60,000. */
  readonly timeoutMs?: number
  readonly timeouts?: Partial<TransportTimeouts>
  /** Certificates to trust besides Node's own, in PEM. Default: none. */
  readonly ca?: string
  /** Default: no proxy. */
  readonly proxy?: ProxySettings
  /** Connections over HTTP/1.1 to the endpoint; subscriptions have others beside them, one each. Default 64. */
  readonly maxSockets?: number
  /** Longest body of an answer to accept, in bytes. Default 64 MiB: GetRecords gives up to 10 MiB, in base64 14 MiB. */
  readonly responseBytesMax?: number
  /** Replaces the network; the connection options above then have no effect. It is not closed with the client. */
  readonly transport?: Transport
  readonly clock?: Clock
  readonly random?: Random
  /** Default: silent. */
  readonly logger?: Logger
  /** Put before ours in `user-agent`, such as `orders/1.2`. */
  readonly userAgent?: string
}

export interface CallOptions {
  /** Aborts the call; a request already under way may still have been carried out. */
  readonly signal?: AbortSignal
  /** Time for this call with all its attempts, in ms from now. Default: the client's. */
  readonly timeoutMs?: number
  /** The same as a point on `clock.monotonic()`; the earlier of the two counts. */
  readonly deadlineMs?: number
  /**
   * `none`: this call is one request. `unless-throttled`: its caller hears of throttling at once, and sets a pace by it; else as the client's
   * setting. Default: the client's setting.
   */
  readonly retry?: 'none' | 'unless-throttled'
}
