/** A shell whose streams are strings and whose signals come when a test says so. */
import type { Clock, Random } from '@millrace/std'
import { seededRandom, VirtualClock } from '@millrace/std/testing'
import type { Environment, Shell } from '../shell.ts'

export interface MemoryShellOptions {
  readonly env?: Environment
  /** What comes on stdin. Default: nothing, and then its end. */
  readonly stdin?: AsyncIterable<Uint8Array>
  /** Default: no terminal. */
  readonly width?: number
  readonly clock?: Clock
  readonly random?: Random
}

export class MemoryShell implements Shell {
  readonly env: Environment
  readonly stdin: Shell['stdin']
  readonly stdout: Shell['stdout']
  readonly stderr: Shell['stderr']
  readonly clock: Clock
  readonly random: Random
  out = ''
  err = ''
  readonly #interruption = new AbortController()
  readonly #listeners: ((signal: NodeJS.Signals) => void)[] = []

  constructor(options: MemoryShellOptions = {}) {
    // Files of whoever runs the tests must not be read.
    this.env = {
      AWS_CONFIG_FILE: '/nowhere/config',
      AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials',
      ...options.env,
    }
    this.clock = options.clock ?? new VirtualClock()
    this.random = options.random ?? seededRandom(1)
    this.stdin = { isTerminal: options.width !== undefined, chunks: options.stdin ?? nothing() }
    const output = (add: (text: string) => void): Shell['stdout'] => ({
      width: options.width,
      write: async (chunk) => add(Buffer.from(chunk).toString()),
    })
    this.stdout = output((text) => (this.out += text))
    this.stderr = output((text) => (this.err += text))
  }

  interruption(): AbortSignal {
    return this.#interruption.signal
  }

  onStopSignal(listener: (signal: NodeJS.Signals) => void): void {
    this.#listeners.push(listener)
  }

  stayAlive(): ReturnType<Shell['stayAlive']> {
    return { [Symbol.dispose]: () => undefined }
  }

  exit(code: number): never {
    throw new Error(`exit ${code}`)
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#interruption.abort(new Error('interrupted'))
    for (const listener of this.#listeners) listener('SIGINT')
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
