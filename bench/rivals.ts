/** The doubles that npm installs, at pinned versions, in a folder of their own and not among our dependencies. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchRoot, freePort, MeasuredProcess } from './processes.ts'
import { call } from './requests.ts'

export interface Rival {
  readonly name: string
  readonly start: () => Promise<MeasuredProcess>
}

const KINESALITE = 'kinesalite@3.3.3'
const KINESIS_LOCAL = 'kinesis-local@0.6.2'
const SHARDS_MAX = '100'

/** Those that can be had; `missing` is told why another cannot. */
export function rivals(missing: (why: string) => void): readonly Rival[] {
  const starters = [
    [KINESALITE, startKinesalite],
    [KINESIS_LOCAL, startKinesisLocal],
  ] as const
  return starters.flatMap(([spec, start]) => {
    try {
      const installed = install(spec)
      return [{ name: spec.replace('@', ' '), start: () => start(installed) }]
    } catch (error) {
      missing(`${spec} is left out, since it cannot be installed: ${(error as Error).message.trim()}`)
      return []
    }
  })
}

/** The folder of an installed package. Throws with what npm says. */
export function install(spec: string): string {
  const name = spec.slice(0, spec.lastIndexOf('@'))
  const folder = join(benchRoot, '.cache', 'rivals')
  const installed = join(folder, 'node_modules', name)
  if (existsSync(installed)) return installed
  mkdirSync(folder, { recursive: true })
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n')
  const options = ['--save-exact', '--no-fund', '--no-audit', '--ignore-scripts', '--loglevel=error']
  const { status, stderr } = spawnSync('npm', ['install', '--prefix', folder, ...options, spec], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm install ${spec}: ${stderr}`)
  return installed
}

async function startKinesalite(folder: string): Promise<MeasuredProcess> {
  const port = await freePort()
  const options = ['--port', String(port), '--createStreamMs', '0', '--shardLimit', SHARDS_MAX]
  return await MeasuredProcess.start(process.execPath, [join(folder, 'cli.js'), ...options], { port })
}

/** Its certificate is beside it and looked for in the working directory. */
async function startKinesisLocal(folder: string): Promise<MeasuredProcess> {
  const [port, tlsPort] = [await freePort(), await freePort()]
  const env = {
    KINESIS_MOCK_PLAIN_PORT: String(port),
    KINESIS_MOCK_TLS_PORT: String(tlsPort),
    SHARD_LIMIT: SHARDS_MAX,
    CREATE_STREAM_DURATION: '0ms',
    LOG_LEVEL: 'ERROR',
  }
  return await MeasuredProcess.start(process.execPath, ['main.js'], { port, cwd: folder, env })
}

/** Resolves when a stream, just created, can be used; ours can at once. */
export async function untilActive(port: number, StreamName: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const { StreamDescriptionSummary } = await call(port, 'DescribeStreamSummary', { StreamName })
    if ((StreamDescriptionSummary as { StreamStatus: string }).StreamStatus === 'ACTIVE') return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${StreamName} is not ACTIVE after ten seconds`)
}
