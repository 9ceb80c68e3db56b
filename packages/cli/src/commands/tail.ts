/** `millrace tail`: all shards of a stream as records arrive, through splits and merges, until Ctrl-C. */
import type { DefineCommand } from '../define-command.ts'
import { addReadOptions, readRecords, type ReadOptions } from '../records/read-records.ts'

const examples = `  millrace tail orders
  millrace tail orders --from trim-horizon --json | jq .data
  millrace tail orders --from -1h --until-end --stats > hour.ndjson
`

export const defineTail: DefineCommand = (command, shell) => {
  addReadOptions(command, { from: 'latest', untilEnd: false, examples }).action(
    (stream: string | undefined, options: ReadOptions) =>
      readRecords(shell, stream, options, options.untilEnd === true),
  )
}
