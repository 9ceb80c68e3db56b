/** `millrace consumer deregister`: takes a consumer off its stream; its subscriptions end. */
import { DeregisterStreamConsumer } from '@millrace/protocol'
import { streamArnOf } from '../../consumers.ts'
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'

interface Options extends SessionOptions {
  readonly stream?: string
}

export const defineConsumerDeregister: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .argument('[name]', 'of the consumer')
    .option('--stream <name>', 'the same as the first argument')
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const [stream, name] = streamAndRest([first, second], options.stream)
      if (name === undefined) throw usageError('which consumer?', `millrace consumer list ${stream} shows them`)
      await withSession(shell, options, async (client, reporter) => {
        const StreamARN = await streamArnOf(client, stream)
        await client.send(DeregisterStreamConsumer, { StreamARN, ConsumerName: name })
        await reporter.result({ stream, name, deregistered: true }, `deregistered ${name} from ${stream}`)
      })
    })
}
