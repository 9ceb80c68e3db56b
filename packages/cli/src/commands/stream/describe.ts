/** `millrace stream describe`: one stream, without its shards (`millrace shard list` has those). */
import { DescribeStreamSummary } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { formatTable } from '../../output/table.ts'
import { addSessionOptions, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { isoTime } from './list.ts'

interface Options extends SessionOptions {
  readonly stream?: string
}

export const defineStreamDescribe: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .action(async (positional: string | undefined, options: Options) => {
      const [stream] = streamAndRest([positional], options.stream)
      await withSession(shell, options, async (client, reporter) => {
        const { StreamDescriptionSummary: it } = await client.send(DescribeStreamSummary, { StreamName: stream })
        const document = {
          name: it.StreamName,
          arn: it.StreamARN,
          status: it.StreamStatus,
          mode: it.StreamModeDetails?.StreamMode,
          createdAt: isoTime(it.StreamCreationTimestamp),
          openShards: it.OpenShardCount,
          registeredConsumers: it.ConsumerCount,
          retentionHours: it.RetentionPeriodHours,
          encryption: it.EncryptionType,
          keyId: it.KeyId,
          recordSizeKiBMax: it.MaxRecordSizeInKiB,
        }
        if (reporter.json) return shell.stdout.write(`${JSON.stringify(document)}\n`)
        const rows = Object.entries(document).filter(([, value]) => value !== undefined)
        const text = formatTable(
          [
            { header: 'property', cell: ([name]) => name },
            { header: 'value', cell: ([, value]) => String(value) },
          ],
          rows,
          { width: shell.stdout.width, style: reporter.style, header: false },
        )
        await shell.stdout.write(text)
      })
    })
}
