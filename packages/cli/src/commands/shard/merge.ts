/** `millrace shard merge`: two neighbours become one. */
import { MergeShards } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { fullShardId } from '../../values/shard-name.ts'
import { reportReshard } from './reshard.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly wait: boolean
}

export const defineShardMerge: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .argument('[shard]', 'shardId-000000000003, or just 3')
    .argument('[neighbour]')
    .option('--stream <name>', 'the same as the first argument')
    .option('--no-wait', 'do not wait for the child')
    .addHelpText('after', '\nExample:\n  millrace shard merge orders 1 2\n')
    .action(async (a: string | undefined, b: string | undefined, c: string | undefined, options: Options) => {
      const [stream, one, other] = streamAndRest([a, b, c], options.stream)
      if (one === undefined || other === undefined) {
        throw usageError('which two shards?', `see them with: millrace shard list ${stream} --open`)
      }
      const parents = [fullShardId(one), fullShardId(other)] as const
      await withSession(shell, options, async (client, reporter) => {
        await client.send(MergeShards, {
          StreamName: stream,
          ShardToMerge: parents[0],
          AdjacentShardToMerge: parents[1],
        })
        await reportReshard({ client, reporter, shell, stream, parents, wait: options.wait })
      })
    })
}
