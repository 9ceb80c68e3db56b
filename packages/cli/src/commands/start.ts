/**
 * `millrace start`: runs the service until it is told to stop. Its options are the server's table; this is the one
 * place where the server meets an environment, a terminal and signals.
 */
import { resolve } from 'node:path'
import type * as serverModule from '@millrace/server'
import type { ConfigOption, RunningServer, StartConfig } from '@millrace/server'
import { deferred, type Logger, sleep } from '@millrace/std'
import { Option } from 'commander'
import type { DefineCommand } from '../define-command.ts'
import { CommandError, usageError } from '../exit-code.ts'
import { chooseStyle, type Style } from '../output/style.ts'
import type { Shell } from '../shell.ts'
import { packageVersion } from '../version.ts'

/** What a stop may take (DESIGN.md §3); the server itself gives requests in flight 8 s. */
const STOP_MS = 10_000

type Server = typeof serverModule

/** By the option's name, as text. */
type Flags = Readonly<Record<string, string | undefined>>

const help = `
Each option may also stand in the environment, or in millrace.yaml under its name:
a flag beats the environment beats the file beats the default.

Examples:
  millrace start --port 0 --data-dir :memory:
  millrace start --create-streams orders:4,clicks:1 --shard-limits off
`

export const defineStart: DefineCommand = async (command, shell) => {
  // Only who starts a server waits for its code.
  const server = await import('@millrace/server')
  for (const option of server.configOptions) command.addOption(flagOf(option))
  command.addHelpText('after', help).action(async () => {
    const said = command.opts<Record<string, string | undefined>>()
    const flags = Object.fromEntries(
      server.configOptions.flatMap((option) => {
        const value = said[flagOf(option).attributeName()]
        return value === undefined ? [] : [[option.name, value]]
      }),
    )
    const alive = shell.stayAlive()
    try {
      await serve(server, flags, shell)
    } finally {
      alive[Symbol.dispose]()
    }
  })
}

function flagOf({ name, value, meaning, default: defaultText, environment }: ConfigOption): Option {
  const origins = [`default: ${defaultText}`, ...(environment === undefined ? [] : [environment])]
  return new Option(`--${name} <${value.toLowerCase()}>`, `${meaning} (${origins.join('; ')})`.replaceAll('`', ''))
}

async function serve(server: Server, flags: Flags, shell: Shell): Promise<void> {
  const directory = process.cwd()
  const config = await server.readConfig({ flags, environment: shell.env, directory }).catch(explainConfig)
  const isTerminal = shell.stdout.width !== undefined
  const format = config.logFormat ?? (isTerminal ? 'pretty' : 'json')
  const logger = server.createLogger({
    format,
    level: config.logLevel,
    write: (line) => void shell.stdout.write(line),
  })
  const dataDir = config.server.dataDir ?? './millrace-data'
  const dataPath = dataDir === server.IN_MEMORY ? dataDir : resolve(directory, dataDir)

  // Before the start, so that a stop during a long recovery is heard, too.
  const stopping = deferred<NodeJS.Signals>()
  let stopped = false
  shell.onStopSignal((signal) => {
    if (stopped) shell.exit(130)
    stopped = true
    stopping.resolve(signal)
  })

  const { clock, random } = shell
  const starting = server
    .startServer({ ...config.server, dataDir: dataPath, clock, random, logger })
    .catch((error: unknown) => explainStart(error, dataPath))
  const running = await Promise.race([starting, stopping.promise.then(() => undefined)])
  if (running === undefined) {
    logger.info('stopping before it served', { signal: await stopping.promise })
    // Nothing was promised to anybody yet: what opening does not finish in time is recovered by the next start.
    await Promise.race([starting.then((late) => late.close()).catch(() => undefined), sleep(clock, STOP_MS)])
    return
  }
  if (config.aliases.length > 0) logger.info('variables of other doubles', { taken: config.aliases })
  for (const warning of config.warnings) logger.warn(warning)
  if (running.createdKey !== undefined) await shell.stderr.write(createdKeyText(running.createdKey, config))
  if (format === 'pretty' && config.logLevel !== 'silent') {
    const style = chooseStyle({ isTty: isTerminal, env: shell.env })
    await shell.stdout.write(banner(running, config, dataPath, style))
  } else {
    const { endpoint, auth } = running
    logger.info('serving', { endpoint, dataDir: dataPath, auth, version: packageVersion() })
  }
  const ending = await Promise.race([
    stopping.promise.then((signal) => ({ signal })),
    running.failed.then((reason) => ({ reason })),
  ])
  if ('signal' in ending) logger.info('stopping', ending)
  await stop(running, shell, logger)
  if ('reason' in ending) throw cannotStore(ending.reason, dataPath)
}

