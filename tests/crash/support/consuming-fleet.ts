/** Workers as processes, and what they say held to what a consumer library promises. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Deferred, deferred } from '@millrace/std'

const PROGRAM = fileURLToPath(new URL('./consuming-worker.ts', import.meta.url))

interface ShardOfWorker {
  /** Processed last in this holding. */
  last: string
}

export interface WorkerProcess {
  readonly name: string
  readonly child: ChildProcess
  readonly shards: Map<string, ShardOfWorker>
  /** It listens to signals. */
  readonly ready: Deferred<void>
  /** It was stopped by a signal for a while: what it had in hand comes late, by everybody's leave. */
  wasPaused: boolean
}

export class ConsumingFleet {
  readonly workers: WorkerProcess[] = []
  readonly violations: string[] = []
  /** Texts that some worker has processed. */
  readonly done = new Set<string>()
  /** From a crash to the first word of another worker on the shard, ms. */
  readonly takeovers: number[] = []
  repeated = 0
  readonly #arguments: readonly string[]
  readonly #store: string
  readonly #kept = new Map<string, string>()
  readonly #orphans = new Map<string, number>()
  /** By the machine's clock, which all processes share: what they say arrives in any order. */
  readonly #times: { readonly text: string; readonly atNs: bigint }[] = []
  #names = 0

  /** `store`: an address of `served-store.ts`. */
  constructor(endpoint: string, stream: string, application: string, store: string) {
    this.#store = store
    this.#arguments = ['--conditions=source', '--import', 'tsx', PROGRAM, endpoint, stream, application]
  }

  start(how: 'polling' | 'fan-out'): WorkerProcess {
    const name = `worker-${this.#names++}`
    const child = spawn(process.execPath, [...this.#arguments, how, name, this.#store], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const worker: WorkerProcess = { name, child, shards: new Map(), ready: deferred<void>(), wasPaused: false }
    if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => this.#heard(worker, line))
    this.workers.push(worker)
    return worker
  }

  /** Its shards are waited for from now on. */
  async kill(worker: WorkerProcess): Promise<void> {
    worker.child.kill('SIGKILL')
    const now = performance.now()
    this.#forget(worker)
    for (const shard of worker.shards.keys()) this.#orphans.set(shard, now)
    await once(worker.child, 'exit')
  }

  async stop(worker: WorkerProcess): Promise<number | null> {
    this.#forget(worker)
    worker.child.kill('SIGCONT')
    await worker.ready.promise
    worker.child.kill('SIGTERM')
    if (worker.child.exitCode === null && worker.child.signalCode === null) await once(worker.child, 'exit')
    return worker.child.exitCode
  }

  /**
   * Texts are `key:n`, put in that order: where a record comes for the first time, those of its key before it have come, whatever
   * workers, shards, splits and merges lie between. (Those that were put without an answer may be there or not.)
   */
  outOfOrder(): readonly string[] {
    const violations: string[] = []
    const newest = new Map<string, number>()
    const seen = new Set<string>()
    for (const { text } of this.#times.toSorted((a, b) => (a.atNs < b.atNs ? -1 : 1))) {
      const [key = '', n = ''] = text.split(':')
      const before = newest.get(key) ?? -1
      if (!seen.has(text) && Number(n) < before) violations.push(`${text} for the first time after ${key}:${before}`)
      newest.set(key, Math.max(before, Number(n)))
      seen.add(text)
    }
    return violations
  }

  #forget(worker: WorkerProcess): void {
    this.workers.splice(this.workers.indexOf(worker), 1)
  }

  #heard(worker: WorkerProcess, line: string): void {
    const [word, shard = '', number = '', atNs = '', text = ''] = line.split(' ')
    if (word === 'ready') worker.ready.resolve()
    else if (word === 'took') {
      worker.shards.set(shard, { last: '' })
      const since = this.#orphans.get(shard)
      if (since !== undefined) this.takeovers.push(performance.now() - since)
      this.#orphans.delete(shard)
    } else if (word === 'lost') worker.shards.delete(shard)
    else if (word === 'kept') this.#keep(shard, number)
    else if (word === 'did') {
      this.#did(worker, shard, number, text)
      this.#times.push({ text, atNs: BigInt(atNs) })
    }
  }

  #did(worker: WorkerProcess, shard: string, number: string, text: string): void {
    const holding = worker.shards.get(shard)
    if (holding === undefined) this.violations.push(`${worker.name} processes ${shard} without holding it`)
    else if (isAtMost(number, holding.last))
      this.violations.push(`${worker.name} ${shard}: ${number} after ${holding.last}`)
    if (holding !== undefined) holding.last = number
    if (this.done.has(text)) this.repeated++
    // What is behind a checkpoint is done with for good; a worker that was stopped in the middle of a batch cannot know.
    if (!worker.wasPaused && isAtMost(number, this.#kept.get(shard) ?? ''))
      this.violations.push(`${worker.name} ${shard}: ${number} again, behind the checkpoint ${this.#kept.get(shard)}`)
    this.done.add(text)
  }

  #keep(shard: string, number: string): void {
    if (!isAtMost(number, this.#kept.get(shard) ?? '')) this.#kept.set(shard, number)
  }
}

function isAtMost(a: string, b: string): boolean {
  return a.length < b.length || (a.length === b.length && a <= b)
}
