/**
 * What went wrong with one attempt, sorted by what can be done about it. The names are those of the AWS SDKs'
 * standard retry mode; what Kinesis itself raises is in protocol's table.
 */
import { errorTraits } from '@millrace/protocol'
import type { KinesisServiceError, KinesisTransportError } from '../errors.ts'

/**
 * - `throttle`: too much at once; wait longer.
 * - `transient`: the service or the network failed; wait.
 * - `corrected`: the cause (our clock, expired keys) has just been put right; at once.
 * - `final`: the same request will fail again.
 */
export type FailureClass = 'throttle' | 'transient' | 'corrected' | 'final'

export interface Failure {
  readonly error: KinesisServiceError | KinesisTransportError | Error
  readonly class: FailureClass
  /** The service asked not to be called again before this many milliseconds have passed. */
  readonly retryAfterMs?: number
}

const throttlingNames: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'PriorRequestNotComplete',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'TooManyRequestsException',
])
const transientNames: ReadonlySet<string> = new Set(['InternalError', 'RequestTimeout', 'RequestTimeoutException'])
const skewNames: ReadonlySet<string> = new Set([
  'AuthFailure',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])

/** The class of an error answer, `corrected` apart. */
export function classOfAnswer(type: string, status: number): 'throttle' | 'transient' | 'final' {
  const kind = errorTraits(type)?.kind
  if (kind === 'throttle' || throttlingNames.has(type) || status === 429) return 'throttle'
  // A gateway between us and the service answers 502 and 504 in words of its own.
  if (kind === 'server' || transientNames.has(type) || [500, 502, 503, 504].includes(status)) return 'transient'
  return 'final'
}

/** Whether the error can come from a clock that is wrong; whether it is, the `Date` of the answer tells. */
export function maybeClockSkew(type: string): boolean {
  return skewNames.has(type)
}

export function isExpiredToken(type: string): boolean {
  return type === 'ExpiredTokenException' || type === 'ExpiredToken'
}

/** `Retry-After` (seconds or a date) or `x-amz-retry-after` (ms), as ms from now. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const amazon = headers['x-amz-retry-after']
  if (amazon !== undefined && /^\d+$/.test(amazon)) return Number(amazon)
  const plain = headers['retry-after']
  if (plain === undefined) return undefined
  if (/^\d+$/.test(plain)) return Number(plain) * 1000
  const atMs = Date.parse(plain)
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}
