/** `millrace stream delete`: on a terminal the name must be typed again; elsewhere `--yes` says it is meant. */
import { DeleteStream } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { splitLines } from '../../records/lines.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import type { Shell } from '../../shell.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly yes?: boolean
  readonly enforceConsumerDeletion?: boolean
}

/** More than any name. */
const ANSWER_BYTES_MAX = 1024

export const defineStreamDelete: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .option('--yes', 'do not ask; required where there is no terminal')
    .option('--enforce-consumer-deletion', 'also when consumers are registered')
    .action(async (positional: string | undefined, options: Options) => {
      const [stream] = streamAndRest([positional], options.stream)
      if (options.yes !== true && (!shell.stdin.isTerminal || shell.stderr.width === undefined)) {
        throw usageError(`deleting ${stream} deletes its records`, 'say that it is meant, with --yes')
      }
      await withSession(shell, options, async (client, reporter) => {
        if (options.yes !== true) await confirm(stream, shell)
        await client.send(DeleteStream, {
          StreamName: stream,
          ...(options.enforceConsumerDeletion === true ? { EnforceConsumerDeletion: true } : {}),
        })
        await reporter.result({ name: stream, deleted: true }, `deleted ${stream}`)
      })
    })
}

async function confirm(stream: string, shell: Shell): Promise<void> {
  await shell.stderr.write(`This deletes ${stream} and all its records. Type its name to go on: `)
  for await (const line of splitLines(shell.stdin.chunks, ANSWER_BYTES_MAX)) {
    if (Buffer.from(line).toString().trim() === stream) return
    break
  }
  throw usageError(`that is not ${stream}; nothing was deleted`)
}
