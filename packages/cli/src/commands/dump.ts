/**
 * `millrace dump`: the log of a stopped server, commit by commit, then what is damaged in it, accepted or not. Shows where
 * things are, never payloads.
 */
import { resolve } from 'node:path'
import type { DumpedFrame } from '@millrace/server'
import type { DefineCommand } from '../define-command.ts'
import { withDataDirectory } from '../data-directory.ts'
import { findingText } from '../output/finding-text.ts'
import { addOutputOptions, Reporter, type SessionOptions } from '../session.ts'

export const defineDump: DefineCommand = (command, shell) => {
  addOutputOptions(command)
    .argument('[directory]', 'the data directory of a stopped server', './millrace-data')
    .addHelpText('after', '\n--json writes one document a line.\n')
    .action(async (path: string, options: SessionOptions) => {
      const reporter = new Reporter(shell, options)
      await withDataDirectory(resolve(path), shell, async (opened) => {
        for await (const item of opened.dump()) {
          if (reporter.json) await shell.stdout.write(`${JSON.stringify(item, exact)}\n`)
          else if (item.kind === 'segment') {
            const first = item.header === undefined ? 'not begun' : `first commit ${item.header.firstCommit}`
            await shell.stdout.write(`${item.path}  ${item.sizeBytes} bytes, ${first}\n`)
          } else if (item.kind === 'end') {
            await shell.stdout.write(`  ${item.offset}  end: ${item.reason}\n`)
          } else if (item.kind === 'damage') {
            await shell.stdout.write(`DAMAGED  ${findingText(item)}\n`)
          } else {
            const { header, frames, bad, offset, shards } = item
            const records = frames.reduce((sum, frame) => sum + frame.records, 0)
            const damage = bad.length === 0 ? '' : `, ${bad.length} DAMAGED`
            await shell.stdout.write(
              `  ${offset}  commit ${header.commit}  ${new Date(header.timeMs).toISOString()}  ` +
                `${frames.length} frames, ${records} records, ${header.bodyBytes} bytes${damage}${whose(shards, frames)}\n`,
            )
          }
        }
      })
    })
}

/** Numbers beyond JSON's as text, identifiers as hexadecimal. */
function exact(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}

/** Named in a commit's line; the rest are counted. */
const SHARDS_PER_LINE_MAX = 4

function whose(shards: readonly DumpedFrame[], frames: readonly { readonly records: number }[]): string {
  const named = shards.flatMap(({ stream, shardId }, frame) => {
    return stream === undefined ? [] : [`${stream}/${shardId} ${frames[frame]?.records ?? 0}`]
  })
  const rest = named.length - SHARDS_PER_LINE_MAX
  const shown = named.slice(0, SHARDS_PER_LINE_MAX).join(', ')
  if (named.length === 0) return ''
  return rest > 0 ? `  ${shown} and ${rest} more shards` : `  ${shown}`
}
