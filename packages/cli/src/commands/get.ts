/** `millrace get`: what is there now, from a position to the tip, and then it stops. */
import type { DefineCommand } from '../define-command.ts'
import { addReadOptions, readRecords, type ReadOptions } from '../records/read-records.ts'

const examples = `  millrace get orders --from -15m
  millrace get orders --shard 0 --limit 10 --json
  millrace get orders --format '%k\\t%v{json}\\n'
`

export const defineGet: DefineCommand = (command, shell) => {
  addReadOptions(command, { from: 'trim-horizon', untilEnd: true, examples }).action(
    (stream: string | undefined, options: ReadOptions) => readRecords(shell, stream, options, true),
  )
}
