/** `millrace consumer register`: a consumer that can subscribe to the shards of a stream. */
import { RegisterStreamConsumer } from '@millrace/protocol'
import { streamArnOf, waitUntilActive } from '../../consumers.ts'
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly wait: boolean
}

export const defineConsumerRegister: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .argument('[name]', 'of the consumer')
    .option('--stream <name>', 'the same as the first argument')
    .option('--no-wait', 'do not wait until it is ACTIVE')
    .addHelpText('after', '\nExample:\n  millrace consumer register orders billing\n')
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const [stream, name] = streamAndRest([first, second], options.stream)
      if (name === undefined)
        throw usageError('which consumer?', `for example: millrace consumer register ${stream} billing`)
      await withSession(shell, options, async (client, reporter) => {
        const StreamARN = await streamArnOf(client, stream)
        const { Consumer } = await client.send(RegisterStreamConsumer, { StreamARN, ConsumerName: name })
        const arn = Consumer.ConsumerARN
        const status = options.wait ? await waitUntilActive(client, arn, shell) : Consumer.ConsumerStatus
        await reporter.result(
          { stream, name, arn, status },
          `registered ${name} with ${stream}${options.wait ? '' : ' (not waiting until it is ACTIVE)'}\n${arn}`,
        )
      })
    })
}
