/**
 * What a command may touch of the process it runs in: arguments' surroundings, three streams, time, chance and the
 * wish to be interrupted. The one place where the environment, the clock and signals are taken from Node; tests hand
 * in a shell of their own.
 *
 * stdout is data and stderr is everything else, always.
 */
import { once } from 'node:events'
import type { Clock, Random } from '@millrace/std'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Output {
  /** Columns of the terminal; `undefined` when this is none. */
  readonly width: number | undefined
  /** Resolves when more may be written: await it where much is written. */
  write(chunk: string | Uint8Array): Promise<void>
}

export interface Input {
  readonly isTerminal: boolean
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface Shell {
  readonly env: Environment
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
  readonly random: Random
  /**
   * Takes over Ctrl-C and SIGTERM from here on: the first aborts the signal, and the command winds up; the second
   * ends the process at once with 130. So does the end of whoever read our output (`millrace tail … | head`), which is
   * no failure: the command has five seconds to wind up, what it still writes goes nowhere, and it ends with 0. Call it once.
   */
  interruption(): AbortSignal
  /**
   * Calls `listener` at each SIGINT or SIGTERM instead, for a server that has its own way to stop.
   */
  onStopSignal(listener: (signal: NodeJS.Signals) => void): void
  /** Keeps the process up until it is disposed of. */
  stayAlive(): { [Symbol.dispose](): void }
  /** Ends the process at once. */
  exit(code: number): never
}

const STAY_ALIVE_MS = 60_000
/** npm and timeout(1) pass on a signal that the whole process group has got already: that is one wish, not two. */
const REPEAT_MS = 500
/** What a command may take to wind up for nobody. */
const UNREAD_MS = 5_000

export function processShell(clock: Clock, random: Random): Shell {
  const { stdin, stdout, stderr } = process
  const onStopSignal = (listener: (signal: NodeJS.Signals) => void): void => {
    let lastMs = -Infinity
    const heard = (signal: NodeJS.Signals): void => {
      const nowMs = clock.monotonic()
      if (nowMs - lastMs >= REPEAT_MS) listener(signal)
      lastMs = nowMs
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, heard)
  }
  let isUnread = false
  let windUp: AbortController | undefined
  const exit = (code: number): never => process.exit(isUnread ? 0 : code)
  const output = (stream: NodeJS.WriteStream): Output => {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') process.exit(1)
      if (isUnread) return
      isUnread = true
      if (windUp === undefined) exit(0)
      windUp?.abort(new Error('nobody reads the output'))
      clock.setTimer(UNREAD_MS, () => exit(0), { unref: true })
    })
    return {
      get width() {
        return stream.isTTY ? Math.max(20, stream.columns ?? 80) : undefined
      },
      async write(chunk) {
        if (!isUnread && !stream.write(chunk)) await once(stream, 'drain')
      },
    }
  }
  return {
    env: process.env,
    stdin: { isTerminal: stdin.isTTY, chunks: stdin as AsyncIterable<Uint8Array> },
    stdout: output(stdout),
    stderr: output(stderr),
    clock,
    random,
    onStopSignal,
    interruption() {
      const controller = (windUp = new AbortController())
      onStopSignal(() => {
        if (controller.signal.aborted) process.exit(130)
        controller.abort(new Error('interrupted'))
      })
      return controller.signal
    },
    stayAlive() {
      // Node ends a process that waits only for things that do not count, like a thread that is idle just now.
      const timer = setInterval(() => undefined, STAY_ALIVE_MS)
      return { [Symbol.dispose]: () => clearInterval(timer) }
    },
    exit,
  }
}
