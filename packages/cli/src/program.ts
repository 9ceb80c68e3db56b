/**
 * The command line: builds the grammar from the command table, runs the verb that was named, and turns whatever goes
 * wrong into one message and one exit code.
 */
import { Command, CommanderError } from 'commander'
import { normalizeArguments } from './arguments.ts'
import { absentVerbs, nouns, type Verb, verbs } from './command-table.ts'
import { exitCodeOf, exitCodes, usageError } from './exit-code.ts'
import { describeFailure, failureJson, failureText } from './failure.ts'
import { chooseStyle } from './output/style.ts'
import type { Shell } from './shell.ts'
import { packageVersion } from './version.ts'

const examples = `Examples:
  millrace start                                   serve on http://localhost:4567
  millrace stream create orders --shards 4         make a stream
  millrace put orders '{"id":1}' --key-path id     write a record
  millrace tail orders                             follow it
`

const exitCodeHelp = `
Exit codes:
${Object.values(exitCodes)
  .map(([code, meaning]) => `  ${String(code).padEnd(4)}${meaning}`)
  .join('\n')}
`

/** Runs one command line. Resolves with the exit code; never rejects. `words`: without the interpreter and script. */
export async function runProgram(words: readonly string[], shell: Shell): Promise<number> {
  const program = buildProgram(shell)
  try {
    await program.parseAsync(normalizeArguments(words), { from: 'user' })
    return exitCodeOf('done')
  } catch (error) {
    return report(error, words, shell)
  }
}

function buildProgram(shell: Shell): Command {
  const program = configure(new Command('millrace'), shell)
    .description('Millrace: a durable streaming data service compatible with Amazon Kinesis Data Streams.')
    .version(packageVersion(), '-V, --version')
    .helpCommand(false)
    .addHelpText('before', examples)
    .addHelpText('after', exitCodeHelp)
  const groups = new Map<string, Command>()
  const loaders = new Map<Command, Verb['load']>()
  for (const verb of verbs) {
    const [first, second] = verb.words
    let parent = program
    if (second !== undefined) {
      parent =
        groups.get(first) ??
        configure(
          program
            .command(first)
            .description(nouns[first] ?? '')
            .helpCommand(false),
          shell,
        )
      groups.set(first, parent)
    }
    const command = configure(parent.command(second ?? first).description(verb.summary), shell)
    if (verb.alias !== undefined) command.alias(verb.alias)
    loaders.set(command, verb.load)
  }
  for (const parent of [program, ...groups.values()]) {
    parent.hook('preSubcommand', async (_, command) => {
      const load = loaders.get(command)
      if (load !== undefined) await (await load())(command, shell)
    })
  }
  return program
}

function configure(command: Command, shell: Shell): Command {
  const width = shell.stdout.width
  return command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void shell.stdout.write(text),
      // Mistakes come back as a CommanderError and are reported once, below; help for one goes to stderr.
      writeErr: (text) => {
        if (!text.startsWith('error:')) void shell.stderr.write(text)
      },
      ...(width === undefined ? {} : { getOutHelpWidth: () => width }),
    })
}

async function report(thrown: unknown, words: readonly string[], shell: Shell): Promise<number> {
  let error = thrown
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return 0
    // Help shown because no verb was named: it has said everything.
    if (thrown.code === 'commander.help') return exitCodeOf('usage')
    const absent = words.find((word) => Object.hasOwn(absentVerbs, word))
    if (thrown.code === 'commander.unknownCommand' && absent !== undefined)
      return report(
        usageError(`millrace ${absent} waits for ${absentVerbs[absent]}`, 'docs/compatibility.md lists what is there'),
        words,
        shell,
      )
    const [message = '', ...hint] = thrown.message.replace(/^error: /, '').split('\n')
    error = usageError(
      message,
      hint.join(' ') || 'millrace --help shows the commands, millrace <command> --help its options',
    )
  }
  const failure = describeFailure(error)
  if (words.some((word) => word === '--json' || word === '--json=lines' || word === '--json-lines')) {
    await shell.stderr.write(`${failureJson(failure)}\n`)
  } else {
    const style = chooseStyle({ isTty: shell.stderr.width !== undefined, env: shell.env })
    await shell.stderr.write(`${style.failure(failureText(failure))}\n`)
    // Only a fault of ours deserves a stack.
    if (failure.ending === 'internal' && error instanceof Error) await shell.stderr.write(`${error.stack ?? ''}\n`)
  }
  return exitCodeOf(failure.ending)
}
