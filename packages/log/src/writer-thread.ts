/**
 * The thread that writes: synchronous calls, one after another, on file descriptors that the main thread opened.
 * libuv's pool is shared with everything else in the process and can hold a sync up a hundredfold; this thread
 * answers to nobody else. It keeps the process alive while a call is under way, and only then.
 *
 * Calls on it are settled in the order they were made. It never retries: what failed is reported as it failed.
 */
import { Worker } from 'node:worker_threads'
import { COMMIT_BYTES_MAX, PAGE_BYTES } from './limits.ts'

/** Far above what a log has under way (one flush, one segment being prepared, a snapshot): a runaway is refused. */
export const WRITER_CALLS_MAX = 1024

/** A commit as large as they get, with a page in front of it. Only what was used of it takes memory. */
const PASSAGE_BYTES = COMMIT_BYTES_MAX + PAGE_BYTES

/** What the thread does for one call. */
type WriterTask = 'write' | 'write and sync' | 'sync' | 'truncate'

interface WriterRequest {
  readonly task: WriterTask
  readonly fd: number
  /** Of a write. Memory shared with the thread, or handed over to it. */
  readonly bytes: Uint8Array | undefined
  /** Of a write: where; of a truncation: the size. */
  readonly offset: number
}

/** What went wrong, as the thread saw it: Node's own message, code and call. */
interface WriterFailure {
  readonly message: string
  readonly code: string | undefined
  readonly errno: number | undefined
  readonly syscall: string | undefined
}

/**
 * The thread's program. It is text because a file of its own would have to be found and understood in three forms
 * (TypeScript under a test runner, JavaScript after a build, inside a bundle); see docs/decisions/020.
 */
const PROGRAM = `'use strict'
const { fdatasyncSync, ftruncateSync, writeSync } = require('node:fs')
const { parentPort } = require('node:worker_threads')

function writeAll(fd, bytes, offset) {
  for (let done = 0; done < bytes.length;) {
    const written = writeSync(fd, bytes, done, bytes.length - done, offset + done)
    if (written === 0) throw Object.assign(new Error('EIO: the disk takes no bytes, write'), { code: 'EIO', syscall: 'write' })
    done += written
  }
}

parentPort.on('message', ({ task, fd, bytes, offset }) => {
  try {
    if (task === 'truncate') ftruncateSync(fd, offset)
    else {
      if (task !== 'sync') writeAll(fd, bytes, offset)
      if (task !== 'write') fdatasyncSync(fd)
    }
    parentPort.postMessage(undefined)
  } catch (error) {
    parentPort.postMessage({ message: error.message, code: error.code, errno: error.errno, syscall: error.syscall })
  }
})
`

interface PendingCall {
  readonly path: string
  /** It has the passage. */
  readonly isPassing: boolean
  resolve(): void
  reject(error: Error): void
}

export class WriterThread {
  readonly #worker: Worker
  /** Calls under way, oldest first: the thread answers in order. */
  readonly #pending: PendingCall[] = []
  /** What is not shared is copied in here for the thread to write: one piece at a time, as a log writes its commits. */
  readonly #passage = new Uint8Array(new SharedArrayBuffer(PASSAGE_BYTES))
  #isPassageTaken = false
  /** Set once the thread is gone. */
  #gone: Error | undefined

  constructor() {
    // No loaders or flags of the host: the program needs none of them, and they make a start ten times as long.
    this.#worker = new Worker(PROGRAM, { eval: true, execArgv: [], env: {}, name: 'millrace-writer' })
    this.#worker.unref()
    this.#worker.on('message', (failure: WriterFailure | undefined) => this.#settle(failure))
    this.#worker.on('error', (error) => this.#fail(`it failed: ${error.message}`))
    this.#worker.on('exit', () => this.#fail('it has ended'))
  }

  /** Writes all of `bytes`, and syncs if told so. They must not change until it settles. */
  write(fd: number, path: string, bytes: Uint8Array, offset: number, sync: boolean): Promise<void> {
    const task = sync ? 'write and sync' : 'write'
    if (bytes.buffer instanceof SharedArrayBuffer) return this.#call({ task, fd, bytes, offset }, path, [])
    if (bytes.length <= PASSAGE_BYTES && !this.#isPassageTaken) {
      this.#passage.set(bytes)
      return this.#call({ task, fd, bytes: this.#passage.subarray(0, bytes.length), offset }, path, [], true)
    }
    // Posting a view would copy everything behind it: copy the view alone, and hand that over.
    const copy = Uint8Array.prototype.slice.call(bytes)
    return this.#call({ task, fd, bytes: copy, offset }, path, [copy.buffer])
  }

  sync(fd: number, path: string): Promise<void> {
    return this.#call({ task: 'sync', fd, bytes: undefined, offset: 0 }, path, [])
  }

  truncate(fd: number, path: string, size: number): Promise<void> {
    return this.#call({ task: 'truncate', fd, bytes: undefined, offset: size }, path, [])
  }

  /** Ends the thread. Calls under way, if any, are rejected. */
  async end(): Promise<void> {
    this.#fail('it was told to end')
    await this.#worker.terminate()
  }

  #call(request: WriterRequest, path: string, handOver: readonly ArrayBuffer[], isPassing = false): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    if (this.#pending.length >= WRITER_CALLS_MAX) {
      const message = `EAGAIN: ${WRITER_CALLS_MAX} calls wait for the writer thread, ${request.task} '${path}'`
      return Promise.reject(Object.assign(new Error(message), { code: 'EAGAIN', path }))
    }
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) this.#worker.ref()
      this.#isPassageTaken ||= isPassing
      this.#pending.push({ path, isPassing, resolve, reject })
      this.#worker.postMessage(request, handOver)
    })
  }

  #settle(failure: WriterFailure | undefined): void {
    const call = this.#pending.shift()
    if (call?.isPassing === true) this.#isPassageTaken = false
    if (this.#pending.length === 0) this.#worker.unref()
    if (failure === undefined) call?.resolve()
    else {
      const { message, ...details } = failure
      call?.reject(Object.assign(new Error(`${message} '${call.path}'`), details, { path: call.path }))
    }
  }

  #fail(reason: string): void {
    this.#gone ??= Object.assign(new Error(`EIO: nothing can be written without the writer thread: ${reason}`), {
      code: 'EIO',
    })
    for (const call of this.#pending.splice(0)) call.reject(this.#gone)
  }
}
