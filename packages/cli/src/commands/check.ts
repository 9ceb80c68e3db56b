/**
 * `millrace check`: verifies the log of a stopped server; exit 8 when something is wrong that nobody has accepted. With
 * `--accept-loss` readers go on past what was lost, exactly.
 */
import { resolve } from 'node:path'
import type { Finding, FoundLoss } from '@millrace/server'
import type { DefineCommand } from '../define-command.ts'
import { withDataDirectory } from '../data-directory.ts'
import { CommandError, usageError } from '../exit-code.ts'
import { findingText } from '../output/finding-text.ts'
import { formatCounted } from '../output/quantities.ts'
import { addOutputOptions, Reporter, type SessionOptions } from '../session.ts'

interface CheckOptions extends SessionOptions {
  readonly acceptLoss?: readonly string[]
}

export const defineCheck: DefineCommand = (command, shell) => {
  addOutputOptions(command)
    .argument('[directory]', 'the data directory of a stopped server', './millrace-data')
    .option(
      '--accept-loss <shard:from-to>',
      'have readers go on past this loss, named as check names it; may be said again',
      (loss: string, before: readonly string[] = []) => [...before, loss],
    )
    .action(async (path: string, options: CheckOptions) => {
      const reporter = new Reporter(shell, options)
      const directory = resolve(path)
      const wanted = options.acceptLoss ?? []
      const interrupted = shell.interruption()
      const findings = await withDataDirectory(directory, shell, async (opened) => {
        const found: Finding[] = []
        for await (const finding of opened.check(interrupted)) {
          found.push(finding)
          if (!reporter.json) await shell.stdout.write(`${findingText(finding)}\n`)
          else if (reporter.jsonLines) await shell.stdout.write(`${JSON.stringify(finding)}\n`)
        }
        if (wanted.length > 0) await opened.accept(chosenLosses(wanted, found))
        return found
      })
      if (reporter.json && !reporter.jsonLines) {
        await shell.stdout.write(`${JSON.stringify({ directory, items: findings })}\n`)
      }
      if (wanted.length > 0)
        return reporter.note(`${formatCounted(wanted.length, 'loss')} accepted; readers go on past`)
      if (findings.length === 0) return reporter.note(`${directory}: all is well`)
      const open = findings.filter((finding) => !isWhollyAccepted(finding))
      if (open.length === 0)
        return reporter.note(`${directory}: ${formatCounted(findings.length, 'finding')}, all accepted`)
      const loss = open.flatMap(({ losses }) => losses).find(({ isAccepted }) => !isAccepted)
      throw new CommandError({
        ending: 'findings',
        code: 'Findings',
        message: `${directory}: ${formatCounted(open.length, 'finding')}`,
        hint:
          loss === undefined
            ? 'a backup brings a directory back: millrace restore'
            : 'a backup brings it back: millrace restore; or have readers go on past what is lost: ' +
              `millrace check ${path} --accept-loss '${loss.name}'`,
      })
    })
}

function isWhollyAccepted({ losses }: Finding): boolean {
  return losses.length > 0 && losses.every(({ isAccepted }) => isAccepted)
}

/** `orders/shardId-…:FROM-TO` will do where only one account and region has such a loss. */
function chosenLosses(wanted: readonly string[], findings: readonly Finding[]): readonly FoundLoss[] {
  const losses = findings.flatMap((finding) => finding.losses)
  return wanted.flatMap((name) => {
    const matching = losses.filter((loss) => loss.name === name || loss.name.endsWith(`/${name}`))
    const names = new Set(matching.map((loss) => loss.name))
    if (names.size === 1) return matching
    const there = losses.length === 0 ? 'nothing is lost' : `there are ${losses.map((loss) => loss.name).join(', ')}`
    throw usageError(
      names.size === 0 ? `no loss is called ${name}; ${there}` : `${name} is one of several: ${[...names].join(', ')}`,
      'name it as millrace check does',
    )
  })
}
