/** `millrace restore`: brings a data directory back from a backup, or shows what points in time there are. */
import { resolve } from 'node:path'
import { Option } from 'commander'
import { copying, tellFindings } from '../copying.ts'
import { assertThere } from '../data-directory.ts'
import type { DefineCommand } from '../define-command.ts'
import { formatBytes, formatCounted } from '../output/quantities.ts'
import type { Column } from '../output/table.ts'
import { addOutputOptions, countOption, type SessionOptions } from '../session.ts'

interface RestoreVerbOptions extends SessionOptions {
  readonly point?: number
  readonly list?: boolean
}

interface Point {
  readonly commit: number
  readonly createdMs: number
  readonly files: number
  readonly bytes: number
  readonly damage: readonly string[]
}

const columns: readonly Column<Point>[] = [
  { header: 'POINT', cell: ({ commit }) => String(commit) },
  { header: 'TAKEN', cell: ({ createdMs }) => new Date(createdMs).toISOString() },
  { header: 'FILES', cell: ({ files }) => String(files) },
  { header: 'SIZE', cell: ({ bytes }) => formatBytes(bytes) },
  { header: 'DAMAGED', cell: ({ damage }) => formatCounted(damage.length, 'file') },
]

export const defineRestore: DefineCommand = (command, shell) => {
  addOutputOptions(command)
    .argument('<backup>', 'where `millrace backup` saved')
    .argument('[directory]', 'the data directory to make; it must not be there, or be empty', './millrace-data')
    .addOption(
      new Option('--point <commit>', 'which point in time; default the newest').argParser(countOption('--point', 0)),
    )
    .addOption(new Option('--list', 'show the points in time, and restore nothing').conflicts('point'))
    .action(async (backup: string, path: string, options: RestoreVerbOptions) => {
      await copying(shell, options, async ({ reporter, ...progress }) => {
        await assertThere(resolve(backup), 'backup')
        const { listBackupPoints, restoreDirectory } = await import('@millrace/server')
        if (options.list === true) {
          const { points, unreadable } = await listBackupPoints(resolve(backup))
          await reporter.list(columns, points, documentOf)
          return await tellFindings(
            reporter,
            resolve(backup),
            unreadable.map(({ reason }) => reason),
          )
        }
        const directory = resolve(path)
        const { point } = options
        const restored = await restoreDirectory(resolve(backup), directory, {
          ...progress,
          ...(point === undefined ? {} : { point }),
        })
        await reporter.result(
          { directory, ...documentOf(restored) },
          `${directory}: as it was at commit ${restored.commit}, ${new Date(restored.createdMs).toISOString()}. ` +
            'What was put later is gone; its numbers are not given again, so readers that had read further go on with what comes.',
        )
        await tellFindings(reporter, directory, restored.damage)
      })
    })
}

function documentOf({ commit, createdMs, files, bytes, damage }: Point): Readonly<Record<string, unknown>> {
  return { commit, takenAt: new Date(createdMs).toISOString(), files, bytes, damage }
}
