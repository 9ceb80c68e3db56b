/** What all readers of a worker are made with. */
import type { Clock, Logger, Random } from '@millrace/std'
import type { StreamService } from '../service.ts'
import type { ShardToRead } from './shard-reader.ts'
import type { ReaderCondition } from './watchdog.ts'

export interface ReaderContext {
  readonly service: StreamService
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Shards are shared with others there, and each read costs. */
  readonly isAws: boolean
  /** For metrics: told of each change. */
  readonly onCondition: (shard: Pick<ShardToRead, 'stream' | 'shardId'>, condition: ReaderCondition) => void
  /** For metrics: told of each call of a reader that asks, when it is over. */
  readonly onCall: (
    shard: Pick<ShardToRead, 'stream' | 'shardId'>,
    call: ReadCall,
    durationMs: number,
    failure?: { readonly error: unknown },
  ) => void
}

export type ReadCall = 'getRecords' | 'getShardIterator'
