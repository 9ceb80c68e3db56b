/**
 * Timers in the order in which they fall due: a binary heap. A cancelled one stays in it until it comes up, or until the
 * cancelled are more than the others: there are never more than twice as many as wait, and a few.
 */
export interface PendingTimer {
  readonly dueMs: number
  /** Those of one moment in the order in which they were set. */
  readonly order: number
  /** Absent: cancelled, or fired. */
  callback: (() => void) | undefined
}

/** So many cancelled ones are not worth a look at all the others. */
const CANCELLED_KEPT = 64

export class TimerHeap {
  #timers: PendingTimer[] = []
  #cancelled = 0
  #order = 0

  add(dueMs: number, callback: () => void): PendingTimer {
    const timers = this.#timers
    const timer: PendingTimer = { dueMs, order: this.#order++, callback }
    let at = timers.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = timers[above] as PendingTimer
      if (!isBefore(timer, parent)) break
      timers[at] = parent
      at = above
    }
    timers[at] = timer
    return timer
  }

  /** Twice is fine, and so is one that has fired. */
  cancel(timer: PendingTimer): void {
    if (timer.callback === undefined) return
    timer.callback = undefined
    this.#cancelled++
    if (this.#cancelled <= CANCELLED_KEPT || this.#cancelled * 2 <= this.#timers.length) return
    // What is in order is a heap.
    this.#timers = this.#timers
      .filter(({ callback }) => callback !== undefined)
      .sort((a, b) => (isBefore(a, b) ? -1 : 1))
    this.#cancelled = 0
  }

  /** When the next one is due. */
  get firstDueMs(): number | undefined {
    for (;;) {
      const first = this.#timers[0]
      if (first === undefined || first.callback !== undefined) return first?.dueMs
      this.#removeFirst()
      this.#cancelled--
    }
  }

  /** Takes out the next one, and calls it back. There must be one. */
  fireFirst(): void {
    const first = this.#timers[0] as PendingTimer
    this.#removeFirst()
    const { callback } = first
    first.callback = undefined
    callback?.()
  }

  #removeFirst(): void {
    const timers = this.#timers
    const last = timers.pop()
    if (last === undefined || timers.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const right = timers[below + 1]
      if (right !== undefined && isBefore(right, timers[below] as PendingTimer)) below++
      const child = timers[below]
      if (child === undefined || !isBefore(child, last)) break
      timers[at] = child
      at = below
    }
    timers[at] = last
  }
}

function isBefore(a: PendingTimer, b: PendingTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}
