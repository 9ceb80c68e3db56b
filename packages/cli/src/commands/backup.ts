/** `millrace backup`: saves a data directory, beside a running server or of a stopped one, each time only what is new. */
import { resolve } from 'node:path'
import { Option } from 'commander'
import { copying, tellFindings } from '../copying.ts'
import { assertThere } from '../data-directory.ts'
import type { DefineCommand } from '../define-command.ts'
import { usageError } from '../exit-code.ts'
import { formatBytes } from '../output/quantities.ts'
import { addOutputOptions, countOption, type SessionOptions } from '../session.ts'
import { parseByteCount } from '../values/byte-count.ts'

interface BackupVerbOptions extends SessionOptions {
  readonly keep?: number
  readonly rate?: number
}

export const defineBackup: DefineCommand = (command, shell) => {
  addOutputOptions(command)
    .argument('<destination>', 'a directory for backups of this one data directory, best on another disk')
    .argument('[directory]', 'the data directory', './millrace-data')
    .addOption(new Option('--keep <points>', 'keep the newest points in time only').argParser(countOption('--keep', 1)))
    .addOption(new Option('--rate <bytes>', 'bytes copied per second; default 64MiB').argParser(rateOption))
    .addHelpText(
      'after',
      '\nEverything acknowledged before it begins is in it. Only new segments are copied. It holds secrets: keys, certificates.\n',
    )
    .action(async (destination: string, path: string, options: BackupVerbOptions) => {
      const directory = resolve(path)
      await copying(shell, options, async ({ reporter, ...progress }) => {
        await assertThere(directory, 'data directory')
        const { backupDirectory } = await import('@millrace/server')
        const taken = await backupDirectory(directory, resolve(destination), {
          ...progress,
          ...(options.keep === undefined ? {} : { keep: options.keep }),
          ...(options.rate === undefined ? {} : { bytesPerSecond: options.rate }),
        })
        const removed = taken.removed.length === 0 ? '' : `, ${taken.removed.length} older removed`
        await reporter.result(
          { directory, destination: resolve(destination), ...taken },
          `point ${taken.commit}: ${formatBytes(taken.bytes)} in ${taken.files} files, ` +
            `${formatBytes(taken.copiedBytes)} of them new${removed}`,
        )
        await tellFindings(reporter, resolve(destination), [
          ...taken.damage,
          ...taken.unreadable.map(({ reason }) => reason),
        ])
      })
    })
}

function rateOption(text: string): number {
  const bytes = parseByteCount(text)
  if (bytes === undefined || bytes < 1) throw usageError(`"${text}" is no number of bytes`, 'say it like 64MiB')
  return bytes
}
