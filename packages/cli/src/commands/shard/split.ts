/** `millrace shard split`: in the middle, or where one says. Shows the children. */
import { SplitShard } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { CommandError, usageError } from '../../exit-code.ts'
import { isOpen, listShards } from '../../kinesis.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { fullShardId } from '../../values/shard-name.ts'
import { reportReshard } from './reshard.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly at?: string
  readonly wait: boolean
}

export const defineShardSplit: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .argument('[shard]', 'shardId-000000000003, or just 3')
    .option('--stream <name>', 'the same as the first argument')
    .option('--at <hash key>', 'first hash key of the second child; default: the middle')
    .option('--no-wait', 'do not wait for the children')
    .addHelpText('after', '\nExample:\n  millrace shard split orders 0\n')
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const [stream, name] = streamAndRest([first, second], options.stream)
      if (name === undefined) throw usageError('which shard?', `see them with: millrace shard list ${stream}`)
      if (options.at !== undefined && !/^\d+$/.test(options.at))
        throw usageError('--at takes a hash key, a whole number')
      const shardId = fullShardId(name)
      await withSession(shell, options, async (client, reporter) => {
        const shard = (await listShards(client, stream)).find((each) => each.ShardId === shardId)
        if (shard === undefined || !isOpen(shard)) {
          throw new CommandError({
            ending: shard === undefined ? 'notFound' : 'failed',
            code: shard === undefined ? 'ShardNotFound' : 'ShardClosed',
            message: shard === undefined ? `stream ${stream} has no ${shardId}` : `${shardId} is closed already`,
            hint: `see the open ones with: millrace shard list ${stream} --open`,
          })
        }
        const { StartingHashKey, EndingHashKey } = shard.HashKeyRange
        const middle = (BigInt(StartingHashKey) + BigInt(EndingHashKey) + 1n) / 2n
        await client.send(SplitShard, {
          StreamName: stream,
          ShardToSplit: shardId,
          NewStartingHashKey: options.at ?? middle.toString(),
        })
        await reportReshard({ client, reporter, shell, stream, parents: [shardId], wait: options.wait })
      })
    })
}
