/** Why a worker that has just begun ends: what its first looks at the shards were told. */
import { ABSENT_LOOKS } from './stream-presence.ts'

export type ShardSyncErrorCode = 'stream-not-found' | 'refused'

/** `refused`: rights, credentials or settings; `cause` is what the client or the lease store said last, of the first stream. */
export class ShardSyncError extends Error {
  override readonly name = 'ShardSyncError'
  readonly code: ShardSyncErrorCode

  constructor(code: ShardSyncErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export function notFound(streams: readonly string[], endpoint: URL | undefined): ShardSyncError {
  const where = endpoint === undefined ? '' : ` at ${endpoint.origin}`
  return new ShardSyncError(
    'stream-not-found',
    `There is no stream ${streams.join(', ')}${where}, ${ABSENT_LOOKS} looks say: make it first, or see to region and endpoint.`,
  )
}

/** Of what a look at the shards failed with. `stream` absent: the application's function did not name any. */
export interface LookFailure {
  readonly stream: string | undefined
  readonly error: unknown
}

export function refused(failures: readonly LookFailure[]): ShardSyncError {
  const [{ error: cause } = { error: undefined }] = failures
  const reason = cause instanceof Error ? cause.message : String(cause)
  const streams = failures.map(({ stream }) => stream).join(', ')
  return new ShardSyncError(
    'refused',
    `The shards of ${streams} cannot be listed, and trying again would not help: ${reason}`,
    { cause },
  )
}
