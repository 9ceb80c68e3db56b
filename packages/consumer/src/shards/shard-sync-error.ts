/** Why a worker that has just begun ends: what its first looks at the shards were told. */
import { ABSENT_LOOKS } from './stream-presence.ts'

export type ShardSyncErrorCode = 'stream-not-found' | 'refused'

/** `refused`: rights, credentials or settings; `cause` is what the client or the lease store said last. */
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

export function refused(streams: Iterable<string> = [], cause: unknown): ShardSyncError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ShardSyncError(
    'refused',
    `The shards of ${[...streams].join(', ')} cannot be listed, and trying again would not help: ${reason}`,
    { cause },
  )
}
