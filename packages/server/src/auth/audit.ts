/**
 * What of a request goes into the audit log: every refusal for reasons of who asks, and every call that is not one of
 * the data plane, whatever came of it. Names only: never a secret, a signature, or what was sent.
 */
import { errorTraits, KinesisError, readSignature } from '@millrace/protocol'

import type { WireRequest } from '../http/wire.ts'
import type { AuditFields } from '../telemetry/audit-log.ts'
import type { Caller, SignedService } from './authenticate.ts'
import type { NamingInput } from './iam/required-access.ts'
import { StsError } from './sts-error.ts'

export interface Audited {
  readonly request: Pick<WireRequest, 'id' | 'url' | 'headers' | 'peer'>
  readonly service: SignedService
  readonly operation: string
  /** Absent: it was refused before that was known. */
  readonly caller: Caller | undefined
  /** As far as it was read. */
  readonly input?: unknown
  /** What it was refused with. */
  readonly error?: unknown
}

export type Audit = (audited: Audited) => void

/** Many a second, and told one by one only when they are refused. Those that AWS's trail calls data events, and their like. */
const dataPlane: ReadonlySet<string> = new Set([
  'BeatSession',
  'CreateLeases',
  'GetRecords',
  'GetShardIterator',
  'PutRecord',
  'PutRecords',
  'RemoveLeases',
  'SubscribeToShard',
  'UpdateLeases',
])

/** Characters of what a caller sent. */
const SHOWN_MAX = 256

export function createAudit(record: (fields: AuditFields) => void): Audit {
  return (audited) => {
    const { request, service, operation, caller, error } = audited
    const isDenied = isDenial(error)
    if (!isDenied && dataPlane.has(operation)) return
    record({
      requestId: request.id,
      service,
      operation: operation.slice(0, SHOWN_MAX),
      decision: isDenied ? 'denied' : 'allowed',
      account: caller?.account,
      region: caller?.region,
      principal: caller?.principal?.arn,
      accessKeyId: caller?.accessKeyId ?? claimedKey(request),
      address: request.peer?.address,
      resource: resourceIn(audited.input),
      error: errorName(error),
      // Other refusals may repeat the signature.
      message: error instanceof KinesisError && error.type === 'AccessDeniedException' ? error.message : undefined,
    })
  }
}

function isDenial(error: unknown): boolean {
  if (error instanceof StsError) return error.status === 403
  return error instanceof KinesisError && errorTraits(error.type)?.kind === 'auth'
}

function errorName(error: unknown): string | undefined {
  if (error === undefined) return undefined
  if (error instanceof KinesisError) return error.type
  return error instanceof StsError ? error.code : 'InternalFailure'
}

/** Whose key it says it is: not proven. */
function claimedKey(request: Audited['request']): string | undefined {
  try {
    return readSignature(request).accessKeyId.slice(0, SHOWN_MAX)
  } catch (error) {
    if (error instanceof KinesisError) return undefined
    throw error
  }
}

function resourceIn(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null) return undefined
  const { ResourceARN, ConsumerARN, StreamARN, StreamName, ApplicationName } = input as NamingInput
  return ResourceARN ?? ConsumerARN ?? StreamARN ?? StreamName ?? ApplicationName
}
