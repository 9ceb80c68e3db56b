/**
 * Large bodies are hashed, parsed and decoded in a thread of their own, so that a request of 10 MiB does not stall the
 * small ones. The queue is bounded. If the thread dies, what it had is answered with InternalFailure (nothing of it
 * was stored), and later bodies are decoded here: slower for others, right all the same.
 */
import { Worker } from 'node:worker_threads'

import { type ErrorType, KinesisError } from '@millrace/protocol'
import type { Clock, Logger, Timer } from '@millrace/std'

import { type BodyJob, decodeBody, type DecodedBody } from './body-decoder.ts'

/** To the thread. */
export interface WorkerTask {
  readonly id: number
  readonly job: BodyJob
  readonly bytes: Uint8Array
}

/** From the thread. */
export interface WorkerAnswer {
  readonly id: number
  readonly result:
    | Exclude<DecodedBody, { kind: 'invalid' }>
    | {
        readonly kind: 'invalid'
        readonly error: { readonly type: ErrorType; readonly message: string }
        readonly payloadHash: string | undefined
      }
}

export interface BodyWorkerOptions {
  /** Bodies larger than this go to the thread. */
  readonly bytesMin: number
  /** Beyond this many waiting, a body is refused with ServiceUnavailable. */
  readonly queueMax: number
  /** A thread that has had nothing to do for so long is ended; the next large body starts another. */
  readonly idleMs: number
  readonly clock: Clock
  readonly logger: Logger
}

interface Waiting {
  resolve(decoded: DecodedBody): void
  reject(error: Error): void
}

export class BodyWorker {
  readonly #options: BodyWorkerOptions
  readonly #waiting = new Map<number, Waiting>()
  #thread: Worker | undefined
  #idle: Timer | undefined
  /** The thread died: decode here from now on. */
  #dead = false
  #closed = false
  #lastId = 0

  constructor(options: BodyWorkerOptions) {
    this.#options = options
  }

  /** Whether there is a thread now. */
  get isRunning(): boolean {
    return this.#thread !== undefined
  }

  /** The memory of `bytes` may be given away: do not use it afterwards. */
  decode(job: BodyJob, bytes: Uint8Array): DecodedBody | Promise<DecodedBody> {
    if (bytes.length <= this.#options.bytesMin || this.#dead || this.#closed) return decodeBody(job, bytes)
    if (this.#waiting.size >= this.#options.queueMax) throw new KinesisError('ServiceUnavailable')
    this.#idle?.cancel()
    const thread = (this.#thread ??= this.#start())
    const id = ++this.#lastId
    const task: WorkerTask = { id, job, bytes }
    thread.postMessage(task, ownsItsMemory(bytes) ? [bytes.buffer] : [])
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#idle?.cancel()
    const thread = this.#thread
    this.#thread = undefined
    await thread?.terminate()
  }

  #start(): Worker {
    const thread = startThread()
    thread.unref()
    thread.on('message', ({ id, result }: WorkerAnswer) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      waiting?.resolve(
        result.kind === 'invalid'
          ? { ...result, error: new KinesisError(result.error.type, result.error.message) }
          : result,
      )
      if (this.#waiting.size === 0) this.#rest(thread)
    })
    thread.on('error', (error) => this.#bury(error))
    thread.on('exit', () => {
      if (thread === this.#thread) this.#bury(undefined)
    })
    return thread
  }

  /** What large bodies left in the thread's heap goes with it. */
  #rest(thread: Worker): void {
    const { clock, idleMs } = this.#options
    this.#idle = clock.setTimer(
      idleMs,
      () => {
        if (thread !== this.#thread || this.#waiting.size > 0) return
        this.#thread = undefined
        void thread.terminate()
      },
      { unref: true },
    )
  }

  #bury(error: Error | undefined): void {
    if (!this.#closed && !this.#dead) {
      this.#dead = true
      this.#options.logger.error('the thread that decodes large bodies died; they are decoded beside all else', {
        error,
      })
    }
    for (const { reject } of this.#waiting.values()) reject(new KinesisError('InternalFailure'))
    this.#waiting.clear()
  }
}

/** From what was built, or, in tests and development, from the TypeScript beside this file. */
function startThread(): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./body-worker-thread.js', import.meta.url))
  const url = JSON.stringify(new URL('./body-worker-thread.ts', import.meta.url).href)
  const program = `import('tsx/esm/api').then(({ tsImport }) => tsImport(${url}, ${url}))`
  return new Worker(program, { eval: true, execArgv: ['--conditions=source'] })
}

function ownsItsMemory(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
}
