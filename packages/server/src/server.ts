/**
 * The whole service on one port: engine, service, who may call, front door, wired in this order and closed in the
 * other. It reads no environment, handles no signals and prints nothing: that is for whoever starts it.
 */
import { rm, stat, writeFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'

import { KinesisError } from '@millrace/protocol'
import {
  type Clock,
  deferred,
  type Logger,
  nearest,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from '@millrace/std'

import { createAudit } from './auth/audit.ts'
import type { AuthMode } from './auth/authenticate.ts'
import { CredentialsFile, newKey } from './auth/credentials-file.ts'
import { noCredentials, openFrontDesk } from './auth/front-desk.ts'
import { ConfigError } from './config-error.ts'
import { describeDamage, nameDamage } from './damage-names.ts'
import { LocalKeys } from './encryption/local-keys.ts'
import type { Engine } from './engine/engine.ts'
import { BodyWorker } from './http/body-worker.ts'
import { createDispatch } from './http/dispatch.ts'
import { createHostPolicy, isLoopback } from './http/host-policy.ts'
import { type FrontDoorLimits, frontDoorLimits } from './http/limits.ts'
import { Listener } from './http/listener.ts'
import { createPages, type Readiness } from './http/pages.ts'
import { assertTlsPair, tlsIdentity } from './http/tls-identity.ts'
import { Service, type ServiceSettings } from './service.ts'
import { AuditLog } from './telemetry/audit-log.ts'
import { createPrometheusMetrics } from './telemetry/prometheus.ts'
import type { ServerTestKit, TestKit, TestKitOptions } from './test-kit/test-kit.ts'

/** `dataDir` for a server that keeps nothing. */
export const IN_MEMORY = ':memory:'

export interface StreamToCreate {
  readonly name: string
  /** Left out: in ON_DEMAND mode. */
  readonly shards?: number
  /** Default: the server's. */
  readonly region?: string
}

/** Everything has the default of the option of the same name (docs/reference/configuration.md). */
export interface ServerOptions {
  readonly port?: number
  readonly host?: string
  /** `:memory:` keeps nothing. */
  readonly dataDir?: string
  readonly auth?: AuthMode
  /** Path of the credentials file. */
  readonly credentials?: string
  /** Path of the file of master keys. */
  readonly kmsKeyFile?: string
  /** Path of the audit log. */
  readonly auditLog?: string
  readonly shardLimits?: NonNullable<ServiceSettings['shardLimits']>
  /** How often operations may be called. Default `off`. */
  readonly apiLimits?: NonNullable<ServiceSettings['apiLimits']>
  readonly quotas?: NonNullable<ServiceSettings['quotas']>
  readonly durability?: 'fsync' | 'os'
  /** Bytes the log may take at most. */
  readonly diskMax?: number
  /** Bytes of the disk that are left free. */
  readonly diskReserve?: number
  /** Paths of PEM files; both or none. */
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly allowedHosts?: readonly string[]
  readonly corsOrigins?: readonly string[]
  readonly createStreams?: readonly StreamToCreate[]
  readonly statusDelayMs?: number
  /** 12 digits. */
  readonly account?: string
  readonly region?: string
  /** Default: silent. */
  readonly logger?: Logger
  /** For tests: other bounds of the front door (docs/reference/limits.md). */
  readonly limits?: Partial<FrontDoorLimits>
  readonly clock?: Clock
  readonly random?: Random
  /** For tests: time to move, faults, resets (docs/testing-your-application.md). Only in memory. Default: none of it. */
  readonly testKit?: TestKitOptions
}

export interface RunningServer extends AsyncDisposable {
  /** `http://localhost:4567`; https is served at the same port. */
  readonly endpoint: string
  readonly port: number
  readonly auth: AuthMode
  /** The key that was made because keys were asked for and there was no file. Show it once. */
  readonly createdKey: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
  /** Present if it was asked for. */
  readonly testKit: TestKit | undefined
  readiness(): Readiness
  /**
   * Resolves with the reason when nothing can be stored any more until the directory is opened anew: a write or a sync
   * of the log failed. What is stored is still served until `close`.
   */
  readonly failed: Promise<string>
  /** Accepts no more, finishes what is in flight (8 s at most), syncs. Twice is fine. */
  close(): Promise<void>
}

const MIB = 2 ** 20
/** One segment that is written, one that stands ready, one that retention gives back. */
export const DISK_BYTES_MIN = 3 * 64 * MIB
/** Left free on the disk unless said otherwise. */
const DISK_RESERVE_BYTES = 256 * MIB

/** How long creating one stream of `createStreams` may take. */
const CREATE_STREAM_MS = 30_000

/** Rejects with a sentence for people: ConfigError, or what the engine or the port says. Leaves nothing open then. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const settings = withDefaults(options)
  const closers: (() => Promise<void> | void)[] = []
  // What cannot be closed keeps nothing else open.
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = []
    for (const close of closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
  try {
    return await start(settings, closers, closeAll)
  } catch (error) {
    await closeAll().catch((failure: unknown) => {
      settings.logger.error('not everything could be closed after a failed start', { error: failure })
    })
    throw error
  }
}

async function start(
  settings: Settings,
  closers: (() => Promise<void> | void)[],
  closeAll: () => Promise<void>,
): Promise<RunningServer> {
  const { clock, random, logger, dataDir, host } = settings
  const directory = dataDir === IN_MEMORY ? undefined : dataDir
  const loopback = isLoopback(host)

  const credentialsPath = settings.credentials ?? (directory && join(directory, 'credentials.yaml'))
  const hasCredentials = await exists(credentialsPath)
  // Who names a file wants its keys: a slip of the pen must neither open the door nor make new keys.
  if (settings.credentials !== undefined && !hasCredentials)
    throw new ConfigError(`credentials: there is no file ${settings.credentials}`)
  const auth = settings.auth ?? (loopback && !hasCredentials ? 'none' : 'keys')
  if (settings.testKit?.http === true && auth !== 'none')
    throw new ConfigError(
      `test-kit: over HTTP it asks for no signature: expected --auth none, said explicitly, found ${auth}`,
    )
  const credentials = auth === 'none' ? undefined : await openCredentials(credentialsPath, settings)
  closers.push(() => credentials?.close())
  const auditLog = settings.auditLog === undefined ? undefined : await openAuditLog(settings.auditLog, settings)
  closers.push(() => auditLog?.close())

  const tls = tlsFiles(settings)
  if (tls !== undefined) await assertTlsPair(tls)

  const kit = settings.testKit && (await openTestKit(settings.testKit, settings))
  // What the service lives by. Sockets, files and signatures are of this world, and stay with the machine's.
  const time = kit?.time ?? clock

  const failed = deferred<string>()
  const openStore = (): Promise<Engine> =>
    openEngine({ ...settings, clock: time }, directory, (reason) => failed.resolve(reason))
  let engine = await openStore()
  closers.push(() => engine.close())
  const bodies = new BodyWorker({
    bytesMin: settings.limits.workerBodyBytesMin,
    queueMax: settings.limits.workerQueueMax,
    idleMs: settings.limits.workerIdleMs,
    clock: settings.clock,
    logger,
  })
  closers.push(() => bodies.close())

  // After the engine: it has made the data directory, and holds it.
  const masterKeys = await LocalKeys.open({ file: settings.kmsKeyFile, directory, clock, random, logger })
  closers.push(() => masterKeys.close())

  let listener: Listener | undefined
  const metrics = createPrometheusMetrics(
    () => ({
      ...(listener?.gauges() ?? { connections: 0, requests: 0, bodyBytes: 0, answerBytes: 0 }),
      writable: engine.health().writable,
    }),
    ({ account, region, stream }) => service.findStream({ account, region, name: stream }),
  )
  const openService = async (): Promise<Service> => {
    const opened = await Service.open({
      engine,
      clock: time,
      random,
      masterKeys,
      logger,
      metrics,
      options: {
        shardLimits: settings.shardLimits,
        apiLimits: settings.apiLimits,
        quotas: settings.quotas,
        statusDelayMs: settings.statusDelayMs,
      },
    })
    try {
      await createStreams(opened, { ...settings, clock: time })
      return opened
    } catch (error) {
      await opened.close()
      throw error
    }
  }
  let service = await openService()
  closers.push(() => service.close())
  const faulty = kit?.serve({
    service: () => service,
    async close() {
      await service.close()
      await engine.close()
    },
    async open() {
      engine = await openStore()
      service = await openService()
    },
  })
  closers.push(() => kit?.close())

  let closing: Promise<void> | undefined
  const readiness = (): Readiness => {
    const { writable, reason, damage } = engine.health()
    const owners = damage.length === 0 ? undefined : service.shardOwners()
    const named = damage.map((one) => describeDamage(nameDamage(one, owners ?? new Map())))
    const notes = [...(closing === undefined ? [] : ['stopping']), ...(reason === undefined ? [] : [reason]), ...named]
    return { ready: writable && closing === undefined, notes }
  }
  const guarded = auth === 'none' && loopback
  const hosts = createHostPolicy({
    allowedHosts: guarded ? settings.allowedHosts : undefined,
    corsOrigins: settings.corsOrigins ?? (auth === 'none' ? [] : ['*']),
  })
  const dispatch = createDispatch({
    service: faulty ?? service,
    ...openFrontDesk({
      mode: auth,
      ...(credentials === undefined ? {} : { credentials: () => credentials.current }),
      account: settings.account,
      region: settings.region,
      seal: service.seal,
      clock: time,
      signatureClock: clock,
      random,
      ...(auditLog === undefined ? {} : { audit: createAudit((fields) => auditLog.record(fields)) }),
    }),
    bodies,
    hosts,
    pages: createPages({ readiness, metrics: () => metrics.print() }),
    limits: settings.limits,
    clock: time,
    random,
    logger,
    onAnswer: (operation, status, elapsedMs) => metrics.request(operation, status, elapsedMs),
  })
  listener = await Listener.open({
    host,
    port: settings.port,
    dispatch: faulty === undefined ? dispatch : (kit?.front(dispatch, faulty, hosts) ?? dispatch),
    limits: settings.limits,
    clock,
    random,
    logger,
    tlsIdentity: () =>
      tlsIdentity({
        files: tls,
        directory: directory && join(directory, 'tls'),
        host,
        clock,
        random,
        logger,
      }),
  })
  const open = listener
  closers.push(() => open.close())
  // Before the listener waits for its answers.
  closers.push(() => service.stopWaiting())

  const endpoint = `http://${urlHost(host)}:${listener.port}`
  if (directory !== undefined) {
    const path = join(directory, 'endpoint')
    await writeFile(path, `${endpoint}\n`)
    // Gone when the server is: what it says is then no longer true.
    closers.push(() => rm(path, { force: true }))
  }
  const close = (): Promise<void> => (closing ??= closeAll())
  return {
    endpoint,
    port: listener.port,
    auth,
    createdKey: credentials?.created,
    testKit: kit,
    readiness,
    failed: failed.promise,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function openAuditLog(path: string, { clock, logger }: Settings): Promise<AuditLog> {
  try {
    return await AuditLog.open({ path, clock, logger })
  } catch (error) {
    throw new ConfigError(`audit-log: ${path} cannot be written: ${(error as Error).message}`)
  }
}

/** In memory, a key lives as long as the server. */
async function openCredentials(
  path: string | undefined,
  { clock, random, logger }: Settings,
): Promise<Pick<CredentialsFile, 'current' | 'created' | 'close'>> {
  if (path !== undefined) return await CredentialsFile.open({ path, clock, random, logger })
  const created = newKey(random)
  return { created, current: { ...noCredentials, accessKeys: new Map([[created.accessKeyId, created]]) }, close() {} }
}

type Settings = ReturnType<typeof withDefaults>

const OPTION_NAMES = Object.keys({
  port: true,
  host: true,
  dataDir: true,
  auth: true,
  credentials: true,
  kmsKeyFile: true,
  auditLog: true,
  shardLimits: true,
  apiLimits: true,
  quotas: true,
  durability: true,
  diskMax: true,
  diskReserve: true,
  tlsCert: true,
  tlsKey: true,
  allowedHosts: true,
  corsOrigins: true,
  createStreams: true,
  statusDelayMs: true,
  account: true,
  region: true,
  logger: true,
  limits: true,
  clock: true,
  random: true,
  testKit: true,
} satisfies Record<keyof ServerOptions, true>)

function withDefaults(options: ServerOptions) {
  for (const name of Object.keys(options)) {
    if (OPTION_NAMES.includes(name)) continue
    // A slip would go unnoticed, and the records elsewhere than meant.
    const near = nearest(name, OPTION_NAMES)
    throw new ConfigError(`${name}: no such option${near === undefined ? '' : `; did you mean ${near}?`}`)
  }
  if ((options.tlsCert === undefined) !== (options.tlsKey === undefined)) {
    throw new ConfigError('tls-cert and tls-key: expected both or none, found one')
  }
  if (options.diskMax !== undefined && options.diskMax < DISK_BYTES_MIN) {
    throw new ConfigError(
      `diskMax: expected at least ${DISK_BYTES_MIN / MIB}MiB, three segments of the log, found ${options.diskMax} bytes`,
    )
  }
  if (options.testKit !== undefined && options.dataDir !== IN_MEMORY) {
    throw new ConfigError(
      `test-kit: expected data-dir ${IN_MEMORY}, found '${options.dataDir ?? './millrace-data'}'; ` +
        'time that is moved, and a reset, would delete what is to be kept',
    )
  }
  return {
    ...options,
    port: options.port ?? 4567,
    host: options.host ?? 'localhost',
    dataDir: options.dataDir ?? './millrace-data',
    shardLimits: options.shardLimits ?? 'aws',
    apiLimits: options.apiLimits ?? 'off',
    quotas: options.quotas ?? {},
    durability: options.durability ?? 'fsync',
    allowedHosts: options.allowedHosts ?? [],
    createStreams: options.createStreams ?? [],
    statusDelayMs: options.statusDelayMs ?? 0,
    account: options.account ?? '000000000000',
    region: options.region ?? 'us-east-1',
    logger: options.logger ?? silentLogger,
    limits: { ...frontDoorLimits, ...options.limits },
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  }
}

/** Loaded when it is asked for. */
async function openTestKit(options: TestKitOptions, { clock, logger }: Settings): Promise<ServerTestKit> {
  const { ServerTestKit: Kit } = await import('./test-kit/test-kit.ts')
  const kit = new Kit(options, clock)
  logger.info('test kit', { seed: kit.seed, http: options.http === true })
  return kit
}

/** Loaded when it is needed: in memory, nobody waits for the log's code. */
async function openEngine(
  settings: Settings,
  directory: string | undefined,
  onStopped: (reason: string) => void,
): Promise<Engine> {
  const { clock, random, logger, durability, diskMax, diskReserve } = settings
  if (directory === undefined) {
    const { createMemoryEngine } = await import('./engine/memory/memory-engine.ts')
    return createMemoryEngine({ clock })
  }
  const { openEmbeddedEngine } = await import('./engine/embedded/embedded-engine.ts')
  return openEmbeddedEngine({
    storage: { directory },
    clock,
    random,
    logger,
    durability,
    ...(diskMax === undefined ? {} : { bytesMax: diskMax }),
    freeBytesMin: diskReserve ?? DISK_RESERVE_BYTES,
    onStopped,
  })
}

async function createStreams(service: Service, settings: Settings): Promise<void> {
  const { clock, account, createStreams: wanted } = settings
  for (const { name, shards, region = settings.region } of wanted) {
    try {
      await service.execute(
        'CreateStream',
        { StreamName: name, ...(shards === undefined ? {} : { ShardCount: shards }) },
        {
          account,
          region,
          requestId: 'create-streams',
          deadlineMs: clock.monotonic() + CREATE_STREAM_MS,
          signal: new AbortController().signal,
        },
      )
    } catch (error) {
      // It is there from an earlier start.
      if (!(error instanceof KinesisError)) throw error
      if (error.type === 'ResourceInUseException') continue
      throw new ConfigError(`create-streams: stream '${name}' could not be made: ${error.message || error.type}`)
    }
  }
}

function tlsFiles({ tlsCert, tlsKey }: Settings): { cert: string; key: string } | undefined {
  return tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey }
}

/** Where a client on this machine reaches it. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return isIPv6(host) ? `[${host}]` : host
}

async function exists(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
