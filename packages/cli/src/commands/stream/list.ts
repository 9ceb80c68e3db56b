/** `millrace stream list`: the streams of this account and region. */
import { ListStreams, type StreamSummary } from '@millrace/protocol'
import type { DefineCommand } from '../../define-command.ts'
import type { Column } from '../../output/table.ts'
import { addSessionOptions, type SessionOptions, withSession } from '../../session.ts'

interface Row {
  readonly name: string
  /** Absent where the endpoint is older than stream summaries. */
  readonly summary?: StreamSummary | undefined
}

const columns: readonly Column<Row>[] = [
  { header: 'stream', cell: ({ name }) => name, cut: 'end' },
  { header: 'status', cell: ({ summary }) => summary?.StreamStatus ?? '' },
  { header: 'mode', cell: ({ summary }) => summary?.StreamModeDetails?.StreamMode ?? '' },
  { header: 'created', cell: ({ summary }) => isoTime(summary?.StreamCreationTimestamp) ?? '' },
]

export const defineStreamList: DefineCommand = (command, shell) => {
  addSessionOptions(command).action(async (options: SessionOptions) => {
    await withSession(shell, options, async (client, reporter) => {
      const rows: Row[] = []
      for await (const page of client.pages(ListStreams, {})) {
        const summaries = new Map(page.StreamSummaries?.map((summary) => [summary.StreamName, summary]))
        for (const name of page.StreamNames) rows.push({ name, summary: summaries.get(name) })
      }
      await reporter.list(columns, rows, ({ name, summary }) => ({
        name,
        arn: summary?.StreamARN,
        status: summary?.StreamStatus,
        mode: summary?.StreamModeDetails?.StreamMode,
        createdAt: isoTime(summary?.StreamCreationTimestamp),
      }))
      if (rows.length === 0) await reporter.note('no streams yet; make one with: millrace stream create <name>')
    })
  })
}

export function isoTime(timeMs: number | undefined): string | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString()
}
