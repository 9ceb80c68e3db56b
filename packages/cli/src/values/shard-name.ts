/** Shards as people write them: `3` for `shardId-000000000003`. */
import { shardIdOf } from '@millrace/protocol'
import { usageError } from '../exit-code.ts'

export function fullShardId(name: string): string {
  if (/^\d{1,9}$/.test(name)) return shardIdOf(Number(name))
  if (/^[a-zA-Z0-9_.-]{1,128}$/.test(name)) return name
  throw usageError(`"${name}" is no shard`, 'shards look like shardId-000000000003, or just 3')
}
