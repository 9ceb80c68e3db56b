/** `millrace consumer list`: the consumers registered with a stream. */
import { type Consumer, ListStreamConsumers } from '@millrace/protocol'
import { streamArnOf } from '../../consumers.ts'
import type { DefineCommand } from '../../define-command.ts'
import type { Column } from '../../output/table.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'

interface Options extends SessionOptions {
  readonly stream?: string
}

const columns: readonly Column<Consumer>[] = [
  { header: 'consumer', cell: ({ ConsumerName }) => ConsumerName, cut: 'end' },
  { header: 'status', cell: ({ ConsumerStatus }) => ConsumerStatus },
  { header: 'registered', cell: createdAt },
  { header: 'arn', cell: ({ ConsumerARN }) => ConsumerARN, cut: 'middle' },
]

export const defineConsumerList: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .action(async (positional: string | undefined, options: Options) => {
      const [stream] = streamAndRest([positional], options.stream)
      await withSession(shell, options, async (client, reporter) => {
        const consumers: Consumer[] = []
        const input = { StreamARN: await streamArnOf(client, stream) }
        for await (const page of client.pages(ListStreamConsumers, input)) consumers.push(...(page.Consumers ?? []))
        await reporter.list(columns, consumers, (consumer) => ({
          name: consumer.ConsumerName,
          arn: consumer.ConsumerARN,
          status: consumer.ConsumerStatus,
          createdAt: createdAt(consumer),
        }))
        if (consumers.length === 0)
          await reporter.note(`no consumers yet; register one with: millrace consumer register ${stream} <name>`)
      })
    })
}

function createdAt({ ConsumerCreationTimestamp: timeMs }: Consumer): string {
  return new Date(timeMs).toISOString()
}
