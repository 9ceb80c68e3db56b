/** `millrace stream mode`: whether a stream's shards follow its traffic, or are said. */
import { DescribeStreamSummary, UpdateStreamMode } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { waitWhile } from './status-wait.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly wait: boolean
}

const MODES = { 'on-demand': 'ON_DEMAND', provisioned: 'PROVISIONED' } as const

/** AWS takes as long as for a new stream. */
const CHANGED_WAIT_MS = 300_000

export const defineStreamMode: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .argument('[mode]', 'on-demand or provisioned')
    .option('--stream <name>', 'the same as the first argument')
    .option('--no-wait', 'do not wait until it is ACTIVE')
    .addHelpText('after', '\nExample:\n  millrace stream mode orders on-demand\n')
    .action(async (first: string | undefined, second: string | undefined, options: Options) => {
      const [stream, name] = streamAndRest([first, second], options.stream)
      const mode = modeOf(name, stream)
      await withSession(shell, options, async (client, reporter) => {
        const { StreamDescriptionSummary: before } = await client.send(DescribeStreamSummary, { StreamName: stream })
        await client.send(UpdateStreamMode, {
          StreamARN: before.StreamARN,
          StreamModeDetails: { StreamMode: mode },
        })
        const status = options.wait ? await waitWhile('UPDATING', stream, client, shell, CHANGED_WAIT_MS) : 'UPDATING'
        await reporter.result(
          { name: stream, before: before.StreamModeDetails?.StreamMode, mode, status },
          `${stream} is ${name}${options.wait ? '' : ' (under way)'}`,
        )
      })
    })
}

function modeOf(name: string | undefined, stream: string): (typeof MODES)[keyof typeof MODES] {
  if (name === 'on-demand' || name === 'provisioned') return MODES[name]
  throw usageError(
    name === undefined ? 'which mode?' : `"${name}" is no mode`,
    `on-demand or provisioned; for example: millrace stream mode ${stream} on-demand`,
  )
}
