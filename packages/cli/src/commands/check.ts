/** `millrace check`: not yet; says what it waits for. */
import type { DefineCommand } from '../command-table.ts'
import { usageError } from '../exit-code.ts'
import { addOutputOptions } from '../session.ts'

export const defineCheck: DefineCommand = (command) => {
  addOutputOptions(command)
    .argument('[directory]', 'the data directory', './millrace-data')
    .action(() => {
      throw usageError("check waits for the log's own reader of stopped directories, which this version does not have")
    })
}
