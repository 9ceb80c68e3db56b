/** `millrace stream encrypt`: has a stream's records stored encrypted from now on, or no longer. */
import { DescribeStreamSummary, StartStreamEncryption, StopStreamEncryption } from '@millrace/protocol'
import { Option } from 'commander'
import type { DefineCommand } from '../../define-command.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { waitWhile } from './status-wait.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly keyId?: string
  readonly off?: boolean
  readonly wait: boolean
}

const KEY_ID_DEFAULT = 'alias/aws/kinesis'
/** AWS: seconds as a rule, minutes at times. */
const ENCRYPTED_WAIT_MS = 600_000

export const defineStreamEncrypt: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .option('--key-id <key>', `the KMS key: an id, an alias or the ARN of either; default ${KEY_ID_DEFAULT}`)
    .addOption(new Option('--off', 'store what is written from now on as it is').conflicts('keyId'))
    .option('--no-wait', 'do not wait until it is ACTIVE')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace stream encrypt orders --key-id alias/orders\n  millrace stream encrypt orders --off\n',
    )
    .action(async (first: string | undefined, options: Options) => {
      const [StreamName] = streamAndRest([first], options.stream)
      await withSession(shell, options, async (client, reporter) => {
        const isOn = options.off !== true
        if (isOn) {
          const KeyId = options.keyId ?? KEY_ID_DEFAULT
          await client.send(StartStreamEncryption, { StreamName, EncryptionType: 'KMS', KeyId })
        } else {
          // The service wants to hear the key that it says itself.
          const { StreamDescriptionSummary } = await client.send(DescribeStreamSummary, { StreamName })
          const KeyId = StreamDescriptionSummary.KeyId ?? KEY_ID_DEFAULT
          await client.send(StopStreamEncryption, { StreamName, EncryptionType: 'KMS', KeyId })
        }
        const status = options.wait
          ? await waitWhile('UPDATING', StreamName, client, shell, ENCRYPTED_WAIT_MS)
          : 'UPDATING'
        const { StreamDescriptionSummary: now } = await client.send(DescribeStreamSummary, { StreamName })
        const text = isOn ? 'what is written is encrypted' : 'what is written is no longer encrypted'
        await reporter.result(
          { name: StreamName, encryption: now.EncryptionType, keyId: now.KeyId, status },
          `${StreamName}: ${text}${options.wait ? '' : ' (under way)'}`,
        )
      })
    })
}
