/**
 * Every option of `start` in one table: name, environment variable, default, unit, consequence, and how its text is
 * read. A flag beats the environment beats the file beats the default. docs/reference/configuration.md is generated
 * from the table. Nothing here reads the environment: the command hands it in.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'

import type { AuthMode } from './auth/authenticate.ts'
import { readAliases, throttledPuts } from './config-aliases.ts'
import { ConfigError } from './config-error.ts'
import * as read from './config-values.ts'
import { nearest } from '@millrace/std'
import { readYaml, YamlFault } from './yaml-text.ts'
import { DISK_BYTES_MIN, IN_MEMORY, type ServerOptions } from './server.ts'
import { type LogLevel, logLevels } from './telemetry/logger.ts'

export interface ConfigOption {
  /** Without dashes, as in `--data-dir` and as the key of the file. */
  readonly name: string
  /** Undefined: a flag only. */
  readonly environment: string | undefined
  /** For people. */
  readonly default: string
  /** For people: what the value is, like `PORT` or `BYTES`. */
  readonly value: string
  /** One or two sentences of consequence. */
  readonly meaning: string
}

/** What `start` runs with. What was not said is absent: the server has the defaults. */
export interface StartConfig {
  readonly server: ServerOptions
  /** Undefined: pretty on a terminal, else JSON. */
  readonly logFormat: 'pretty' | 'json' | undefined
  readonly logLevel: LogLevel
  /** The file that was read, if there was one. */
  readonly file: string | undefined
  /** Sentences about variables of other doubles that were taken for options. */
  readonly aliases: readonly string[]
  /** Sentences about what was said and has no effect. */
  readonly warnings: readonly string[]
}

export interface ConfigSources {
  /** By option name, as text. */
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Relative paths start here, and `millrace.yaml` is looked for here. */
  readonly directory: string
}

