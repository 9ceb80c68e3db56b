/** `millrace check`: verifies the log of a stopped server; exit 8 when something is wrong. */
import { resolve } from 'node:path'
import type { DefineCommand } from '../define-command.ts'
import { withDataDirectory } from '../data-directory.ts'
import { CommandError } from '../exit-code.ts'
import { formatCounted } from '../output/quantities.ts'
import { addOutputOptions, Reporter, type SessionOptions } from '../session.ts'

export const defineCheck: DefineCommand = (command, shell) => {
  addOutputOptions(command)
    .argument('[directory]', 'the data directory of a stopped server', './millrace-data')
    .action(async (path: string, options: SessionOptions) => {
      const reporter = new Reporter(shell, options)
      const directory = resolve(path)
      const interrupted = shell.interruption()
      const findings = await withDataDirectory(directory, shell, async (opened) => {
        const found: unknown[] = []
        for await (const finding of opened.check(interrupted)) {
          found.push(finding)
          if (!reporter.json) await shell.stdout.write(`${finding.text}\n`)
          else if (reporter.jsonLines) await shell.stdout.write(`${JSON.stringify(finding)}\n`)
        }
        return found
      })
      if (reporter.json && !reporter.jsonLines) {
        await shell.stdout.write(`${JSON.stringify({ directory, items: findings })}\n`)
      }
      if (findings.length === 0) return reporter.note(`${directory}: all is well`)
      throw new CommandError({
        ending: 'findings',
        code: 'Findings',
        message: `${directory}: ${formatCounted(findings.length, 'finding')}`,
      })
    })
}