function cannotStore(reason: string, dataPath: string): CommandError {
  return new CommandError({
    ending: 'internal',
    code: 'CannotStore',
    message: `nothing more can be stored in ${dataPath}: ${reason}`,
    hint: 'what was acknowledged is there; see to the disk, then start again: it recovers by itself',
  })
}

async function stop(running: RunningServer, { clock }: Shell, logger: Logger): Promise<void> {
  const late = new AbortController()
  const tooLate = sleep(clock, STOP_MS, late.signal).then(
    () => true,
    () => false,
  )
  const isLate = await Promise.race([running.close().then(() => false), tooLate])
  late.abort(new Error('stopped'))
  if (isLate) {
    throw new CommandError({
      ending: 'failed',
      code: 'StopTimeout',
      message: `not stopped within ${STOP_MS / 1000} s; ending now (what was acknowledged is stored)`,
    })
  }
  logger.info('stopped')
}

function explainConfig(error: unknown): never {
  if (!(error instanceof Error) || error.name !== 'ConfigError') throw error
  throw usageError(error.message, 'millrace start --help shows all options')
}

/** Errors that say in their own words what is wrong, to people. */
const plainErrors: ReadonlySet<string> = new Set(['DirectoryInUseError', 'LogError', 'EngineError'])

/** What keeps a server from starting is mostly no fault of ours: a sentence, not a stack. */
function explainStart(error: unknown, dataPath: string): never {
  if (!(error instanceof Error)) throw error
  if (error.name === 'ConfigError') return explainConfig(error)
  if (error.name === 'CredentialsError')
    throw usageError(error.message, 'mend the file, or name another with --credentials')
  const { code, syscall } = (error.cause ?? error) as NodeJS.ErrnoException
  const failed = (message: string, hint?: string): CommandError =>
    new CommandError(
      { ending: 'failed', code: code ?? error.name, message, ...(hint === undefined ? {} : { hint }) },
      { cause: error },
    )
  // The port has told already what it could not do.
  if (syscall === 'listen' || syscall === 'getaddrinfo' || plainErrors.has(error.name)) throw failed(error.message)
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    throw usageError(`--data-dir: expected a directory at ${dataPath}, found a file in its way`)
  }
  if (code !== undefined && syscall !== undefined) {
    throw failed(`cannot use the data directory ${dataPath}: ${error.message}`, 'give another with --data-dir')
  }
  throw error
}

function createdKeyText(
  { accessKeyId, secretAccessKey }: NonNullable<RunningServer['createdKey']>,
  { server: { auth, host, dataDir } }: StartConfig,
): string {
  const why = auth === undefined ? ` (--host ${host ?? ''} is not loopback, so signatures are verified)` : ''
  const kept = dataDir === ':memory:' ? 'It is kept nowhere, and lives as long as this server' : 'It is shown this once'
  return (
    `There was no credentials file; a key was made${why}. ${kept}:\n` +
    `  export AWS_ACCESS_KEY_ID=${accessKeyId}\n  export AWS_SECRET_ACCESS_KEY=${secretAccessKey}\n`
  )
}

const authText: Readonly<Record<RunningServer['auth'], string>> = {
  none: 'none: any credentials will do',
  keys: 'keys: signatures are verified',
  iam: 'iam: signatures are verified, policies enforced',
}

function banner(running: RunningServer, config: StartConfig, dataPath: string, style: Style): string {
  const { durability = 'fsync', shardLimits = 'aws' } = config.server
  const rows = [
    ['endpoint', `${style.name(running.endpoint)}  HTTP/1.1, HTTP/2 and TLS`],
    ['data', dataPath === ':memory:' ? 'in memory: nothing is kept' : `${dataPath}  durability ${durability}`],
    ['auth', authText[running.auth]],
    ['limits', typeof shardLimits === 'string' ? shardLimits : 'per shard, as configured'],
    ...(running.testKit === undefined
      ? []
      : [['test kit', `${running.endpoint}/_millrace/  seed ${running.testKit.seed}`]]),
    ...(config.file === undefined ? [] : [['config', config.file]]),
    ['use it', `export AWS_ENDPOINT_URL_KINESIS=${running.endpoint}`],
  ]
  const lines = rows.map(([name = '', text = '']) => `  ${style.secondary(name.padEnd(9))} ${text}\n`)
  return `${style.name('Millrace')} ${packageVersion()}\n${lines.join('')}  Ctrl-C stops it.\n`
}
