/** `millrace stream create`: makes a stream and waits until it can be used. */
import { CreateStream } from '@millrace/protocol'
import { Option } from 'commander'
import type { DefineCommand } from '../../define-command.ts'
import { formatCounted } from '../../output/quantities.ts'
import { addSessionOptions, countOption, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { waitWhile } from './status-wait.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly shards: number
  readonly onDemand?: boolean
  readonly ifNotExists?: boolean
  readonly wait: boolean
}

/** AWS takes half a minute; more than five is a fault. */
const ACTIVE_WAIT_MS = 300_000

export const defineStreamCreate: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .option('--shards <n>', 'how many shards', countOption('--shards', 1), 1)
    .addOption(new Option('--on-demand', 'as many shards as its traffic needs').conflicts('shards'))
    .option('--if-not-exists', 'no error when there is one of this name')
    .option('--no-wait', 'do not wait until it is ACTIVE')
    .addHelpText('after', '\nExample:\n  millrace stream create orders --shards 4\n')
    .action(async (positional: string | undefined, options: Options) => {
      const [stream] = streamAndRest([positional], options.stream)
      await withSession(shell, options, async (client, reporter) => {
        const isOnDemand = options.onDemand === true
        let created = true
        try {
          await client.send(CreateStream, {
            StreamName: stream,
            ...(isOnDemand ? { StreamModeDetails: { StreamMode: 'ON_DEMAND' } } : { ShardCount: options.shards }),
          })
        } catch (error) {
          const exists = error instanceof Error && 'type' in error && error.type === 'ResourceInUseException'
          if (!exists || options.ifNotExists !== true) throw error
          created = false
        }
        const status = options.wait ? await waitWhile('CREATING', stream, client, shell, ACTIVE_WAIT_MS) : 'CREATING'
        const capacity = isOnDemand ? 'on demand' : `with ${formatCounted(options.shards, 'shard')}`
        await reporter.result(
          { name: stream, created, status, ...(created && !isOnDemand ? { shards: options.shards } : {}) },
          created
            ? `created ${stream} ${capacity}${options.wait ? '' : ' (not waiting until it is ACTIVE)'}`
            : `${stream} was there already`,
        )
      })
    })
}
