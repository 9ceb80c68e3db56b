/** Refusals of the Security Token Service: its own codes, and statuses other than Kinesis's. */
import type { ErrorType, KinesisError } from '@millrace/protocol'

/** HTTP status by code. */
const statuses = {
  AccessDenied: 403,
  ExpiredToken: 403,
  IncompleteSignature: 400,
  InvalidAction: 400,
  InvalidClientTokenId: 403,
  MissingAuthenticationToken: 403,
  SignatureDoesNotMatch: 403,
  ValidationError: 400,
} as const

export type StsErrorCode = keyof typeof statuses

/** What authentication says, as this service calls it. */
const codes: Partial<Record<ErrorType, StsErrorCode>> = {
  ExpiredTokenException: 'ExpiredToken',
  IncompleteSignatureException: 'IncompleteSignature',
  MissingAuthenticationTokenException: 'MissingAuthenticationToken',
  UnrecognizedClientException: 'InvalidClientTokenId',
}

export class StsError extends Error {
  override readonly name = 'StsError'
  readonly code: StsErrorCode
  readonly status: number

  constructor(code: StsErrorCode, message: string) {
    super(message)
    this.code = code
    this.status = statuses[code]
  }

  static of({ type, message }: KinesisError): StsError {
    return new StsError(codes[type] ?? 'SignatureDoesNotMatch', message)
  }
}
