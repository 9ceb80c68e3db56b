/**
 * Ends a process whose fuzzed parser never comes back: nothing in its own thread could. It looks at a counter that
 * moves with every input, from another thread.
 */
import { Worker } from 'node:worker_threads'

/** One input takes milliseconds. */
const SILENCE_MAX_MS = 60_000

const program = `
const { workerData: { place, silenceMs } } = require('node:worker_threads')
const words = new Int32Array(place)
let before = -1
let since = Date.now()
setInterval(() => {
  const now = Atomics.load(words, 0)
  if (now !== before || now === 0) { before = now; since = Date.now(); return }
  if (Date.now() - since < silenceMs) return
  const name = Buffer.from(new Uint8Array(place, 16)).toString().replace(/\\0.*/s, '')
  process._rawDebug('fuzz: input ' + (now - 1) + ' of ' + name + ' does not end: MILLRACE_FUZZ=' + name + ':' + (now - 1))
  process.kill(process.pid, 'SIGABRT')
}, 1000)
`

export class Watchdog {
  readonly #place = new SharedArrayBuffer(256)
  readonly #words = new Int32Array(this.#place)
  readonly #thread: Worker

  constructor() {
    const workerData = { place: this.#place, silenceMs: SILENCE_MAX_MS }
    this.#thread = new Worker(program, { eval: true, workerData })
    this.#thread.unref()
  }

  /** `name`: target and seed. */
  begin(name: string): void {
    Atomics.store(this.#words, 0, 0)
    const bytes = new Uint8Array(this.#place, 16)
    bytes.fill(0)
    bytes.set(Buffer.from(name).subarray(0, bytes.length - 1))
  }

  /** Input `index` is tried now. */
  step(index: number): void {
    Atomics.store(this.#words, 0, index + 1)
  }

  /** Nothing is tried. */
  rest(): void {
    Atomics.store(this.#words, 0, 0)
  }

  async close(): Promise<void> {
    await this.#thread.terminate()
  }
}
