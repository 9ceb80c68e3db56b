/** The servers under measurement, each a process of its own, and the processor time each has used. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of this checkout. */
export const benchRoot = dirname(dirname(fileURLToPath(import.meta.url)))

const REACH_EVERY_MS = 20

export interface StartOptions {
  readonly portIn?: RegExp
  readonly port?: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export class MeasuredProcess {
  readonly port: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  /** `what`: see ceiling-server.mjs. */
  static ceiling(
    mode: 'bare' | 'parse' | 'send' | 'file',
    ...what: readonly (string | number)[]
  ): Promise<MeasuredProcess> {
    const command = [join(benchRoot, 'bench', 'ceiling-server.mjs'), mode, ...what.map(String)]
    return MeasuredProcess.start(process.execPath, command, { portIn: /port (\d+)/ })
  }

  /** `checkout`: whose build is started. Default: this one's. */
  static millrace(
    dataDir: string,
    options: readonly string[] = [],
    {
      checkout = benchRoot,
      nodeOptions = [],
    }: { readonly checkout?: string; readonly nodeOptions?: readonly string[] } = {},
  ): Promise<MeasuredProcess> {
    const command = join(checkout, 'packages', 'cli', 'dist', 'main.js')
    return MeasuredProcess.start(
      process.execPath,
      [...nodeOptions, command, 'start', '--port', '0', '--data-dir', dataDir, '--shard-limits', 'off', ...options],
      { portIn: /http:\/\/[^\s":]+:(\d+)/ },
    )
  }

  /** Processor seconds used so far, all threads, user and system. */
  cpuSeconds(): number {
    let nanoseconds = 0
    for (const thread of readdirSync(`/proc/${this.#child.pid}/task`)) {
      // A thread may end while they are read; what it used is then missing on both sides of a comparison.
      try {
        const stat = readFileSync(`/proc/${this.#child.pid}/task/${thread}/schedstat`, 'latin1')
        nanoseconds += Number(stat.split(' ')[0])
      } catch {
        continue
      }
    }
    return nanoseconds / 1e9
  }

  /** Resident memory now, in MiB. */
  residentMiB(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'latin1')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  }

  /** The most that was resident since the last reset, in MiB. */
  peakMiB(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'latin1')
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  }

  resetPeak(): void {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, '5')
  }

  /** SIGKILL: as it stands. */
  kill(): Promise<void> {
    return this.stop('SIGKILL')
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exited
  }

  /** Resolves when it says which port it listens on, or, of one that does not say so, when `port` can be reached. */
  static start(
    program: string,
    args: readonly string[],
    { portIn = /$^/, port = 0, cwd, env = {} }: StartOptions,
  ): Promise<MeasuredProcess> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      const look = (chunk: Buffer): void => {
        output = (output + chunk.toString()).slice(-10_000)
        const said = Number(portIn.exec(output)?.[1] ?? 0)
        if (said > 0) resolve(new MeasuredProcess(child, said))
      }
      child.stdout.on('data', look)
      child.stderr.on('data', look)
      child.on('error', reject)
      child.on('exit', (code) => reject(new Error(`exited with ${code} before it listened:\n${output}`)))
      const reach = (): void => {
        if (child.exitCode !== null) return
        const socket = connect({ port, host: '127.0.0.1' })
        socket.on('connect', () => {
          socket.destroy()
          resolve(new MeasuredProcess(child, port))
        })
        socket.on('error', () => setTimeout(reach, REACH_EVERY_MS))
      }
      if (port > 0) reach()
    })
  }
}

/** A port that was free a moment ago, for servers that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
