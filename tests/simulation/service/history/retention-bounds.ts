/**
 * What retention may have taken, and what it must have hidden, at each moment of a history. Both are bounds: the
 * service's trusted clock and retentions whose change nobody confirmed are known within limits only.
 */
import type { StampedEvent } from './events.ts'

const HOUR_MS = 3_600_000
/** Of a new stream, as on AWS. */
const HOURS_DEFAULT = 24

interface Change {
  readonly at: number
  /** Of a retention that may be in force from here on. */
  readonly minHours: number
  readonly maxHours: number
}

interface Floor {
  readonly at: number
  readonly beforeMs: number
}

interface StreamBounds {
  readonly changes: Change[]
  /** Records with a time before it may be gone; rises. One entry for each event at which it rose. */
  readonly gone: Floor[]
  /** What a confirmed change of retention has trimmed for good. Begins anew with each creation. */
  hidden: Floor[]
}

export class RetentionBounds {
  readonly #events: readonly StampedEvent[]
  readonly #streams = new Map<string, StreamBounds>()

  constructor(events: readonly StampedEvent[]) {
    this.#events = events
    const calls = new Map<
      number,
      { readonly stream: string; readonly hours: number; readonly at: number; readonly isNew: boolean }
    >()
    for (const [at, event] of events.entries()) {
      if (event.kind === 'create') {
        const bounds = this.#of(event.stream)
        bounds.hidden = [...bounds.hidden, { at, beforeMs: Number.NEGATIVE_INFINITY }]
        this.#widen(bounds, at, HOURS_DEFAULT)
        calls.set(event.call, { stream: event.stream, hours: HOURS_DEFAULT, at, isNew: true })
      } else if (event.kind === 'retention') {
        this.#widen(this.#of(event.stream), at, event.hours)
        calls.set(event.call, { stream: event.stream, hours: event.hours, at, isNew: false })
      } else if (event.kind === 'answer') {
        const call = calls.get(event.call)
        if (call !== undefined && event.outcome === 'done') this.#confirm(call, at)
      }
      for (const bounds of this.#streams.values()) this.#raise(bounds, at, event.time.latestMs)
    }
  }

  /** Records of the stream with a time before it may be missing from what is answered at event `at`. */
  goneBefore(stream: string, at: number): number {
    return lastUpTo(this.#of(stream).gone, at)?.beforeMs ?? Number.NEGATIVE_INFINITY
  }

  /** Records with a time before it must not be shown by a call that lasted from `calledAt` to `at`. */
  hiddenBefore(stream: string, calledAt: number, at: number): number {
    const bounds = this.#of(stream)
    let hours = 0
    for (const [i, change] of bounds.changes.entries()) {
      const next = bounds.changes[i + 1]
      if (change.at <= at && (next === undefined || next.at >= calledAt)) hours = Math.max(hours, change.maxHours)
    }
    const earliestMs = this.#events[calledAt]?.time.earliestMs ?? Number.NEGATIVE_INFINITY
    const trimmed = lastUpTo(bounds.hidden, calledAt - 1)?.beforeMs ?? Number.NEGATIVE_INFINITY
    return Math.max(earliestMs - hours * HOUR_MS, trimmed)
  }

  #of(stream: string): StreamBounds {
    let bounds = this.#streams.get(stream)
    if (bounds === undefined) {
      bounds = { changes: [], gone: [], hidden: [] }
      this.#streams.set(stream, bounds)
    }
    return bounds
  }

  #widen(bounds: StreamBounds, at: number, hours: number): void {
    const last = bounds.changes.at(-1)
    bounds.changes.push({
      at,
      minHours: Math.min(hours, last?.minHours ?? hours),
      maxHours: Math.max(hours, last?.maxHours ?? hours),
    })
  }

  #confirm(
    call: { readonly stream: string; readonly hours: number; readonly at: number; readonly isNew: boolean },
    at: number,
  ): void {
    const bounds = this.#of(call.stream)
    const before = bounds.changes.at(-1)
    bounds.changes.push({ at, minHours: call.hours, maxHours: call.hours })
    if (call.isNew) return
    // Longer: what the old one had trimmed stays so. Shorter: the new one trims at once.
    const hours = Math.max(call.hours, before?.maxHours ?? call.hours)
    const earliestMs = this.#events[call.at]?.time.earliestMs ?? Number.NEGATIVE_INFINITY
    const isShorter = before !== undefined && before.maxHours > call.hours
    const beforeMs = earliestMs - (isShorter ? call.hours : Math.min(hours, before?.maxHours ?? hours)) * HOUR_MS
    bounds.hidden.push({ at, beforeMs: Math.max(beforeMs, bounds.hidden.at(-1)?.beforeMs ?? beforeMs) })
  }

  #raise(bounds: StreamBounds, at: number, latestMs: number): void {
    const hours = bounds.changes.at(-1)?.minHours
    if (hours === undefined) return
    const beforeMs = latestMs - hours * HOUR_MS
    if (beforeMs > (bounds.gone.at(-1)?.beforeMs ?? Number.NEGATIVE_INFINITY)) bounds.gone.push({ at, beforeMs })
  }
}

function lastUpTo(floors: readonly Floor[], at: number): Floor | undefined {
  let low = 0
  for (let high = floors.length; low < high;) {
    const middle = (low + high) >> 1
    if ((floors[middle]?.at ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return floors[low - 1]
}
