/** `millrace stream scale`: splits and merges until a stream has as many equal shards as one says. */
import { UpdateShardCount } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { formatCounted } from '../../output/quantities.ts'
import { addSessionOptions, countOption, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { waitWhile } from './status-wait.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly wait: boolean
}

/** AWS takes about half a minute a split or merge. */
const SCALED_WAIT_MS = 3_600_000

export const defineStreamScale: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .argument('[shards]', 'how many shards it shall have: from half to double of what it has')
    .option('--stream <name>', 'the same as the first argument')
    .option('--no-wait', 'do not wait until it is ACTIVE')
    .addHelpText('after', '\nExample:\n  millrace stream scale orders 8\n')
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const [stream, count] = streamAndRest([first, second], options.stream)
      if (count === undefined) throw usageError('to how many shards?', `for example: millrace stream scale ${stream} 8`)
      const target = countOption('the number of shards', 1)(count)
      await withSession(shell, options, async (client, reporter) => {
        const { CurrentShardCount: before = 0 } = await client.send(UpdateShardCount, {
          StreamName: stream,
          TargetShardCount: target,
          ScalingType: 'UNIFORM_SCALING',
        })
        const status = options.wait ? await waitWhile('UPDATING', stream, client, shell, SCALED_WAIT_MS) : 'UPDATING'
        await reporter.result(
          { name: stream, before, shards: target, status },
          `${stream}: from ${before} to ${formatCounted(target, 'shard')}${options.wait ? '' : ' (under way)'}`,
        )
      })
    })
}
