/** A PostgreSQL of its own for the tests, in a folder that goes with it; the machine's binaries, where it has some. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

export interface Postgres {
  /** Where its socket is; it listens on no port. */
  readonly host: string
  stop(): Promise<void>
}

const DEBIAN = '/usr/lib/postgresql'
const USER = 'millrace'

/** The folder of `initdb` and `postgres`: the newest that Debian has, or what is in the path. */
export async function postgresBinaries(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN).catch(() => [])
  const folders = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN, version, 'bin'))
  for (const folder of [...folders, ...(process.env['PATH'] ?? '').split(':')])
    if (await stat(join(folder, 'initdb')).catch(() => undefined)) return folder
  return undefined
}

export async function startPostgres(binaries: string): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-postgres-'))
  const data = join(folder, 'data')
  const as = await unprivileged()
  if (as.uid !== undefined) await chown(folder, as.uid, as.gid ?? as.uid)
  const setUp = ['-D', data, '-A', 'trust', '-U', USER, '--no-sync', '-E', 'UTF8', '--locale=C']
  await promisify(execFile)(join(binaries, 'initdb'), setUp, { ...as, cwd: folder })
  const settings = ['listen_addresses=', `unix_socket_directories=${folder}`, 'fsync=off', 'shared_buffers=16MB']
  const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]
  const server = spawn(join(binaries, 'postgres'), args, { ...as, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  await isReady(server)
  return {
    host: folder,
    async stop() {
      const ended = once(server, 'exit')
      // Once the last client is gone: who is cut off would tell it as an error.
      server.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run as root. */
async function unprivileged(): Promise<{ readonly uid?: number; readonly gid?: number }> {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => promisify(execFile)('id', [flag, 'nobody'])))
  return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) }
}

async function isReady(server: ChildProcess): Promise<void> {
  const said: string[] = []
  if (server.stderr === null) throw new Error('Expected a pipe of what PostgreSQL says.')
  const lines = createInterface(server.stderr)
  const ready = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line)
      if (line.includes('ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`PostgreSQL ended:\n${said.join('\n')}`)))
  })
  await ready
}
