/**
 * The client: operations as data in, typed answers out, over any Kinesis endpoint. This file is the life of one call:
 * encode once, then per attempt credentials, signature, exchange, decoding; everything else is a part it is made of.
 */
import {
  type Codec,
  decodeResponse,
  decodeSubscribeToShardEvent,
  encodeRequest,
  type Operation,
  SigningKeyCache,
  SubscribeToShard,
  type SubscribeToShardEvent,
  type SubscribeToShardInput,
} from '@millrace/protocol'
import { type Clock, silentLogger, systemClock, systemRandom, type Random } from '@millrace/std'
import { CallScope } from './call-scope.ts'
import type { CallOptions, KinesisClientOptions } from './client-options.ts'
import { ClockSkew } from './clock-skew.ts'
import { CachedCredentials } from './credentials/cached-credentials.ts'
import type { Credentials } from './credentials/credentials.ts'
import { CredentialsError, KinesisTransportError, SettingsError } from './errors.ts'
import { type EventStreamEvent, readEventStream } from './event-stream.ts'
import { defineOperationMethods, type OperationMethods } from './operation-methods.ts'
import { nextPageOf } from './paging.ts'
import { codecOf, readRefusal } from './refusal.ts'
import { invocationId, signedRequest } from './request.ts'
import { isExpiredToken, maybeClockSkew } from './retry/failure.ts'
import { type AttemptResult, Retrier } from './retry/retrier.ts'
import { defaultRetryOptions } from './retry/retry-options.ts'
import { collectBody } from './transport/body.ts'
import { openTransport } from './transport/open-transport.ts'
import { clientClosed } from './transport/slots.ts'
import type { ExchangeOptions, HttpAnswer, Transport } from './transport/transport.ts'

const TIMEOUT_MS = 60_000
/** Today's key, yesterday's, and those of keys that were renewed. */
const SIGNING_KEYS_MAX = 4
/** GetRecords gives at most 10 MiB of data: 14 MiB in base64, and keys of up to 10,000 records beside it. */
const RESPONSE_BYTES_MAX = 64 * 1024 * 1024

// The methods of OperationMethods are put on the prototype below.
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export interface KinesisClient extends OperationMethods {}

