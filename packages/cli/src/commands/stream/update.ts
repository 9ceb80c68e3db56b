/** `millrace stream update`: how long a stream keeps its records, and how large they may be. */
import {
  DecreaseStreamRetentionPeriod,
  DescribeStreamSummary,
  IncreaseStreamRetentionPeriod,
  UpdateMaxRecordSize,
} from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import { usageError } from '../../exit-code.ts'
import { addSessionOptions, durationOption, type SessionOptions, streamAndRest, withSession } from '../../session.ts'
import { parseByteCount } from '../../values/byte-count.ts'
import { waitWhile } from './status-wait.ts'

interface Options extends SessionOptions {
  readonly stream?: string
  readonly retention?: number
  readonly maxRecordSize?: number
}

const HOUR_MS = 3_600_000
/** AWS takes seconds. */
const UPDATED_WAIT_MS = 300_000

export const defineStreamUpdate: DefineCommand = (command, shell) => {
  addSessionOptions(command)
    .argument('[stream]')
    .option('--stream <name>', 'the same as the first argument')
    .option('--retention <duration>', 'keep records for so long: whole hours, from 24h to 365d', retentionOption)
    .option('--max-record-size <bytes>', 'of data and key: whole KiB, from 1MiB to 10MiB', sizeOption)
    .addHelpText('after', '\nExample:\n  millrace stream update orders --retention 7d --max-record-size 4MiB\n')
    .action(async (positional: string | undefined, options: Options) => {
      const [StreamName] = streamAndRest([positional], options.stream)
      const { retention: RetentionPeriodHours, maxRecordSize: MaxRecordSizeInKiB } = options
      if (RetentionPeriodHours === undefined && MaxRecordSizeInKiB === undefined)
        throw usageError(
          'what shall be updated?',
          '--retention or --max-record-size; millrace stream --help shows more',
        )
      await withSession(shell, options, async (client, reporter) => {
        const describe = async () => (await client.send(DescribeStreamSummary, { StreamName })).StreamDescriptionSummary
        const before = await describe()
        if (RetentionPeriodHours !== undefined) {
          const isLonger = RetentionPeriodHours >= before.RetentionPeriodHours
          await client.send(isLonger ? IncreaseStreamRetentionPeriod : DecreaseStreamRetentionPeriod, {
            StreamName,
            RetentionPeriodHours,
          })
          await waitWhile('UPDATING', StreamName, client, shell, UPDATED_WAIT_MS)
        }
        if (MaxRecordSizeInKiB !== undefined) {
          await client.send(UpdateMaxRecordSize, { StreamARN: before.StreamARN, MaxRecordSizeInKiB })
          await waitWhile('UPDATING', StreamName, client, shell, UPDATED_WAIT_MS)
        }
        const now = await describe()
        await reporter.result(
          { name: StreamName, retentionHours: now.RetentionPeriodHours, recordSizeKiBMax: now.MaxRecordSizeInKiB },
          `${StreamName}: records of at most ${now.MaxRecordSizeInKiB ?? 1024} KiB, kept for ${now.RetentionPeriodHours} hours`,
        )
      })
    })
}

function retentionOption(text: string): number {
  const hours = durationOption(text) / HOUR_MS
  if (Number.isInteger(hours)) return hours
  throw usageError(`--retention takes whole hours, not "${text}"`, 'for example 24h or 7d')
}

function sizeOption(text: string): number {
  const kib = (parseByteCount(text) ?? Number.NaN) / 1024
  if (Number.isInteger(kib)) return kib
  throw usageError(`--max-record-size takes whole KiB, not "${text}"`, 'for example 4MiB or 1536KiB')
}
