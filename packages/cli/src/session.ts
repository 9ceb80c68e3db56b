/**
 * What every client verb begins with: the options of the target and of the output, a client for the one, and a way
 * to write the other. Says on stderr where it is going, before it goes there.
 */
import type { KinesisClient } from '@millrace/client'
import { parseDuration } from '@millrace/std'
import { type Command, Option } from 'commander'
import { usageError } from './exit-code.ts'
import { chooseStyle, type Style } from './output/style.ts'
import { type Column, formatTable } from './output/table.ts'
import type { Shell } from './shell.ts'

export interface SessionOptions {
  readonly endpointUrl?: string
  readonly region?: string
  readonly profile?: string
  readonly aws?: boolean
  readonly timeout?: number
  readonly json?: boolean
  readonly jsonLines?: boolean
  readonly quiet?: boolean
  /** Commander's word for --no-color. */
  readonly color?: boolean
}

export function addSessionOptions(command: Command): Command {
  return addOutputOptions(command)
    .addOption(new Option('--endpoint-url <url>', 'where to go; default: as AWS tools choose, else the local server'))
    .addOption(new Option('--aws', 'go to AWS itself').conflicts('endpointUrl'))
    .option('--region <region>', 'default: AWS_REGION, the profile, us-east-1')
    .option('--profile <name>', 'of the AWS configuration files')
    .addOption(
      new Option('--timeout <duration>', 'for each call with its retries; default 60s').argParser(durationOption),
    )
}

/** For verbs that talk to nobody. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'one JSON document on stdout')
    .option('--json-lines', 'lists as one JSON document a line (also --json=lines)')
    .option('-q, --quiet', 'no target line, progress or hints; no header in tables')
    .option('--no-color', 'no colour (also NO_COLOR)')
}

export function durationOption(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw usageError(`"${text}" is no duration`, 'durations look like 500ms, 30s, 15m or 2h')
  return ms
}

/** For options that count: a whole number from `min` on. */
export function countOption(name: string, min: number): (text: string) => number {
  return (text) => {
    const count = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= min) return count
    throw usageError(`${name} takes a whole number from ${min} on, not "${text}"`)
  }
}

/** The stream may be said in two ways; what stands behind it moves up when the option is used. */
export function streamAndRest(
  positional: readonly (string | undefined)[],
  option: string | undefined,
): readonly [stream: string, ...rest: (string | undefined)[]] {
  if (option !== undefined) return [option, ...positional]
  const [stream, ...rest] = positional
  if (stream === undefined)
    throw usageError('which stream?', 'name it first, or with --stream; millrace stream list shows them')
  return [stream, ...rest]
}

/** The output half of a session. */
export class Reporter {
  readonly shell: Shell
  readonly style: Style
  readonly json: boolean
  readonly jsonLines: boolean
  readonly quiet: boolean

  constructor(shell: Shell, options: SessionOptions) {
    this.shell = shell
    this.json = options.json === true || options.jsonLines === true
    this.jsonLines = options.jsonLines === true
    this.quiet = options.quiet === true
    this.style = chooseStyle({ isTty: shell.stdout.width !== undefined, env: shell.env, wanted: options.color })
  }

  /** A word on stderr for people; nothing when quiet. */
  async note(text: string): Promise<void> {
    if (!this.quiet) await this.shell.stderr.write(`${text}\n`)
  }

  /** The result of a command: as a document, or in words on stderr where there is nothing to say to a pipe. */
  async result(document: unknown, text: string): Promise<void> {
    if (this.json) await this.shell.stdout.write(`${JSON.stringify(document)}\n`)
    else await this.note(text)
  }

  async list<Row>(
    columns: readonly Column<Row>[],
    rows: readonly Row[],
    toDocument: (row: Row) => unknown,
  ): Promise<void> {
    const { stdout } = this.shell
    if (this.jsonLines) for (const row of rows) await stdout.write(`${JSON.stringify(toDocument(row))}\n`)
    else if (this.json) await stdout.write(`${JSON.stringify({ items: rows.map(toDocument) })}\n`)
    else await stdout.write(formatTable(columns, rows, { width: stdout.width, style: this.style, header: !this.quiet }))
  }
}

/**
 * Runs `work` with a client for the target that was asked for, and closes the client. `httpVersion`: for what needs
 * HTTP/2. Default: what the endpoint has.
 */
export async function withSession(
  shell: Shell,
  options: SessionOptions,
  work: (client: KinesisClient, reporter: Reporter, target: Target) => Promise<void>,
  httpVersion?: '2',
): Promise<void> {
  const reporter = new Reporter(shell, options)
  const { openTarget } = await import('./target.ts')
  const target = await openTarget(shell, options, httpVersion)
  try {
    await reporter.note(`→ ${target.description}`)
    await work(target.client, reporter, target)
  } finally {
    await target.client.close()
  }
}

export interface Target {
  readonly client: KinesisClient
  /** `http://localhost:4567 (default) region us-east-1`. */
  readonly description: string
  /** A place where readers share what they pay for: be more polite. */
  readonly isAws: boolean
}
