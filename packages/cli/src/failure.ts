/**
 * Any error that reaches the top, as a person and a script should see it: how the command ends, what happened, and
 * the next step. The one place that knows which error of a neighbour means which exit code.
 */
import type { KinesisServiceError, KinesisTransportError } from '@millrace/client'
import type { LeaseStoreError } from '@millrace/consumer'
import { CommandError, type CommandFailure, type Ending } from './exit-code.ts'

const deniedTypes: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'KMSAccessDeniedException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
])
const throttledTypes: ReadonlySet<string> = new Set([
  'KMSThrottlingException',
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
])
const unreachableCodes: ReadonlySet<string> = new Set(['connect', 'tls', 'proxy', 'timeout', 'closed', 'deadline'])

/** Client errors are told by name, so that a wrong flag does not load the client only to find out. */
export function describeFailure(error: unknown): CommandFailure {
  if (error instanceof CommandError) return error.failure
  if (!(error instanceof Error)) return { ending: 'internal', code: 'InternalFault', message: String(error) }
  switch (error.name) {
    case 'KinesisServiceError':
      return serviceFailure(error as KinesisServiceError)
    case 'KinesisTransportError':
      return transportFailure(error as KinesisTransportError)
    case 'CredentialsError':
      return {
        ending: 'denied',
        code: 'CredentialsError',
        message: error.message,
        hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile',
      }
    case 'LeaseStoreError':
      return leaseStoreFailure(error as LeaseStoreError)
    case 'LeasesKeepChangingError':
      return {
        ending: 'partly',
        code: 'LeasesKeepChanging',
        message: error.message,
        hint: 'do it again; or stop the workers first',
      }
    case 'SettingsError':
      return { ending: 'usage', code: 'SettingsError', message: error.message }
    default:
      return { ending: 'internal', code: 'InternalFault', message: error.message }
  }
}

/** Once something was done, neither a wrong piece of the input nor a refusal of the rest is the end of all of it. */
export function partlyDone(error: unknown): unknown {
  const failure = describeFailure(error)
  if (failure.ending !== 'usage' && failure.ending !== 'failed') return error
  return new CommandError({ ...failure, ending: 'partly' }, { cause: error })
}

const storeEndings: Readonly<Record<LeaseStoreError['code'], Ending>> = {
  denied: 'denied',
  invalid: 'failed',
  'in-use': 'failed',
  'not-found': 'notFound',
  throttled: 'throttled',
  unavailable: 'unreachable',
}

const storeHints: { readonly [code in LeaseStoreError['code']]?: string } = {
  'in-use': 'stop them first, or say that it is meant while they live, with --force',
  'not-found': 'see what there is with: millrace app list',
}

/** What is behind one of the service says more; but for an endpoint that has no such store. */
function leaseStoreFailure({ code, message, cause }: LeaseStoreError): CommandFailure {
  const text = storeHints[code]
  const hint = text === undefined ? {} : { hint: text }
  const isOfClient = cause instanceof Error && ['KinesisServiceError', 'KinesisTransportError', 'CredentialsError'].includes(cause.name) // prettier-ignore
  if (!isOfClient) return { ending: storeEndings[code], code: 'LeaseStoreError', message, ...hint }
  const failure = describeFailure(cause)
  if (failure.code === 'UnknownOperationException') return { ending: 'failed', code: failure.code, message }
  return { ...failure, ...hint }
}

function serviceFailure(error: KinesisServiceError): CommandFailure {
  const hint = serviceHint(error)
  return {
    ending: serviceEnding(error.type),
    code: error.type,
    message: error.message,
    ...(hint === undefined ? {} : { hint }),
    ...(error.requestId === undefined ? {} : { requestId: error.requestId }),
  }
}

function serviceEnding(type: string): Ending {
  if (type === 'ResourceNotFoundException') return 'notFound'
  if (deniedTypes.has(type)) return 'denied'
  return throttledTypes.has(type) ? 'throttled' : 'failed'
}

function serviceHint({ type, message }: KinesisServiceError): string | undefined {
  if (type === 'ResourceNotFoundException' && message.includes(': Consumer '))
    return 'see what there is with: millrace consumer list <stream>'
  if (type === 'ResourceNotFoundException') return 'see what there is with: millrace stream list'
  if (type === 'ResourceInUseException') return 'see its state with: millrace stream describe <name>'
  if (type === 'UnknownOperationException') return 'the endpoint does not know this operation; is it Kinesis?'
  if (deniedTypes.has(type)) return 'check the keys, their region and the clock: AWS_ACCESS_KEY_ID, --profile, --region'
  return throttledTypes.has(type) ? 'try again later, or give the stream more shards' : undefined
}

function transportFailure(error: KinesisTransportError): CommandFailure {
  if (error.code === 'aborted') return { ending: 'interrupted', code: 'Interrupted', message: 'interrupted' }
  const unreachable = unreachableCodes.has(error.code)
  return {
    ending: unreachable ? 'unreachable' : 'failed',
    code: `transport-${error.code}`,
    message: error.message,
    ...(unreachable
      ? { hint: 'start a server with: millrace start; or name another with --endpoint-url, or AWS with --aws' }
      : {}),
  }
}

/** The lines for people, without a line end. */
export function failureText(failure: CommandFailure): string {
  const id = failure.requestId === undefined ? '' : ` (request ${failure.requestId})`
  return `millrace: ${failure.message}${id}${failure.hint === undefined ? '' : `\n  ${failure.hint}`}`
}

/** The document for scripts: a contract (docs/reference/cli.md). */
export function failureJson({ code, message, hint, requestId }: CommandFailure): string {
  return JSON.stringify({ error: { code, message, hint, requestId } })
}
