/** What a client rejects with, as services in memory say it. */
import { KinesisServiceError, KinesisTransportError } from '@millrace/client'

export function serviceError(type: string, message = type): KinesisServiceError {
  const retryable = ['ProvisionedThroughputExceededException', 'LimitExceededException', 'InternalFailure', 'ServiceUnavailable'] // prettier-ignore
  return new KinesisServiceError({
    type,
    message,
    status: 400,
    retryable: retryable.includes(type),
    requestId: undefined,
    operation: 'test',
    outcome: 'not-done',
    attempts: 1,
  })
}

export function brokenConnection(): KinesisTransportError {
  return new KinesisTransportError('closed', 'the connection broke', { outcome: 'unknown' })
}
