/**
 * The memory engine's one line of writes: everything that changes something waits here, is taken in order, and takes
 * effect in a commit. One commit at a time; what shares a commit becomes visible together.
 *
 * Bounded: appends that would take the queue over its bytes are refused by their owner (`room`).
 */
import type { Clock } from '@millrace/std'
import { type Deadline, EngineError } from '../engine.ts'
import type { MemoryFaults } from './memory-faults.ts'

/** STORAGE: a commit stays at about 1 MiB, so that a reader's smallest unit does too. */
const COMMIT_BYTES_MAX = 1024 * 1024
/** What may wait to be written, in bytes of records. */
export const QUEUE_BYTES_MAX = 32 * 1024 * 1024
/** Delays beyond this overflow a timer; nobody waits 24 days for a commit. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** What went wrong with a whole write. */
export type WriteFailure = 'unavailable' | 'unknown' | 'no-space'

/** One write in the line. */
export interface QueuedWrite {
  /** Bytes of records it holds in the queue. */
  readonly bytes: number
  /** Goes into a commit of its own, after everything before it. */
  readonly alone: boolean
  /** Takes effect, as far as `bytesLeft` goes; returns the bytes used and whether nothing of it is left. */
  apply(commit: number, bytesLeft: number): { readonly used: number; readonly done: boolean }
  /** Answers success. Called after the commit is visible and was announced. */
  settle(): void
  /** Answers failure; nothing more of it takes effect, except what a write that is being synced still does. */
  fail(failure: WriteFailure): void
}

export class CommitQueue {
  readonly #clock: Clock
  readonly #faults: MemoryFaults
  readonly #endCommit: (commit: number) => void
  readonly #waiting: QueuedWrite[] = []
  readonly #waitingForRoom = new Set<{ readonly bytes: number; readonly wake: () => void }>()
  #queuedBytes = 0
  #commit = 0
  #running = false
  #idle: Promise<void> = Promise.resolve()
  #closed = false

  /** `endCommit` makes visible and announces what the writes of a commit did. */
  constructor(clock: Clock, faults: MemoryFaults, endCommit: (commit: number) => void) {
    this.#clock = clock
    this.#faults = faults
    this.#endCommit = endCommit
  }

  get closed(): boolean {
    return this.#closed
  }

  room(): number {
    return Math.max(0, QUEUE_BYTES_MAX - this.#queuedBytes)
  }

  /** Resolves when `bytes` fit, or when the queue is empty if they never could, or is closed: `append` says so then. */
  whenRoom(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      if (this.#closed || this.room() >= Math.min(bytes, QUEUE_BYTES_MAX)) return resolve()
      const waiter = {
        bytes: Math.min(bytes, QUEUE_BYTES_MAX),
        wake: () => {
          signal.removeEventListener('abort', onAbort)
          this.#waitingForRoom.delete(waiter)
          resolve()
        },
      }
      const onAbort = (): void => {
        this.#waitingForRoom.delete(waiter)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waitingForRoom.add(waiter)
    })
  }

  /** Puts a write in the line. At `deadlineMs` it is answered `unknown` if nothing else was said until then. */
  push(write: QueuedWrite, deadlineMs: number): void {
    if (this.#closed) return write.fail('unavailable')
    const leftMs = deadlineMs - this.#clock.monotonic()
    if (leftMs <= 0) return write.fail('unknown')
    const timer =
      leftMs > TIMER_MS_MAX
        ? undefined
        : this.#clock.setTimer(leftMs, () => {
            this.#remove(tracked)
            write.fail('unknown')
          })
    const tracked: QueuedWrite = {
      bytes: write.bytes,
      alone: write.alone,
      apply: (commit, bytesLeft) => write.apply(commit, bytesLeft),
      settle() {
        timer?.cancel()
        write.settle()
      },
      fail(failure) {
        timer?.cancel()
        write.fail(failure)
      },
    }
    this.#waiting.push(tracked)
    this.#queuedBytes += write.bytes
    if (!this.#running) {
      this.#running = true
      this.#idle = this.#run()
    }
  }

  /** Lets what is queued finish, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiter of this.#waitingForRoom) waiter.wake()
    await this.#idle
  }

  async #run(): Promise<void> {
    // Whoever else writes in this turn of the event loop shares the first commit.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      // The members are chosen before the sync, as on a disk: who comes later goes into the next commit.
      const members = this.#takeGroup()
      await this.#faults.sync()
      this.#commitGroup(members)
    }
    this.#running = false
  }

  #takeGroup(): readonly QueuedWrite[] {
    const barrier = this.#waiting.findIndex((write) => write.alone)
    if (barrier === 0) return this.#waiting.slice(0, 1)
    return barrier === -1 ? [...this.#waiting] : this.#waiting.slice(0, barrier)
  }

  #commitGroup(members: readonly QueuedWrite[]): void {
    const commit = ++this.#commit
    const fault = this.#faults.takeWriteFault()
    if (fault !== undefined) for (const write of members) write.fail(fault.failure)
    const done: QueuedWrite[] = []
    let bytesLeft = COMMIT_BYTES_MAX
    for (const write of members) {
      if (fault !== undefined && !fault.stored) {
        this.#remove(write)
        continue
      }
      if (bytesLeft <= 0) break
      const result = write.apply(commit, bytesLeft)
      bytesLeft -= result.used
      if (!result.done) continue
      done.push(write)
      this.#remove(write)
    }
    this.#endCommit(commit)
    for (const write of done) write.settle()
    for (const waiter of this.#waitingForRoom) if (this.room() >= waiter.bytes) waiter.wake()
  }

  #remove(write: QueuedWrite): void {
    const at = this.#waiting.indexOf(write)
    if (at === -1) return
    this.#waiting.splice(at, 1)
    this.#queuedBytes -= write.bytes
  }
}

/** A write that is one indivisible change: `apply` runs in a commit of its own, and its result or error is the answer. */
export function writeAlone<T>(queue: CommitQueue, options: Deadline, apply: (commit: number) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    let answer = (): void => {}
    queue.push(
      {
        bytes: 0,
        alone: true,
        apply(commit) {
          try {
            const result = apply(commit)
            answer = () => resolve(result)
          } catch (error) {
            answer = () => reject(error as Error)
          }
          return { used: 0, done: true }
        },
        settle: () => answer(),
        fail: (failure) => reject(new EngineError(failure, MESSAGES[failure])),
      },
      options.deadlineMs,
    )
  })
}

const MESSAGES: Record<WriteFailure, string> = {
  unavailable: 'the engine takes no writes now; nothing was changed',
  unknown: 'the outcome of the write was not known at its deadline',
  'no-space': 'there is no room for the write; nothing was changed',
}
