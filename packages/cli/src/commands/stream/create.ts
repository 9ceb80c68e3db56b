/** `millrace stream create`: makes a stream and waits until it can be used. */
import { CreateStream } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { formatCounted } from '../../output/quantities.ts'
import { addSessionOptions, countOption, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { waitWhile } from './status-wait.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly shards: number
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
    .option('--if-not-exists', 'no error when there is one of this name')
    .option('--no-wait', 'do not wait until it is ACTIVE')
    .addHelpText('after', '\nExample:\n  millrace stream create orders --shards 4\n')
    .action(async (positional: string | undefined, options: Options) => {
      const [stream] = streamAndRest([positional], options.stream)
      await withSession(shell, options, async (client, reporter) => {
        let created = true
        try {
          await client.send(CreateStream, { StreamName: stream, ShardCount: options.shards })
        } catch (error) {
          const exists = error instanceof Error && 'type' in error && error.type === 'ResourceInUseException'
          if (!exists || options.ifNotExists !== true) throw error
          created = false
        }
        const status = options.wait ? await waitWhile('CREATING', stream, client, shell, ACTIVE_WAIT_MS) : 'CREATING'
        await reporter.result(
          { name: stream, created, status, ...(created ? { shards: options.shards } : {}) },
          created
            ? `created ${stream} with ${formatCounted(options.shards, 'shard')}${options.wait ? '' : ' (not waiting until it is ACTIVE)'}`
            : `${stream} was there already`,
        )
      })
    })
}
