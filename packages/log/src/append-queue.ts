/**
 * Appends that wait for a commit. Requests take turns: each adds a bounded number of bytes to a commit and, if it has
 * more, goes to the back, so that small ones pass large ones. Bounded in bytes; at the bound an append is
 * `overloaded` and nothing of it is kept.
 */
import { type Deferred, deferred, type Linked } from '@millrace/std'
import type { AppendFailure, Part, PartResult } from './api.ts'
import { type LedgerState, isOpenForAppend, type LedgerTable } from './ledger-table.ts'
import { QUEUE_PART_OVERHEAD_BYTES, REQUEST_COMMIT_BYTES_MAX, ROOM_WAITERS_MAX } from './limits.ts'
import { LogError } from './log-error.ts'

export class AppendRequest implements Linked<AppendRequest> {
  readonly parts: readonly Part[]
  /** One per part; `undefined` for a part that was refused at the door. */
  readonly states: readonly (LedgerState | undefined)[]
  readonly results: (PartResult | undefined)[]
  readonly deadlineMs: number
  readonly #settled: Deferred<readonly PartResult[]> = deferred()
  /** The first part that is not in a commit yet. */
  next = 0
  undecided: number
  isSettled = false
  before: AppendRequest | undefined
  after: AppendRequest | undefined

  constructor(parts: readonly Part[], states: readonly (LedgerState | undefined)[], deadlineMs: number) {
    this.parts = parts
    this.states = states
    this.results = states.map((state) => (state === undefined ? { runs: [], failure: 'closed' } : undefined))
    this.undecided = states.reduce((count, state) => count + (state === undefined ? 0 : 1), 0)
    this.deadlineMs = deadlineMs
  }

  get promise(): Promise<readonly PartResult[]> {
    return this.#settled.promise
  }

  decide(part: number, result: PartResult): void {
    if (this.isSettled || this.results[part] !== undefined) return
    this.results[part] = result
    this.undecided--
    if (this.undecided === 0) this.settle('unknown')
  }

  /** Settles; what is undecided gets `failure`. */
  settle(failure: AppendFailure): void {
    if (this.isSettled) return
    this.isSettled = true
    this.#settled.resolve(this.results.map((result) => result ?? { runs: [], failure }))
  }
}

interface RoomWaiter {
  readonly bytes: number
  readonly waiting: Deferred<void>
}

/** What takes parts out of the queue: a commit being filled. */
export interface PartTaker {
  /** False when the part does not fit any more: the queue then stops. */
  take(request: AppendRequest, part: number, state: LedgerState): boolean
}

export class AppendQueue {
  readonly #bytesMax: number
  #bytes = 0
  #requests: AppendRequest[] = []
  #waiters: RoomWaiter[] = []

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get isEmpty(): boolean {
    return this.#requests.length === 0
  }

  get bytes(): number {
    return this.#bytes
  }

  room(): number {
    return Math.max(0, this.#bytesMax - this.#bytes)
  }

  /** Takes a request in; `undefined` when it is full. A request larger than the bound is taken by an empty queue. */
  offer(parts: readonly Part[], table: LedgerTable, deadlineMs: number): AppendRequest | undefined {
    const bytes = costOf(parts)
    if (this.#bytes > 0 && this.#bytes + bytes > this.#bytesMax) return undefined
    const states = parts.map((part) => {
      const state = part.ledger === 0 ? undefined : table.get(part.ledger)
      return state !== undefined && isOpenForAppend(state) ? state : undefined
    })
    const request = new AppendRequest(parts, states, deadlineMs)
    if (request.undecided === 0) {
      request.settle('closed')
      return request
    }
    for (const state of states) if (state !== undefined) state.queuedParts++
    this.#bytes += bytes
    this.#requests.push(request)
    return request
  }

  /** Hands parts to `taker`, request by request, until it has enough or each has had its turn. */
  drainInto(taker: PartTaker): void {
    const waiting = this.#requests
    const again: AppendRequest[] = []
    let served = 0
    let isFull = false
    while (served < waiting.length && !isFull) {
      const request = waiting[served] as AppendRequest
      let bytes = 0
      while (request.next < request.parts.length && !isFull) {
        const part = request.parts[request.next] as Part
        const state = request.states[request.next]
        if (state !== undefined) {
          if (bytes > 0 && bytes + part.bytes.length > REQUEST_COMMIT_BYTES_MAX) break
          if (!taker.take(request, request.next, state)) {
            isFull = true
            break
          }
          bytes += part.bytes.length
          state.queuedParts--
        }
        request.next++
      }
      if (isFull) break
      if (request.next < request.parts.length) again.push(request)
      served++
    }
    this.#requests = again.length === 0 && served === waiting.length ? [] : [...waiting.slice(served), ...again]
  }

  /** Gives the bytes of a settled request back. */
  release(request: AppendRequest): void {
    this.#bytes -= costOf(request.parts)
    this.#admit()
  }

  /** Takes a request out that has not been put into commits wholly: nothing of its rest will be stored. */
  withdraw(request: AppendRequest): void {
    const place = this.#requests.indexOf(request)
    if (place === -1) return
    this.#requests.splice(place, 1)
    for (let part = request.next; part < request.parts.length; part++) {
      const state = request.states[part]
      if (state !== undefined) state.queuedParts--
    }
    request.next = request.parts.length
  }

  /** The request that is served next, taken out. */
  takeHead(): AppendRequest | undefined {
    const head = this.#requests[0]
    if (head !== undefined) this.withdraw(head)
    return head
  }

  /** Every waiting request, taken out. */
  takeAll(): readonly AppendRequest[] {
    const all = [...this.#requests]
    for (const request of all) this.withdraw(request)
    return all
  }

  async whenRoom(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#waiters.length === 0 && this.#fits(bytes)) return
    if (this.#waiters.length >= ROOM_WAITERS_MAX) {
      throw new LogError('unavailable', `${ROOM_WAITERS_MAX} callers wait for room in the append queue already`)
    }
    const waiter: RoomWaiter = { bytes, waiting: deferred() }
    const onAbort = (): void => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter)
      waiter.waiting.reject(signal.reason)
      this.#admit()
    }
    this.#waiters.push(waiter)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await waiter.waiting.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Lets everybody in: the log is failing or closing, and they should hear it from `append`. */
  openDoors(): void {
    for (const { waiting } of this.#waiters.splice(0)) waiting.resolve()
  }

  /** In order: a large one at the front is not starved by small ones behind it. */
  #admit(): void {
    let admitted = 0
    for (const waiter of this.#waiters) {
      if (!this.#fits(waiter.bytes)) break
      waiter.waiting.resolve()
      admitted++
    }
    if (admitted > 0) this.#waiters.splice(0, admitted)
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax
  }
}

function costOf(parts: readonly Part[]): number {
  let bytes = 0
  for (const part of parts) bytes += part.bytes.length + QUEUE_PART_OVERHEAD_BYTES
  return bytes
}
