/**
 * How the command ends: one table of exit codes, a contract (shown by --help, tested), and the error that carries
 * one together with what a person should do next.
 */
export const exitCodes = {
  done: [0, 'done'],
  failed: [1, 'failed: the service refused or could not'],
  usage: [2, 'usage: the command line or a configuration is wrong'],
  notFound: [3, 'not found: a stream, a shard, or a file or directory that was named'],
  denied: [4, 'denied, or bad credentials'],
  throttled: [5, 'throttled, also after retries'],
  partly: [6, 'partly done: some records or shards failed'],
  unreachable: [7, 'cannot connect, or timed out'],
  findings: [8, 'findings or differences (check, backup, restore)'],
  internal: [70, 'internal fault'],
  interrupted: [130, 'interrupted'],
} as const satisfies Record<string, readonly [number, string]>

export type Ending = keyof typeof exitCodes

export function exitCodeOf(ending: Ending): number {
  return exitCodes[ending][0]
}

export interface CommandFailure {
  readonly ending: Ending
  /** Stable, for machines: a wire error's type, or a word of ours. */
  readonly code: string
  /** What was expected, what was found. One sentence. */
  readonly message: string
  /** The next step, if there is a good one. */
  readonly hint?: string
  readonly requestId?: string
}

/** Ends the command with this failure. Its message is for people: no stack is ever shown for one. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly failure: CommandFailure

  constructor(failure: CommandFailure, options?: ErrorOptions) {
    super(failure.message, options)
    this.failure = failure
  }
}

/** A wrong command line: exit 2. */
export function usageError(message: string, hint?: string): CommandError {
  return new CommandError({ ending: 'usage', code: 'Usage', message, ...(hint === undefined ? {} : { hint }) })
}
