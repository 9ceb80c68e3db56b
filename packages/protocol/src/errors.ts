/**
 * Every error a caller may see, in one table: its name on the wire, its HTTP status, and what a client should do with
 * it. Texts belong to whoever raises the error; turning it into bytes is in codecs/error-body.ts.
 */

/**
 * - `caller`: the request is at fault; the same request will fail again.
 * - `throttle`: too much at once; slow down, then send it again.
 * - `auth`: who asks, or with what signature.
 * - `server`: the service is at fault.
 */
export type ErrorKind = 'caller' | 'throttle' | 'auth' | 'server'

export interface ErrorTraits {
  readonly status: number
  /** Sending the same request again may succeed. */
  readonly retryable: boolean
  readonly kind: ErrorKind
}

const caller = { status: 400, retryable: false, kind: 'caller' } as const
const throttle = { status: 400, retryable: true, kind: 'throttle' } as const
const auth = { status: 400, retryable: false, kind: 'auth' } as const

/** KINESIS.md §7. The status of 400 even for refusals of access is the service's. */
export const errorTable = {
  AccessDeniedException: auth,
  DryRunOperationException: caller,
  ExpiredIteratorException: caller,
  ExpiredNextTokenException: caller,
  ExpiredTokenException: auth,
  IncompleteSignatureException: auth,
  /** The name the service puts on the wire, also as `ErrorCode` of a single record. */
  InternalFailure: { status: 500, retryable: true, kind: 'server' },
  /** The same by the model's name. */
  InternalFailureException: { status: 500, retryable: true, kind: 'server' },
  InvalidArgumentException: caller,
  InvalidSignatureException: auth,
  KMSAccessDeniedException: caller,
  KMSDisabledException: caller,
  KMSInvalidStateException: caller,
  KMSNotFoundException: caller,
  KMSOptInRequired: caller,
  KMSThrottlingException: throttle,
  LimitExceededException: throttle,
  MissingAuthenticationTokenException: auth,
  ProvisionedThroughputExceededException: throttle,
  ResourceInUseException: caller,
  ResourceNotFoundException: caller,
  SerializationException: caller,
  ServiceUnavailable: { status: 503, retryable: true, kind: 'server' },
  ThrottlingException: throttle,
  UnknownOperationException: caller,
  UnrecognizedClientException: auth,
  ValidationException: caller,
} as const satisfies Readonly<Record<string, ErrorTraits>>

export type ErrorType = keyof typeof errorTable

/** Traits of a type by its name on the wire; `undefined` for one that is not in the table. */
export function errorTraits(type: string): ErrorTraits | undefined {
  return Object.hasOwn(errorTable, type) ? errorTable[type as ErrorType] : undefined
}

/** An answer that is an error. Without a message the body carries none. */
export class KinesisError extends Error {
  override readonly name = 'KinesisError'
  readonly type: ErrorType
  readonly status: number
  readonly retryable: boolean

  constructor(type: ErrorType, message?: string, options?: ErrorOptions) {
    super(message, options)
    const traits = errorTable[type]
    this.type = type
    this.status = traits.status
    this.retryable = traits.retryable
  }
}
