/** How the lease API is called, and what its refusals mean to a worker. */
import type { CallOptions, KinesisClient, KinesisServiceError } from '@millrace/client'
import { errorTraits, type Operation } from '@millrace/protocol'
import { LeaseStoreError, type LeaseStoreErrorCode } from './lease-store.ts'

/** A KinesisClient has it. */
export type LeaseService = Pick<KinesisClient, 'send'>

/** Calls an operation. Rejects with a `LeaseStoreError`, or with the reason of the caller's signal. */
export async function asked<I, O>(
  client: LeaseService,
  operation: Operation<I, O>,
  input: I,
  options: CallOptions & { readonly signal: AbortSignal },
): Promise<O> {
  try {
    return await client.send(operation, input, options)
  } catch (error) {
    options.signal.throwIfAborted()
    throw asStoreError(error)
  }
}

/** Errors of the client are told by name: there may be two copies of it in a process. */
function asStoreError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  switch (error.name) {
    case 'KinesisServiceError':
      return ofService(error as KinesisServiceError)
    case 'KinesisTransportError':
      // Whatever became of the request: the next one may be heard.
      return new LeaseStoreError('unavailable', error.message, { cause: error })
    case 'CredentialsError': {
      const passes = 'retryable' in error && error.retryable === true
      return new LeaseStoreError(passes ? 'unavailable' : 'denied', error.message, { cause: error })
    }
    default:
      return error
  }
}

function ofService(error: KinesisServiceError): LeaseStoreError {
  if (error.type === 'UnknownOperationException')
    return new LeaseStoreError(
      'invalid',
      'Expected an endpoint that keeps leases, found one without the lease API, as AWS is: keep them in DynamoDB, ' +
        'PostgreSQL or Redis instead.',
      { cause: error },
    )
  return new LeaseStoreError(codeOf(error), error.message, { cause: error })
}

function codeOf({ type, retryable }: KinesisServiceError): LeaseStoreErrorCode {
  const kind = errorTraits(type)?.kind
  if (kind === 'throttle') return 'throttled'
  if (kind === 'auth') return 'denied'
  if (type === 'ResourceNotFoundException') return 'not-found'
  if (type === 'ResourceInUseException') return 'in-use'
  return retryable ? 'unavailable' : 'invalid'
}