/** A row of the table, with what it does to the configuration. */
interface Row extends ConfigOption {
  readonly apply: (text: string, config: Draft) => void
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
interface Draft {
  readonly server: Mutable<ServerOptions>
  logFormat: StartConfig['logFormat']
  logLevel: LogLevel
}

const CONFIG_FILE = 'millrace.yaml'
/** What a message repeats of a name that is none. */
const NAME_SHOWN_MAX = 60

const rows: readonly Row[] = [
  {
    name: 'port',
    environment: 'MILLRACE_PORT',
    default: '4567',
    value: 'PORT',
    meaning:
      'HTTP/1.1, HTTP/2 and TLS at one port. 0: any free one; the URL is printed and written to `<data-dir>/endpoint`.',
    apply: (text, { server }) => (server.port = read.integer(text, 0, 65_535)),
  },
  {
    name: 'host',
    environment: 'MILLRACE_HOST',
    default: 'localhost (127.0.0.1 and ::1)',
    value: 'HOST',
    meaning:
      'The address to listen on; 0.0.0.0 is every IPv4 one. Elsewhere than loopback, `--auth none` must be said explicitly.',
    apply: (text, { server }) => (server.host = text),
  },
  {
    name: 'data-dir',
    environment: 'MILLRACE_DATA_DIR',
    default: './millrace-data',
    value: 'DIRECTORY',
    meaning: 'Where everything is kept; it belongs to one live process. `:memory:` keeps nothing.',
    apply: (text, { server }) => (server.dataDir = text),
  },
  {
    name: 'engine',
    environment: 'MILLRACE_ENGINE',
    default: 'embedded',
    value: 'ENGINE',
    meaning: '`embedded`: the log in the data directory. A cluster (`nats://host:4222,…`) comes later.',
    apply: (text) => read.engine(text),
  },
  {
    name: 'auth',
    environment: 'MILLRACE_AUTH',
    default: '`none` on loopback without a credentials file, else `keys`',
    value: 'MODE',
    meaning:
      '`none`: a signature of the right shape is wanted, and not verified. `keys`: it is verified; without a credentials file one key is made and shown once (in memory: for this life). `iam`: policies are enforced as well ([credentials.md](credentials.md)).',
    apply: (text, { server }) => (server.auth = read.auth(text) satisfies AuthMode),
  },
  {
    name: 'credentials',
    environment: 'MILLRACE_CREDENTIALS',
    default: '`<data-dir>/credentials.yaml`',
    value: 'FILE',
    meaning:
      'Access keys, roles and policies ([credentials.md](credentials.md)). Edits count within seconds; a wrong one is reported and has no effect.',
    apply: (text, { server }) => (server.credentials = text),
  },
  {
    name: 'kms-key-file',
    environment: 'MILLRACE_KMS_KEY_FILE',
    default: 'none: there is only `alias/aws/kinesis`, with a key made on first use (`<data-dir>/service-key.yaml`)',
    value: 'FILE',
    meaning:
      'Master keys that streams are encrypted under ([format](../formats/kms-keys.md)). Edits count within seconds; a wrong one is reported and has no effect. Without its keys, what is encrypted under them cannot be read: keep a copy.',
    apply: (text, { server }) => (server.kmsKeyFile = text),
  },
  {
    name: 'audit-log',
    environment: 'MILLRACE_AUDIT_LOG',
    default: 'none',
    value: 'FILE',
    meaning:
      'Lines of JSON: every call that was refused for who asked, and every other one but puts and reads ([credentials.md](credentials.md)).',
    apply: (text, { server }) => (server.auditLog = text),
  },
  {
    name: 'shard-limits',
    environment: 'MILLRACE_SHARD_LIMITS',
    default: 'aws',
    value: 'LIMITS',
    meaning:
      'Per shard and second: `aws` (1 MiB and 1,000 records in, 2 MiB and 5 reads out, 2 MiB to each subscription), `off`, or `write-bytes=…,write-records=…,read-bytes=…,reads=…,subscription-bytes=…` (what is left out is as on AWS). Bytes may have KiB or MiB.',
    apply: (text, { server }) => (server.shardLimits = read.shardLimits(text)),
  },
  {
    name: 'api-limits',
    environment: 'MILLRACE_API_LIMITS',
    default: 'off',
    value: 'LIMITS',
    meaning:
      'How often operations may be called: `aws` (most five times a second in an account and region; DescribeStream 10, DescribeStreamSummary 20, SubscribeToShard once a consumer and shard), or `off`.',
    apply: (text, { server }) => (server.apiLimits = read.apiLimits(text)),
  },
  {
    name: 'quota',
    environment: 'MILLRACE_QUOTA',
    default: 'shards=20000,on-demand-streams=1000,on-demand-shards=200',
    value: 'QUOTAS',
    meaning:
      'What an account may have in a region: `shards=N` open shards, `on-demand-streams=N` streams in that mode, and `on-demand-shards=N` shards for the traffic of each of them; what a stream may have: `consumers=N` registered ones (20), and in 24 hours `scalings=N` (10), `mode-changes=N` (2) and `encryption-changes=N` (25). `off` for N: any number. What is left out has its default.',
    apply: (text, { server }) => (server.quotas = read.quotas(text)),
  },
  {
    name: 'durability',
    environment: 'MILLRACE_DURABILITY',
    default: 'fsync',
    value: 'MODE',
    meaning:
      '`fsync`: acknowledged is on the disk. `os`: acknowledged has reached the kernel, and survives a kill but not a power loss.',
    apply: (text, { server }) => (server.durability = read.oneOf(text, ['fsync', 'os'] as const)),
  },
  {
    name: 'disk-max',
    environment: 'MILLRACE_DISK_MAX',
    default: 'none',
    value: 'BYTES',
    meaning:
      'The most the log may take with its indexes and snapshots, like `20GiB`; at least `192MiB`, of which two segments can be filled. At the bound puts are refused until retention makes room, which may take one more segment for a while. No effect in memory.',
    apply: (text, { server }) => (server.diskMax = read.bytes(text, DISK_BYTES_MIN)),
  },
  {
    name: 'disk-reserve',
    environment: 'MILLRACE_DISK_RESERVE',
    default: '256MiB',
    value: 'BYTES',
    meaning:
      'What is left free on the disk: nearer to its end puts are refused, and come back by themselves. No effect in memory.',
    apply: (text, { server }) => (server.diskReserve = read.bytes(text)),
  },
  {
    name: 'tls-cert',
    environment: 'MILLRACE_TLS_CERT',
    default: 'self-signed on first use, kept in `<data-dir>/tls`',
    value: 'FILE',
    meaning: 'Certificate chain in PEM. With `--tls-key`.',
    apply: (text, { server }) => (server.tlsCert = text),
  },
  {
    name: 'tls-key',
    environment: 'MILLRACE_TLS_KEY',
    default: 'self-signed on first use, kept in `<data-dir>/tls`',
    value: 'FILE',
    meaning: 'Private key in PEM. With `--tls-cert`.',
    apply: (text, { server }) => (server.tlsKey = text),
  },
  {
    name: 'allowed-hosts',
    environment: 'MILLRACE_ALLOWED_HOSTS',
    default: 'loopback names',
    value: 'NAMES',
    meaning:
      'Further values of `Host` that are answered under `--auth none` on loopback, comma-separated; `.example.org` is all below, `*` any.',
    apply: (text, { server }) => (server.allowedHosts = read.list(text)),
  },
  {
    name: 'cors-origins',
    environment: 'MILLRACE_CORS_ORIGINS',
    default: 'loopback origins under `none`, else any',
    value: 'ORIGINS',
    meaning:
      'Web pages that may call the service from a browser, comma-separated, like `https://console.example.org`; `*` is any.',
    apply: (text, { server }) => (server.corsOrigins = read.origins(text)),
  },
  {
    name: 'create-streams',
    environment: 'INITIALIZE_STREAMS',
    default: 'none',
    value: 'STREAMS',
    meaning:
      'Streams that are made at the start unless they are there, like `orders:4,clicks:on-demand`, in the server’s region or, like `far:2:us-west-2`, in another.',
    apply: (text, { server }) => (server.createStreams = read.streams(text)),
  },
  {
    name: 'status-delay-ms',
    environment: 'MILLRACE_STATUS_DELAY_MS',
    default: '0',
    value: 'MS',
    meaning:
      'How long CREATING, UPDATING and DELETING are shown. With 0 the change is done and durable when the call answers; one that takes longer than a request may (20 s) is durable, and goes on to be shown until it is done.',
    apply: (text, { server }) => (server.statusDelayMs = read.integer(text, 0, 3_600_000)),
  },
  {
    name: 'test-kit',
    environment: 'MILLRACE_TEST_KIT',
    default: 'off',
    value: 'KIT',
    meaning:
      '`on`: tests move the time, add faults and reset everything by HTTP below `/_millrace/` ([how](../testing-your-application.md)); `seed=N` also seeds its dice (default 1). Only in memory, which is then the default of `--data-dir`, and under `--auth none`; elsewhere than on loopback that must be said explicitly.',
    apply: (text, { server }) => {
      const testKit = read.testKit(text)
      if (testKit !== undefined) server.testKit = testKit
    },
  },
  {
    name: 'account',
    environment: 'AWS_ACCOUNT_ID',
    default: '000000000000',
    value: 'ACCOUNT',
    meaning: 'Account of callers whose access key neither names one nor is 12 digits itself.',
    apply: (text, { server }) => (server.account = read.account(text)),
  },
  {
    name: 'region',
    environment: 'AWS_REGION',
    default: 'us-east-1',
    value: 'REGION',
    meaning: 'Region of `--create-streams`, and of callers whose signature names none.',
    apply: (text, { server }) => (server.region = read.region(text)),
  },
  {
    name: 'log-format',
    environment: 'MILLRACE_LOG_FORMAT',
    default: '`pretty` on a terminal, else `json`',
    value: 'FORMAT',
    meaning: 'How log lines are written.',
    apply: (text, config) => (config.logFormat = read.oneOf(text, ['pretty', 'json'] as const)),
  },
  {
    name: 'log-level',
    environment: 'MILLRACE_LOG_LEVEL',
    default: 'info',
    value: 'LEVEL',
    meaning: 'The least that is written: `debug`, `info`, `warn`, `error` or `silent`.',
    apply: (text, config) => (config.logLevel = read.oneOf(text, logLevels)),
  },
]

/** The option that says where the others are. */
const configOption: ConfigOption = {
  name: 'config',
  environment: 'MILLRACE_CONFIG',
  default: '`millrace.yaml` if present',
  value: 'FILE',
  meaning:
    'The same options as a YAML file, named as the flags without dashes in front. Flag beats environment beats file.',
}

/** In the order of the reference page. */
export const configOptions: readonly ConfigOption[] = [...rows, configOption]

/** Throws ConfigError: what was expected, what was found, and where. */
export async function readConfig(sources: ConfigSources): Promise<StartConfig> {
  const { flags, environment, directory } = sources
  checkNames(Object.keys(flags), 'flag ', '--')
  const chosen = flags['config'] ?? given(environment[configOption.environment ?? ''])
  const file = resolve(directory, chosen ?? CONFIG_FILE)
  const text = await readIfThere(file, chosen !== undefined)
  const fromFile = text === undefined ? {} : parseConfigFile(text, file)

  const config: Draft = { server: {}, logFormat: undefined, logLevel: 'info' }
  const foreign = readAliases(environment)
  const aliases: string[] = []
  const warnings = [...unknownVariables(environment), ...foreign.warnings]
  for (const row of rows) {
    const variable = row.environment ?? ''
    const alias = foreign.options.get(row.name)
    const candidates = [
      [flags[row.name], `--${row.name}`],
      [given(environment[variable]), variable],
      [alias?.text, alias?.variables.join(', ') ?? ''],
      [fromFile[row.name], `${row.name} in ${file}`],
    ] as const
    const taken = candidates.find(([candidate]) => candidate !== undefined)
    if (taken?.[0] === undefined) continue
    const [value, where] = taken
    try {
      row.apply(value, config)
      if (taken === candidates[2]) aliases.push(`${where} taken as --${row.name} ${value}`)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      if (taken !== candidates[2]) throw new ConfigError(`${where}: ${error.message}`)
      // Others may have set it for reasons of their own.
      warnings.push(`${where} has no effect as --${row.name}: ${error.message}`)
    }
  }
  checkTogether(config.server)
  if (config.server.testKit !== undefined) config.server.dataDir ??= IN_MEMORY
  if (foreign.errorProbability !== undefined) {
    const { variable, probability } = foreign.errorProbability
    if (config.server.testKit === undefined) warnings.push(`${variable} has no effect without --test-kit on`)
    else {
      config.server.testKit = { ...config.server.testKit, faults: [throttledPuts(probability)] }
      aliases.push(`${variable} taken as a fault of the test kit: puts are throttled with probability ${probability}`)
    }
  }
  return { ...config, file: text === undefined ? undefined : file, aliases, warnings }
}

/** A slip in a variable's name would go unnoticed: others may be there for reasons of their own, so no error. */
function unknownVariables(environment: ConfigSources['environment']): readonly string[] {
  const known = configOptions.flatMap((option) => option.environment ?? [])
  return Object.keys(environment)
    .filter((name) => name.startsWith('MILLRACE_') && !known.includes(name))
    .map((name) => {
      const near = nearest(name, known)
      return `${name} is set, and no option has that name${near === undefined ? '' : `: did you mean ${near}?`}`
    })
}

/** A variable set to nothing is as good as not set. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}

function checkTogether({ tlsCert, tlsKey }: ServerOptions): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const missing = tlsCert === undefined ? 'tls-cert' : 'tls-key'
    throw new ConfigError(`--${missing}: expected together with --${missing === 'tls-cert' ? 'tls-key' : 'tls-cert'}`)
  }
}

async function readIfThere(file: string, wanted: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !wanted) return undefined
    const found = code === 'ENOENT' ? 'there is none' : message
    throw new ConfigError(`--config: expected a file at ${file}, but ${found}`)
  }
}

/** Values as text, as a flag has them. */
export function parseConfigFile(text: string, file: string): Readonly<Record<string, string>> {
  const root = parsedFile(text, file)
  if (root === null || root === undefined) return {}
  if (typeof root !== 'object' || Array.isArray(root)) throw new ConfigError(`${file}: expected a map of options`)
  checkNames(Object.keys(root), `${file}: `, '')
  return Object.fromEntries(
    Object.entries(root)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, asText(name, value, file)]),
  )
}

function parsedFile(text: string, file: string): unknown {
  try {
    return readYaml(text)
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error
    throw new ConfigError(`${file}${error.line === undefined ? '' : `:${error.line}`}: ${error.message}`)
  }
}

/** A list is what a flag separates with commas; a map, what it writes as `name=value`. */
function asText(name: string, value: unknown, file: string): string {
  if (Array.isArray(value)) return value.map((item: unknown) => asText(name, item, file)).join(',')
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([key, item]: [string, unknown]) => `${key}=${asText(name, item, file)}`)
      .join(',')
  }
  if (name === 'account' && typeof value === 'number') {
    throw new ConfigError(`${name} in ${file}: expected 12 digits in quotes, found a number`)
  }
  return String(value)
}

function checkNames(names: readonly string[], where: string, dashes: string): void {
  const known = configOptions.map(({ name }) => name)
  for (const name of names) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const hint = near === undefined ? '' : ` Did you mean '${dashes}${near}'?`
    throw new ConfigError(`${where}'${dashes}${name.slice(0, NAME_SHOWN_MAX)}': no such option.${hint}`)
  }
}
