/** Deleting is asked about: on a terminal the name must be typed again; elsewhere `--yes` says it is meant. */
import { usageError } from './exit-code.ts'
import { splitLines } from './records/lines.ts'
import type { Shell } from './shell.ts'

/** More than any name. */
const ANSWER_BYTES_MAX = 1024

/** Throws a usage error where nobody could answer. */
export function requireMeant(shell: Shell, isYes: boolean | undefined, consequence: string): void {
  if (isYes === true || (shell.stdin.isTerminal && shell.stderr.width !== undefined)) return
  throw usageError(consequence, 'say that it is meant, with --yes')
}

/** Rejects with a usage error when something else than the name is answered. */
export async function confirmName(name: string, consequence: string, shell: Shell): Promise<void> {
  await shell.stderr.write(`${consequence} Type its name to go on: `)
  for await (const line of splitLines(shell.stdin.chunks, ANSWER_BYTES_MAX)) {
    if (Buffer.from(line).toString().trim() === name) return
    break
  }
  throw usageError(`that is not ${name}; nothing was deleted`)
}
