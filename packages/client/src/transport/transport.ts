/**
 * The port between the client and the network: one HTTP exchange at a time, whole request in, status and a body to
 * be read out. A transport pools connections and knows nothing of Kinesis, signatures or retries; it tells a failure
 * before anything was sent from one after, because only that says whether a repetition can double a record.
 */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly url: URL
  /** Lower-case names, without `content-length` and `connection`. `host` may be there and must match the URL. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface ExchangeOptions {
  readonly signal?: AbortSignal | undefined
  /** From having a connection to the status line, in ms; sending the body is part of it. Default: the transport's. */
  readonly responseTimeoutMs?: number
  /** Silence inside the body after which the exchange fails, in ms. Default: the transport's. */
  readonly silenceTimeoutMs?: number
  /**
   * The answer is read for minutes, as a subscription is: it goes over connections of its own, and however many there are, other
   * exchanges wait for none of them. Default: false.
   */
  readonly isLasting?: boolean | undefined
}

export interface HttpAnswer {
  readonly status: number
  /** Lower-case names; repeated ones joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** Must be read to its end or left early with `return()`: the connection is held until then. Read it once. */
  readonly body: AsyncIterable<Uint8Array>
}

export interface Transport {
  /** Rejects with a `KinesisTransportError`; so does reading the body. */
  exchange(request: HttpRequest, options: ExchangeOptions): Promise<HttpAnswer>
  /** Ends idle connections at once, and the others when their exchange is over. Later exchanges are refused. */
  close(): Promise<void>
}

/** The time limits that apply where an exchange says nothing else, in ms. */
export interface TransportTimeouts {
  /** Name lookup, proxy, TCP and TLS together. */
  readonly connectTimeoutMs: number
  readonly responseTimeoutMs: number
  readonly silenceTimeoutMs: number
}

export const defaultTimeouts: TransportTimeouts = {
  connectTimeoutMs: 5_000,
  // A put of 10 MiB over a slow line, and a service that answers within its own 30 s.
  responseTimeoutMs: 30_000,
  // Subscriptions are never silent for more than 5 s; Java's clients give up after 10 s (KINESIS.md, section 15).
  silenceTimeoutMs: 20_000,
}