/**
 * ```ts
 * const client = new KinesisClient({ endpoint: 'http://localhost:4567', region: 'us-east-1', credentials })
 * await client.putRecord({ StreamName: 'orders', PartitionKey: 'a', Data: new Uint8Array([1]) })
 * await client.close()
 * ```
 */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export class KinesisClient implements AsyncDisposable {
  readonly endpoint: URL
  readonly region: string
  readonly #codec: Codec
  readonly #credentials: CachedCredentials
  readonly #signingKeys = new SigningKeyCache(SIGNING_KEYS_MAX)
  readonly #skew: ClockSkew
  readonly #retrier: Retrier
  readonly #maxAttempts: number
  readonly #once: boolean
  readonly #transport: Transport
  readonly #ownsTransport: boolean
  readonly #timeoutMs: number
  readonly #responseBytesMax: number
  readonly #userAgent: string
  readonly #clock: Clock
  readonly #random: Random
  /** Event streams being read. */
  readonly #streams = new Set<CallScope>()
  #closed = false

  /** Throws a `SettingsError` for an endpoint or a region that cannot be one. */
  constructor(options: KinesisClientOptions) {
    this.endpoint = endpointUrl(options.endpoint)
    if (!/^[A-Za-z0-9-]+$/.test(options.region))
      throw new SettingsError(`Expected a region such as us-east-1, found "${options.region}".`)
    this.region = options.region
    const clock = (this.#clock = options.clock ?? systemClock)
    const logger = options.logger ?? silentLogger
    this.#random = options.random ?? systemRandom
    this.#codec = options.codec ?? 'json'
    this.#credentials = new CachedCredentials(options.credentials, clock, logger)
    this.#skew = new ClockSkew(clock)
    this.#once = options.retry === 'none'
    const retry = options.retry === 'none' ? { maxAttempts: 1 } : options.retry
    const retryOptions = { ...defaultRetryOptions, ...retry }
    this.#maxAttempts = retryOptions.maxAttempts
    this.#retrier = new Retrier(retryOptions, clock, this.#random, logger)
    this.#ownsTransport = options.transport === undefined
    this.#transport = options.transport ?? openTransport({ ...options, clock })
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
    this.#responseBytesMax = options.responseBytesMax ?? RESPONSE_BYTES_MAX
    this.#userAgent = options.userAgent === undefined ? 'millrace-client' : `${options.userAgent} millrace-client`
  }

  /** What the service's clock shows, by the `Date` of its last answer, to a second or so, ms since the epoch. Before there was one: what ours shows. */
  serviceTimeMs(): number {
    return this.#skew.serviceTimeMs()
  }

  /**
   * Calls one operation. Rejects with a `KinesisServiceError` when the service refuses, a `KinesisTransportError`
   * when there is no answer, and a `CredentialsError` when there is nothing to sign with.
   */
  async send<I, O>(operation: Operation<I, O>, input: I, options: CallOptions = {}): Promise<O> {
    const body = encodeRequest(operation, this.#codec, input)
    const scope = this.#openScope(operation.name, options)
    try {
      return await this.#call(operation, this.#codec, body, scope, options, (answer) => this.#output(operation, answer))
    } finally {
      scope.close()
    }
  }

  /**
   * Calls an operation that answers with an event stream, and gives its events as they come, the initial response
   * left out. `timeoutMs` and retries apply until the stream has begun; from then on an error ends the iteration: an
   * exception inside the stream as a `KinesisServiceError`, silence and broken connections as a
   * `KinesisTransportError`. Leaving the loop ends the exchange. The request is JSON whatever the client's codec:
   * AWS answers this call in CBOR with 500 (KINESIS.md, section 4).
   */
  async *sendEventStream<I, O>(
    operation: Operation<I, O>,
    input: I,
    options: CallOptions = {},
  ): AsyncGenerator<EventStreamEvent, void, undefined> {
    const body = encodeRequest(operation, 'json', input)
    const scope = this.#openScope(operation.name, options)
    this.#streams.add(scope)
    try {
      const answer = await this.#call(operation, 'json', body, scope, { ...options, isLasting: true }, (opened) =>
        Promise.resolve(opened),
      )
      scope.dropDeadline()
      yield* readEventStream(operation.name, answer, this.endpoint.origin)
    } catch (error) {
      throw error instanceof KinesisTransportError ? scope.explain(error) : error
    } finally {
      this.#streams.delete(scope)
      scope.close()
    }
  }

  /**
   * The events of a subscription of a registered consumer to a shard: five minutes at most, then it has to be called
   * again, from the last `ContinuationSequenceNumber` on. The last event of a closed shard has `ChildShards` instead.
   * Errors are those of `sendEventStream`.
   */
  async *subscribeToShard(
    input: SubscribeToShardInput,
    options: CallOptions = {},
  ): AsyncGenerator<SubscribeToShardEvent, void, undefined> {
    for await (const { type, payload } of this.sendEventStream(SubscribeToShard, input, options))
      if (type === 'SubscribeToShardEvent') yield this.#event(payload)
  }

  /** The pages of ListShards, ListStreams, ListStreamConsumers or DescribeStream, each asked for when the one before has been taken. */
  async *pages<I, O>(
    operation: Operation<I, O>,
    input: I,
    options: CallOptions = {},
  ): AsyncGenerator<O, void, undefined> {
    const next = nextPageOf(operation)
    for (let page: I | undefined = input; page !== undefined;) {
      const output: O = await this.send(operation, page, options)
      yield output
      page = next(page, output)
    }
  }

  /**
   * Calls begun later are refused, event streams end with `client-closed`; resolves when the calls under way are over.
   * Closing twice is fine.
   */
  async close(): Promise<void> {
    this.#closed = true
    for (const scope of this.#streams) scope.clientClosed()
    if (this.#ownsTransport) await this.#transport.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #openScope(operation: string, options: CallOptions): CallScope {
    if (this.#closed) throw clientClosed()
    return new CallScope(operation, options, this.#timeoutMs, this.#clock)
  }

  #call<T>(
    { name: operation, target }: Pick<Operation, 'name' | 'target'>,
    codec: Codec,
    body: Uint8Array,
    scope: CallScope,
    options: CallOptions & Pick<ExchangeOptions, 'isLasting'>,
    consume: (answer: HttpAnswer) => Promise<T>,
  ): Promise<T> {
    const invocation = invocationId(this.#random)
    return this.#retrier.run(
      {
        operation,
        readOnly: /^(?:Describe|Get|List|SubscribeTo)/.test(operation),
        deadlineMs: scope.deadlineMs,
        signal: scope.signal,
        once: this.#once || options.retry === 'none',
        unlessThrottled: options.retry === 'unless-throttled',
      },
      async (attempt): Promise<AttemptResult<T>> => {
        try {
          const credentials = await this.#credentials.get(scope.signal)
          const request = signedRequest({
            target,
            codec,
            body,
            credentials,
            endpoint: this.endpoint,
            region: this.region,
            keys: this.#signingKeys,
            timeMs: this.#skew.signingTimeMs(),
            userAgent: this.#userAgent,
            invocation,
            attempt,
            maxAttempts: this.#maxAttempts,
          })
          const answer = await this.#transport.exchange(request, { signal: scope.signal, isLasting: options.isLasting })
          this.#skew.note(answer.headers['date'])
          if (answer.status === 200) return { value: await consume(answer) }
          return await this.#refused(operation, attempt, answer, credentials)
        } catch (error) {
          if (error instanceof KinesisTransportError)
            return { failure: { error: scope.explain(error), class: error.retryable ? 'transient' : 'final' } }
          if (error instanceof CredentialsError)
            return { failure: { error, class: error.retryable ? 'transient' : 'final' } }
          throw error
        }
      },
    )
  }

  async #refused(
    operation: string,
    attempt: number,
    answer: HttpAnswer,
    credentials: Credentials,
  ): Promise<AttemptResult<never>> {
    const refusal = await readRefusal(operation, attempt, answer, this.endpoint.origin, this.#clock)
    const { type } = refusal.error
    if (isExpiredToken(type) && this.#credentials.reject(credentials))
      return { failure: { ...refusal, class: 'corrected' } }
    if (maybeClockSkew(type) && this.#skew.correct(answer.headers['date']))
      return { failure: { ...refusal, class: 'corrected' } }
    return { failure: refusal }
  }

  #event(payload: Uint8Array): SubscribeToShardEvent {
    try {
      return decodeSubscribeToShardEvent(payload)
    } catch (cause) {
      throw new KinesisTransportError(
        'malformed',
        `Expected an event of SubscribeToShard, found ${payload.length} bytes that are none: ` +
          `is ${this.endpoint.origin} a Kinesis endpoint?`,
        { outcome: 'unknown', cause },
      )
    }
  }

  async #output<I, O>(operation: Operation<I, O>, answer: HttpAnswer): Promise<O> {
    const { origin } = this.endpoint
    const bytes = await collectBody(answer.body, answer.headers['content-length'], this.#responseBytesMax, origin)
    const contentType = answer.headers['content-type'] ?? 'none'
    try {
      return decodeResponse(operation, codecOf(contentType) ?? this.#codec, bytes)
    } catch (cause) {
      throw new KinesisTransportError(
        'malformed',
        `Expected the answer of ${operation.name}, found ${bytes.length} bytes of type ${contentType} that are none: ` +
          `is ${origin} a Kinesis endpoint?`,
        { outcome: 'unknown', cause },
      )
    }
  }
}

defineOperationMethods(KinesisClient.prototype)

function endpointUrl(endpoint: string | URL): URL {
  const url = URL.canParse(String(endpoint)) ? new URL(endpoint) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.host === '')
    throw new SettingsError(`Expected an endpoint such as http://localhost:4567, found "${String(endpoint)}".`)
  if (url.username !== '' || url.password !== '')
    throw new SettingsError(`Expected keys to be given as credentials, found some in the endpoint for ${url.host}.`)
  return url
}
