/**
 * What a call can fail with. Two questions matter to a handler: is it worth trying again, and may the service have
 * done it already? Messages say what was tried and where; never a payload, a signature or a secret.
 */

/**
 * `not-done`: the service has not carried the call out, in no attempt, so that doing it again cannot double it.
 * `unknown`: it may have.
 */
export type Outcome = 'not-done' | 'unknown'

/** The service answered, and the answer is an error. */
export class KinesisServiceError extends Error {
  override readonly name = 'KinesisServiceError'
  /** The wire's name of the error, such as `ResourceNotFoundException`. */
  readonly type: string
  /** HTTP status; 200 for an exception that arrived inside an event stream. */
  readonly status: number
  /** Whether the same call may succeed later: throttling and failures of the service, never a refusal. */
  readonly retryable: boolean
  /** `x-amzn-RequestId` of the last attempt, if the answer carried one. */
  readonly requestId: string | undefined
  readonly operation: string
  readonly outcome: Outcome
  /** How many requests were sent for this call, the last one included. */
  readonly attempts: number

  constructor(fields: {
    readonly type: string
    /** The whole text: the type, and what the service said. */
    readonly message: string
    readonly status: number
    readonly retryable: boolean
    readonly requestId: string | undefined
    readonly operation: string
    readonly outcome: Outcome
    readonly attempts: number
  }) {
    super(fields.message)
    this.type = fields.type
    this.status = fields.status
    this.retryable = fields.retryable
    this.requestId = fields.requestId
    this.operation = fields.operation
    this.outcome = fields.outcome
    this.attempts = fields.attempts
  }

  /** The same error, speaking for all attempts of its call. */
  concluding(attempts: number, outcome: Outcome): KinesisServiceError {
    const { type, message, status, retryable, requestId, operation } = this
    return new KinesisServiceError({ type, message, status, retryable, requestId, operation, outcome, attempts })
  }
}

/**
 * - `connect`: no connection (name not found, refused, unreachable, or the time for connecting ran out)
 * - `tls`: the connection stands, the certificate or the handshake does not
 * - `proxy`: the proxy could not be reached or refused the tunnel
 * - `timeout`: the answer, or its next bytes, did not come in time
 * - `closed`: the connection broke before the answer was whole
 * - `aborted`: the caller's signal
 * - `deadline`: the time for the whole call ran out
 * - `overloaded`: this client already has as many requests waiting as it allows
 * - `too-large`: the answer exceeds `responseBytesMax`
 * - `malformed`: the answer is not one a Kinesis endpoint gives
 * - `client-closed`: `close()` was called
 */
export type TransportErrorCode =
  | 'connect'
  | 'tls'
  | 'proxy'
  | 'timeout'
  | 'closed'
  | 'aborted'
  | 'deadline'
  | 'overloaded'
  | 'too-large'
  | 'malformed'
  | 'client-closed'

/** No answer, or none that can be trusted. */
export class KinesisTransportError extends Error {
  override readonly name = 'KinesisTransportError'
  readonly code: TransportErrorCode
  readonly outcome: Outcome
  readonly retryable: boolean
  /** The connection had served before: the likely cause is that the other side had just given it up as idle. */
  readonly reusedConnection: boolean
  readonly attempts: number

  constructor(
    code: TransportErrorCode,
    message: string,
    fields: {
      readonly outcome: Outcome
      readonly cause?: unknown
      readonly attempts?: number
      readonly reusedConnection?: boolean
    },
  ) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = code
    this.outcome = fields.outcome
    this.retryable = retryableCodes.has(code)
    this.attempts = fields.attempts ?? 1
    this.reusedConnection = fields.reusedConnection ?? false
  }
}

const retryableCodes: ReadonlySet<TransportErrorCode> = new Set(['connect', 'proxy', 'timeout', 'closed', 'overloaded'])

/** No credentials were found, or a source that should have given some failed. The message names the sources tried. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError'
  /** Whether asking again may help: a source that did not answer, as against one that is absent or misconfigured. */
  readonly retryable: boolean

  constructor(message: string, fields: { readonly retryable?: boolean; readonly cause?: unknown } = {}) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.retryable = fields.retryable ?? false
  }
}

/** A setting is missing or contradictory. The message says which, where it was read, and what would do. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}
