/** The servers under measurement, each a process of its own, and the processor time each has used. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Of this checkout. */
export const benchRoot = dirname(dirname(fileURLToPath(import.meta.url)))

export class MeasuredProcess {
  readonly port: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static ceiling(mode: 'bare' | 'parse' | 'send', bytes = 120): Promise<MeasuredProcess> {
    return MeasuredProcess.#start([join(benchRoot, 'bench', 'ceiling-server.mjs'), mode, String(bytes)], /port (\d+)/)
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
    return MeasuredProcess.#start(
      [...nodeOptions, command, 'start', '--port', '0', '--data-dir', dataDir, '--shard-limits', 'off', ...options],
      /http:\/\/[^\s":]+:(\d+)/,
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

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await exited
  }

  static #start(command: readonly string[], portIn: RegExp): Promise<MeasuredProcess> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      const look = (chunk: Buffer): void => {
        output = (output + chunk.toString()).slice(-10_000)
        const port = Number(portIn.exec(output)?.[1] ?? 0)
        if (port > 0) resolve(new MeasuredProcess(child, port))
      }
      child.stdout.on('data', look)
      child.stderr.on('data', look)
      child.on('error', reject)
      child.on('exit', (code) => reject(new Error(`exited with ${code} before it listened:\n${output}`)))
    })
  }
}
