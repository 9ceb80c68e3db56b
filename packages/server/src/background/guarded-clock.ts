/**
 * The time by which records expire: the wall clock, held back so that whatever was ever wrong with it deletes nothing
 * early. Arrival times come from the wall clock as it was, so a record expires early if the clock was behind when it was
 * stored, or is ahead when it is judged, and a later step forward looks the same in both cases. Therefore what is kept
 * for 24 hours is judged by the lowest clock of the last 24 hours: the lowest difference between the wall clock and the
 * time that has passed. A step forward counts once all that was stored before it has been kept for its retention; a step
 * back counts at once.
 *
 * Invariant: nothing expires before its retention has passed. What has passed while a service runs is told by the
 * monotonic clock. For how long none ran, only the wall clock tells: it is in doubt for ten minutes, long enough to set
 * the clock right, for which no time has passed (docs/decisions/154-time-that-has-passed.md).
 */
import { RETENTION_HOURS_MAX } from '@millrace/protocol'
import type { Clock, Logger } from '@millrace/std'

const HOUR_MS = 3_600_000
/** A clock that is ahead by less is not followed, so that one that is slewed does not make a step each second. */
const STEP_MS = 60_000
/** Away for longer than this, the doubt is worth a warning. */
const AWAY_WARNING_MS = 24 * HOUR_MS
const OPENING_DOUBT_MS = 10 * 60_000
/** Two or three a day for the longest retention. Of more, the oldest count as one. */
const STEPS_MAX = 1_000

/** The wall clock less the time that had passed, before it stepped forward. */
export interface PastOffset {
  readonly offsetMs: number
  /** When it stepped, on the scale of time that has passed. */
  readonly untilMs: number
}

/** What a service leaves to the next one. */
export interface KnownTime {
  /** Time that has passed, ms since whenever the first service began to count. */
  readonly passedMs: number
  /** The wall clock at that moment, less the time that is still in doubt: that is for the next service to judge. Ms since the epoch. */
  readonly wallMs: number
  /** The wall clock less the time that has passed, where it was followed to. */
  readonly offsetMs: number
  /** Oldest first; offsets rise, up to below `offsetMs`. */
  readonly past: readonly PastOffset[]
}

export interface GuardedClockOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** `undefined`: nothing is stored yet. The clock is trusted as it is. */
  readonly known: KnownTime | undefined
}

interface Doubt {
  /** On the monotonic scale. */
  readonly untilMs: number
  /** The wall clock less the time that had passed, when the service before was last heard of. */
  readonly lastMs: number
  /** The lowest since this one opened. */
  lowestMs: number
}

export class GuardedClock {
  readonly #clock: Clock
  readonly #logger: Logger
  /** Time that has passed, less the monotonic clock. */
  #startMs: number
  #offsetMs: number
  #past: readonly PastOffset[]
  #doubt: Doubt | undefined

  constructor({ clock, logger, known }: GuardedClockOptions) {
    this.#clock = clock
    this.#logger = logger
    const monotonicMs = clock.monotonic()
    const wallMs = clock.now()
    this.#startMs = (known?.passedMs ?? 0) - monotonicMs
    this.#offsetMs = known?.offsetMs ?? wallMs
    this.#past = known?.past ?? []
    if (known === undefined) return
    this.#doubt = {
      untilMs: monotonicMs + OPENING_DOUBT_MS,
      lastMs: known.wallMs - known.passedMs,
      lowestMs: wallMs - known.passedMs,
    }
    if (wallMs - known.wallMs > AWAY_WARNING_MS) {
      logger.warn('by the clock no server ran for more than a day: nothing more expires for ten minutes', {
        last: new Date(known.wallMs).toISOString(),
        clock: new Date(wallMs).toISOString(),
      })
    }
  }

  /** Ms since the epoch, for what is kept for so many hours: never ahead of the wall clock. */
  now(keptHours: number): number {
    const { passedMs } = this.#look()
    const sinceMs = passedMs - keptHours * HOUR_MS
    const lowest = this.#past.find(({ untilMs }) => untilMs > sinceMs)
    return Math.floor(passedMs + (lowest?.offsetMs ?? this.#offsetMs))
  }

  known(): KnownTime {
    const { passedMs, wallMs } = this.#look()
    return { passedMs, wallMs: wallMs - this.#awayMs(), offsetMs: this.#offsetMs, past: this.#past }
  }

  /** Sees what the wall clock has done since the last look. */
  #look(): Pick<KnownTime, 'passedMs' | 'wallMs'> {
    // In this order: a process that is held up in between sees a clock that is ahead, and not one that is behind.
    const monotonicMs = this.#clock.monotonic()
    const wallMs = this.#clock.now()
    this.#judgeDoubt(monotonicMs, wallMs)
    const passedMs = this.#startMs + monotonicMs
    const seenMs = wallMs - passedMs
    if (seenMs < this.#offsetMs) {
      this.#offsetMs = seenMs
      if (this.#past.length > 0) this.#past = this.#past.filter(({ offsetMs }) => offsetMs < seenMs)
    } else if (this.#doubt === undefined && seenMs - this.#offsetMs > STEP_MS) {
      this.#stepForward(seenMs, passedMs)
    }
    return { passedMs, wallMs }
  }

  #judgeDoubt(monotonicMs: number, wallMs: number): void {
    const doubt = this.#doubt
    if (doubt === undefined) return
    doubt.lowestMs = Math.min(doubt.lowestMs, wallMs - (this.#startMs + monotonicMs))
    if (monotonicMs < doubt.untilMs) return
    this.#startMs += this.#awayMs()
    this.#doubt = undefined
  }

  /** How long no service ran before this one, by all that the clock has shown since; 0 once that is judged. */
  #awayMs(): number {
    return this.#doubt === undefined ? 0 : Math.max(0, this.#doubt.lowestMs - this.#doubt.lastMs)
  }

  #stepForward(seenMs: number, passedMs: number): void {
    this.#logger.warn('the clock stepped forward: what was stored before is kept for its retention from now on', {
      steppedMs: Math.round(seenMs - this.#offsetMs),
    })
    const horizonMs = passedMs - RETENTION_HOURS_MAX * HOUR_MS
    const past = this.#past.filter(({ untilMs }) => untilMs > horizonMs)
    past.push({ offsetMs: this.#offsetMs, untilMs: passedMs })
    const [first, second] = past
    if (past.length > STEPS_MAX && first !== undefined && second !== undefined) {
      past.splice(0, 2, { offsetMs: first.offsetMs, untilMs: second.untilMs })
    }
    this.#past = past
    this.#offsetMs = seenMs
  }
}
