/** A Redis of its own for the tests, in a folder that goes with it; the machine's binary, where it has one. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../../support/free-port.ts'

export interface Redis {
  readonly port: number
  /** As a crash ends it; `start` has it come back with what is on the disk. */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

/** The binary that is in the path. */
export function redisBinary(): string | undefined {
  return ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)
}

/** With settings that keep what is answered, and these. */
export async function startRedis(binary: string, settings: readonly string[] = []): Promise<Redis> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-redis-'))
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...DURABLE, ...settings]
  let server: ChildProcess
  const redis: Redis = {
    port,
    async kill() {
      const ended = once(server, 'exit')
      server.kill('SIGKILL')
      await ended
    },
    async start() {
      server = spawn(binary, args, { stdio: ['ignore', 'pipe', 'ignore'] })
      await isReady(server)
    },
    async stop() {
      if (server.exitCode === null && server.signalCode === null) await redis.kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await redis.start()
  return redis
}

async function isReady(server: ChildProcess): Promise<void> {
  const said: string[] = []
  if (server.stdout === null) throw new Error('Expected a pipe of what Redis says.')
  const lines = createInterface(server.stdout)
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line)
      if (line.includes('eady to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`Redis ended:\n${said.join('\n')}`)))
  })
}
