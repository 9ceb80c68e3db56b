/**
 * Between what bounds the service may take the time to be, as its documents say it decides: a step forward of the wall
 * clock is not followed before all that was stored before it has been kept for its retention, and a restart changes
 * nothing about that; one back is followed. What a server was away for is believed ten minutes after a start.
 * Written from the promise, not from the code: the checker judges expiry by it.
 */
import type { VirtualClock } from '@millrace/std/testing'
import type { TimeBounds } from '../history/events.ts'

/** Smaller steps may be forgotten by a restart, which takes them for time that the server was away. */
const STEP_MS = 60_000
/** So much later a step is stored: a crash before has the same effect. */
const STORED_MS = 130_000
const DOUBT_MS = 10 * 60_000
/** Doubt, and the time until somebody looks. */
const HIDDEN_MS = 12 * 60_000
/** The shortest retention there is. */
const KEPT_MS = 24 * 3_600_000

/** A step forward that must not be followed. */
interface HeldStep {
  readonly ms: number
  /** On the scale of `#passedMs`. */
  readonly atMs: number
  /** On the monotonic scale of its life; `undefined` once it is stored. */
  readonly seenMs: number | undefined
}

export class TrustedTime {
  #clock: VirtualClock
  #openedMs = 0
  /** The most that can have passed before this life began. */
  #passedBeforeMs = 0
  #held: readonly HeldStep[] = []
  /** In doubt for the first minutes: what the clock gained while no server ran. */
  #awayMs = 0
  /** All that the clock ever stepped forward while a server ran. */
  #forwardMs = 0

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  /** A server starts. `others` go on meanwhile, with what they believe; `isAiling`: what the last one stored may be old. */
  restart(clock: VirtualClock, { others = false, isAiling = false } = {}): void {
    const before = this.#clock
    const latestMs = this.#latestMs
    const isStored = ({ seenMs }: HeldStep): boolean =>
      seenMs === undefined || (!isAiling && before.monotonic() - seenMs > STORED_MS)
    const stored = this.#held.filter(isStored).map((step) => ({ ...step, seenMs: undefined }))
    const lostMs = sumOf(this.#held) - sumOf(stored)
    const gainedMs = clock.now() - before.now()
    this.#passedBeforeMs = this.#passedMs + lostMs + Math.max(0, gainedMs)
    this.#held = withoutLast(stored, Math.max(0, -gainedMs))
    this.#clock = clock
    this.#openedMs = clock.monotonic()
    this.#awayMs = others ? 0 : Math.max(0, clock.now() - sumOf(this.#held) - latestMs)
  }

  /** Call after the wall clock has stepped by so much. */
  stepped(ms: number): void {
    if (ms > STEP_MS) {
      const atMs = this.#passedMs
      this.#held = [...this.#held, { ms, atMs, seenMs: this.#clock.monotonic() }]
      this.#forwardMs += ms
    } else {
      this.drifted(ms)
    }
  }

  /** Call for the little that the wall clock gains or loses all the time. */
  drifted(ms: number): void {
    if (ms > 0) {
      this.#forwardMs += ms
      this.#passedBeforeMs += ms
      return
    }
    const heldMs = sumOf(this.#held)
    this.#held = withoutLast(this.#held, -ms)
    this.#awayMs = Math.max(0, this.#awayMs - Math.max(0, -ms - heldMs))
  }

  bounds(): TimeBounds {
    const isYoung = this.#elapsedMs < HIDDEN_MS
    return {
      earliestMs: isYoung ? Number.NEGATIVE_INFINITY : this.#clock.now() - this.#forwardMs,
      latestMs: this.#latestMs,
    }
  }

  get #latestMs(): number {
    const held = this.#held.filter(({ atMs }) => this.#passedMs - atMs < KEPT_MS)
    return this.#clock.now() - sumOf(held) - (this.#elapsedMs < DOUBT_MS ? this.#awayMs : 0)
  }

  get #passedMs(): number {
    return this.#passedBeforeMs + this.#elapsedMs
  }

  get #elapsedMs(): number {
    return this.#clock.monotonic() - this.#openedMs
  }
}

function sumOf(steps: readonly HeldStep[]): number {
  return steps.reduce((sum, { ms }) => sum + ms, 0)
}

/** A step back takes back the last ones first. */
function withoutLast(steps: readonly HeldStep[], backMs: number): readonly HeldStep[] {
  let leftMs = backMs
  const kept = [...steps].reverse().flatMap((step) => {
    const ms = Math.max(0, step.ms - leftMs)
    leftMs = Math.max(0, leftMs - step.ms)
    return ms === 0 ? [] : [{ ...step, ms }]
  })
  return kept.reverse()
}
