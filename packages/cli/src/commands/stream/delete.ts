/** `millrace stream delete`: on a terminal the name must be typed again; elsewhere `--yes` says it is meant. */
import { DeleteStream } from '@millrace/protocol'
import { confirmName, requireMeant } from '../../confirm.ts'
import type { DefineCommand } from '../../define-command.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly yes?: boolean
  readonly enforceConsumerDeletion?: boolean
}

export const defineStreamDelete: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .option('--yes', 'do not ask; required where there is no terminal')
    .option('--enforce-consumer-deletion', 'also when consumers are registered')
    .action(async (positional: string | undefined, options: Options) => {
      const [stream] = streamAndRest([positional], options.stream)
      requireMeant(shell, options.yes, `deleting ${stream} deletes its records`)
      await withSession(shell, options, async (client, reporter) => {
        if (options.yes !== true) await confirmName(stream, `This deletes ${stream} and all its records.`, shell)
        await client.send(DeleteStream, {
          StreamName: stream,
          ...(options.enforceConsumerDeletion === true ? { EnforceConsumerDeletion: true } : {}),
        })
        await reporter.result({ name: stream, deleted: true }, `deleted ${stream}`)
      })
    })
}
