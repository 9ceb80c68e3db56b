/** What reads one shard for its consumer: by asking (`polling-reader.ts`) or by being told (`fan-out-reader.ts`). */
import type { ChildShard, StreamRecord } from '@millrace/protocol'
import type { StreamInput } from '../stream-names.ts'

export interface ShardReader extends AsyncDisposable {
  /**
   * What comes next, in the shard's order; waits until there is something: records, a heartbeat at the tip (no records),
   * or the end. Called one at a time. Troubles that pass are waited out inside and told by `onTrouble`; rejects with a
   * `ShardReadError` for what does not pass, and with the signal's reason.
   */
  next(signal: AbortSignal): Promise<ReadBatch>
}

export interface ReadBatch {
  readonly records: readonly StreamRecord[]
  /** Of the last record behind the tip of the shard, ms. 0: everything was read. */
  readonly millisBehindLatest: number
  /** The shard is closed and this was its end; `children` are those that go on with its keys. */
  readonly isEnd: boolean
  readonly children: readonly ChildShard[]
}

/** Where reading begins. No LATEST: it would be another place each time that reading begins. */
export type ReadPosition =
  | { readonly kind: 'trim-horizon' }
  | { readonly kind: 'time'; readonly timeMs: number }
  /** With this record, as it may be an aggregated one that is done with in part, or behind it. */
  | { readonly kind: 'sequence'; readonly sequenceNumber: string; readonly isAfter: boolean }

export type ShardReadErrorCode = 'gone' | 'denied' | 'unreadable'

/** `gone`: the stream or the shard is not there any more. `unreadable`: stored data that the service refuses to give. */
export class ShardReadError extends Error {
  override readonly name = 'ShardReadError'
  readonly code: ShardReadErrorCode

  constructor(code: ShardReadErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Opens readers; one kind for a worker. */
export interface Retrieval extends AsyncDisposable {
  open(shard: ShardToRead): ShardReader
}

export interface StreamToRead {
  /** As leases call it. */
  readonly stream: string
  /** What calls name it by. Default: `stream` as its name. */
  readonly streamArn?: string | undefined
}

export function inputOf({ stream, streamArn }: StreamToRead): StreamInput {
  return streamArn === undefined ? { StreamName: stream } : { StreamARN: streamArn }
}

export interface ShardToRead extends StreamToRead {
  readonly shardId: string
  readonly position: ReadPosition
  /** A trouble that is waited out. */
  readonly onTrouble: (error: unknown) => void
}
