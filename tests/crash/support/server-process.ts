/**
 * A Millrace server as a process of its own, as a user starts it: the built command, on a directory, on one port for
 * all its lives. It can be killed with -9 and started again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '../../support/free-port.ts'
import { commandArguments, userEnvironment } from './command.ts'

/** Of a machine that is busy with other things as well. */
const READY_MS_MAX = 60_000

export class ServerProcess {
  readonly endpoint: string
  readonly #arguments: readonly string[]
  readonly #variables: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #output = ''

  private constructor(
    port: number,
    dataDir: string,
    options: readonly string[],
    variables: Readonly<Record<string, string>>,
  ) {
    this.endpoint = `http://127.0.0.1:${port}`
    this.#arguments = [...commandArguments, 'start', '--port', String(port), '--data-dir', dataDir, ...options]
    this.#variables = variables
  }

  /** `variables` stand in its environment beside the user's. */
  static async start(
    dataDir: string,
    options: readonly string[] = ['--shard-limits', 'off'],
    variables: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const server = new ServerProcess(await freePort(), dataDir, options, variables)
    await server.start()
    return server
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** What it printed in this life, for the message of a failure. */
  get output(): string {
    return this.#output
  }

  /** What it said of damage in this life, with `--log-format json`. */
  get damageLines(): readonly string[] {
    return this.#output.split('\n').filter((line) => /"damage"|damaged/.test(line))
  }

  /** Starts it (again) and resolves when it answers that it is ready. */
  async start(): Promise<void> {
    this.#output = ''
    const child = spawn(process.execPath, this.#arguments, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...userEnvironment(), ...this.#variables },
    })
    this.#child = child
    const keep = (chunk: Buffer): void => void (this.#output = (this.#output + chunk.toString()).slice(-20_000))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const giveUpAt = performance.now() + READY_MS_MAX
    for (;;) {
      const ending = child.exitCode ?? child.signalCode
      if (ending !== null) throw new Error(`the server ended with ${ending}:\n${this.#output}`)
      if (performance.now() > giveUpAt)
        throw new Error(`the server was not ready in ${READY_MS_MAX} ms:\n${this.#output}`)
      const ready = await fetch(`${this.endpoint}/_health/ready`).then(
        (response) => response.ok,
        () => false,
      )
      if (ready) return
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  /** Its exit code, once it has ended by itself. */
  async ended(): Promise<number | null> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null
    return ((await once(child, 'exit')) as [number | null])[0]
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<number | null> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const exited = once(child, 'exit') as Promise<[number | null]>
    child.kill(signal)
    return (await exited)[0]
  }
}
