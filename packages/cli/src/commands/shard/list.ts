/** `millrace shard list`: the shards of a stream, open and closed, with their ranges and parents. */
import { HASH_KEY_MAX, type Shard } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { isOpen, listShards } from '../../kinesis.ts'
import { type ShardRow, shardTree } from '../../output/shard-tree.ts'
import type { Column } from '../../output/table.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly open?: boolean
}

const columns: readonly Column<ShardRow>[] = [
  { header: 'shard', cell: ({ label }) => label },
  { header: 'state', cell: ({ shard }) => stateOf(shard) },
  { header: 'share', cell: ({ shard }) => `${(shareOf(shard) * 100).toFixed(1)}%`, align: 'right' },
  { header: 'parents', cell: ({ shard }) => parentsOf(shard).join(',') || '-' },
  { header: 'first hash key', cell: ({ shard }) => shard.HashKeyRange.StartingHashKey, align: 'right', cut: 'middle' },
  { header: 'last hash key', cell: ({ shard }) => shard.HashKeyRange.EndingHashKey, align: 'right', cut: 'middle' },
]

export const defineShardList: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .option('--open', 'only those that take records')
    .action(async (positional: string | undefined, options: Options) => {
      const [stream] = streamAndRest([positional], options.stream)
      await withSession(shell, options, async (client, reporter) => {
        const all = await listShards(client, stream)
        const shards = options.open === true ? all.filter(isOpen) : all
        // A tree for people; programs get the ids as they are, in their order.
        const isForPeople = shell.stdout.width !== undefined
        const rows = isForPeople ? shardTree(shards) : shards.map((shard) => ({ shard, label: shard.ShardId }))
        await reporter.list(columns, rows, ({ shard }) => ({
          shardId: shard.ShardId,
          state: stateOf(shard),
          parents: parentsOf(shard),
          startingHashKey: shard.HashKeyRange.StartingHashKey,
          endingHashKey: shard.HashKeyRange.EndingHashKey,
          startingSequenceNumber: shard.SequenceNumberRange.StartingSequenceNumber,
          endingSequenceNumber: shard.SequenceNumberRange.EndingSequenceNumber,
        }))
      })
    })
}

function stateOf(shard: Shard): 'open' | 'closed' {
  return isOpen(shard) ? 'open' : 'closed'
}

function parentsOf(shard: Shard): readonly string[] {
  return [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined)
}

/** The part of all hash keys, 0 … 1. */
function shareOf({ HashKeyRange: { StartingHashKey, EndingHashKey } }: Shard): number {
  return Number(BigInt(EndingHashKey) - BigInt(StartingHashKey) + 1n) / Number(HASH_KEY_MAX + 1n)
}
