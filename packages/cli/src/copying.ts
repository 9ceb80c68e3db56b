/** What `backup` and `restore` have in common: progress on stderr, Ctrl-C, and failures in words. */
import type { Clock, Random } from '@millrace/std'
import { CommandError, usageError } from './exit-code.ts'
import { formatBytes, formatCounted } from './output/quantities.ts'
import { Progress } from './output/progress.ts'
import { Reporter, type SessionOptions } from './session.ts'
import type { Shell } from './shell.ts'

export interface Copying {
  readonly reporter: Reporter
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  readonly onProgress: (copied: number, total: number) => void
}

export async function copying(
  shell: Shell,
  options: SessionOptions,
  work: (copying: Copying) => Promise<void>,
): Promise<void> {
  const reporter = new Reporter(shell, options)
  const { clock, random } = shell
  const progress = new Progress({
    clock,
    write: (text) => void shell.stderr.write(text),
    width: shell.stderr.width,
    quiet: reporter.quiet,
  })
  const onProgress = (copied: number, total: number): void =>
    progress.update({ bytes: copied, fraction: total === 0 ? 1 : copied / total, note: `of ${formatBytes(total)}` })
  const signal = shell.interruption()
  try {
    await work({ reporter, clock, random, signal, onProgress })
  } catch (error) {
    progress.clear()
    if (signal.aborted) {
      const message = 'interrupted; what is copied is kept, and the next time goes on from there'
      throw new CommandError({ ending: 'interrupted', code: 'Interrupted', message })
    }
    throw inWords(error)
  } finally {
    progress.clear()
  }
}

/** What was to be done is done; what was found to be wrong beside is told, and ends the command with exit 8. */
export async function tellFindings(reporter: Reporter, place: string, findings: readonly string[]): Promise<void> {
  if (findings.length === 0) return
  if (!reporter.json) for (const finding of findings) await reporter.note(finding)
  const message = `${place}: ${formatCounted(findings.length, 'finding')}`
  throw new CommandError({ ending: 'findings', code: 'Findings', message })
}

/** Errors of the directory and of the backup are sentences for people already. */
function inWords(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (error.name === 'ConfigError') return usageError(error.message)
  if (error.name === 'DirectoryInUseError' || error.name === 'LogError') {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
    return new CommandError({ ending: 'failed', code, message: error.message }, { cause: error })
  }
  return error
}
