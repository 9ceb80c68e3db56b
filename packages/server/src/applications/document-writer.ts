/**
 * Writes documents of leases, each under its own condition, many at once: what arrives while one change of the metadata
 * is being made durable goes together into the next. A change costs a sync of its own (docs/decisions/017), so a hundred
 * checkpoints one by one would cost a hundred.
 */
import { KinesisError } from '@millrace/protocol'
import { type Clock, deferred, type Deferred } from '@millrace/std'

import { EngineError, type MetaChange, type MetaStore } from '../engine/engine.ts'

/** One change of the metadata. Records wait for no larger one: a commit holds as much of them. */
const BATCH_CHANGES_MAX = 1_000
const BATCH_BYTES_MAX = 256 * 1024
/** Writes that wait. */
const QUEUE_MAX = 20_000

/** The revision it was written at; `undefined`: the document was not as expected, and nothing was done. */
export type Written = number | undefined

interface Waiting {
  readonly change: MetaChange
  readonly deadlineMs: number
  readonly settled: Deferred<Written>
}

interface WriterOptions {
  readonly meta: MetaStore
  readonly clock: Clock
  /** Told of what was written, before anybody who waits for it. */
  readonly onWritten: (changes: readonly MetaChange[], revision: number) => void
}

export class DocumentWriter {
  readonly #options: WriterOptions
  #queue: Waiting[] = []
  #running: Promise<void> | undefined

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Rejects with EngineError as `cas` does, and with a KinesisError when too many wait. */
  async write(change: MetaChange, deadlineMs: number): Promise<Written> {
    if (this.#queue.length >= QUEUE_MAX)
      throw new KinesisError(
        'LimitExceededException',
        `Rate exceeded: ${QUEUE_MAX} changes of leases wait for the disk.`,
      )
    const settled = deferred<Written>()
    this.#queue.push({ change, deadlineMs, settled })
    this.#running ??= this.#run()
    return settled.promise
  }

  /** Resolves when nothing waits. */
  async close(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn goes together from the start.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch()
      try {
        await this.#write(batch)
      } catch (error) {
        for (const { settled } of batch) settled.reject(error)
      }
    }
    // In the turn that found the queue empty: what is asked for in a later one would wait for a run that is over.
    this.#running = undefined
  }

  /** The oldest of each document, in order, as many as may be. */
  #takeBatch(): readonly Waiting[] {
    const batch = new Map<string, Waiting>()
    const left: Waiting[] = []
    let bytes = 0
    const nowMs = this.#options.clock.monotonic()
    for (const waiting of this.#queue) {
      const { change, deadlineMs, settled } = waiting
      const isFull = batch.size >= BATCH_CHANGES_MAX || bytes >= BATCH_BYTES_MAX
      if (isFull || batch.has(change.key)) left.push(waiting)
      else if (deadlineMs <= nowMs)
        settled.reject(new EngineError('unavailable', 'a lease waited too long to be written'))
      else {
        batch.set(change.key, waiting)
        bytes += change.key.length + (change.value?.length ?? 0)
      }
    }
    this.#queue = left
    return [...batch.values()]
  }

  /** All of them at once; whoever is found to be late is told so, and the others go on without it. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    const { meta, onWritten } = this.#options
    let open = batch
    while (open.length > 0) {
      const changes = open.map(({ change }) => change)
      const result = await meta.cas(changes, { deadlineMs: Math.max(...open.map(({ deadlineMs }) => deadlineMs)) })
      if (result.ok) {
        onWritten(changes, result.revision)
        for (const { settled } of open) settled.resolve(result.revision)
        return
      }
      const late = result.key
      for (const { change, settled } of open) if (change.key === late) settled.resolve(undefined)
      open = open.filter(({ change }) => change.key !== late)
    }
  }
}
