/** Timers in the order in which they fall due: a binary heap. Cancelled ones stay in it until they come up. */
export interface PendingTimer {
  readonly dueMs: number
  /** Those of one moment in the order in which they were set. */
  readonly order: number
  /** Absent: cancelled. */
  callback: (() => void) | undefined
}

export class TimerHeap {
  readonly #timers: PendingTimer[] = []

  push(timer: PendingTimer): void {
    const timers = this.#timers
    let at = timers.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, timers[parent] as PendingTimer)) break
      timers[at] = timers[parent] as PendingTimer
      at = parent
    }
    timers[at] = timer
  }

  /** The next that was not cancelled; left in the heap. */
  peek(): PendingTimer | undefined {
    while (this.#timers[0] !== undefined && this.#timers[0].callback === undefined) this.pop()
    return this.#timers[0]
  }

  pop(): void {
    const timers = this.#timers
    const last = timers.pop()
    if (last === undefined || timers.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const right = timers[child + 1]
      if (right !== undefined && isBefore(right, timers[child] as PendingTimer)) child++
      const next = timers[child]
      if (next === undefined || !isBefore(next, last)) break
      timers[at] = next
      at = child
    }
    timers[at] = last
  }
}

function isBefore(a: PendingTimer, b: PendingTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}
