/** What reads one shard for a StreamReader: by asking (ShardPoller) or by being told (ShardSubscriber). */
import type { ChildShard, StreamRecord } from '@millrace/protocol'
import type { Clock } from '@millrace/std'
import type { Kinesis } from '../kinesis.ts'
import type { Patience } from '../patience.ts'
import type { StartPosition } from '../values/position.ts'

export interface ShardBatch {
  readonly shardId: string
  readonly records: readonly StreamRecord[]
  readonly millisBehindLatest: number
  /** The shard is closed and this was its end. */
  readonly ended: boolean
  readonly children: readonly ChildShard[]
}

export interface ShardSourceOptions {
  readonly kinesis: Kinesis
  readonly shardId: string
  readonly position: StartPosition
  readonly clock: Clock
  readonly patience: Patience
  readonly signal: AbortSignal
}

export interface ShardSource {
  /** Settles where reading begins: what arrives from now on is not missed, even at LATEST. Without patience. */
  open(): Promise<void>
  /** Waits until there is a reason to read. */
  due(): Promise<void>
  read(): Promise<ShardBatch>
  /** Lets go of what it holds at the endpoint. */
  close(): void
}
