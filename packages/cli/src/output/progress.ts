/**
 * How far a long command is, on stderr: one line rewritten at most ten times a second on a terminal, elsewhere a line
 * every ten seconds, nothing when quiet. It never draws by itself: whoever moves calls `update`.
 */
import type { Clock } from '@millrace/std'
import { formatBytes, formatCount, formatDuration, formatRate } from './quantities.ts'

export interface ProgressOptions {
  readonly clock: Clock
  readonly write: (text: string) => void
  /** Columns of the terminal; `undefined`: not a terminal. */
  readonly width: number | undefined
  readonly quiet: boolean
}

export interface ProgressState {
  /** Absent: bytes are what is counted. */
  readonly records?: number
  readonly bytes: number
  /** The part done, 0 … 1, where the size of the input is known: gives a bar, a percentage and an ETA. */
  readonly fraction?: number | undefined
  /** Said at the end of the line (`throttled`, `reconnecting`). */
  readonly note?: string | undefined
}

const TERMINAL_INTERVAL_MS = 100
const PIPE_INTERVAL_MS = 10_000
const BAR_WIDTH = 20

export class Progress {
  readonly #options: ProgressOptions
  readonly #startedMs: number
  #drawnMs: number
  #onScreen = false

  constructor(options: ProgressOptions) {
    this.#options = options
    this.#startedMs = options.clock.monotonic()
    this.#drawnMs = options.width === undefined ? this.#startedMs : -Infinity
  }

  get elapsedMs(): number {
    return this.#options.clock.monotonic() - this.#startedMs
  }

  update(state: ProgressState): void {
    const { clock, width, write, quiet } = this.#options
    if (quiet) return
    const nowMs = clock.monotonic()
    if (nowMs - this.#drawnMs < (width === undefined ? PIPE_INTERVAL_MS : TERMINAL_INTERVAL_MS)) return
    this.#drawnMs = nowMs
    const line = progressLine(state, this.elapsedMs)
    if (width === undefined) write(`${line}\n`)
    else {
      write(`\r${line.slice(0, width - 1)}\u001b[K`)
      this.#onScreen = true
    }
  }

  /** Takes the line off the screen, so that what follows starts on a clean one. Twice is fine. */
  clear(): void {
    if (this.#onScreen) this.#options.write('\r\u001b[K')
    this.#onScreen = false
  }
}

export function progressLine({ records, bytes, fraction, note }: ProgressState, elapsedMs: number): string {
  const parts =
    records === undefined
      ? [formatBytes(bytes)]
      : [`${formatCount(records)} records`, formatBytes(bytes), formatRate(records, elapsedMs)]
  if (fraction !== undefined) {
    const done = Math.min(1, Math.max(0, fraction))
    const filled = Math.round(done * BAR_WIDTH)
    parts.unshift(`[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${Math.floor(done * 100)}%`)
    if (done > 0 && done < 1) parts.push(`${formatDuration((elapsedMs * (1 - done)) / done)} left`)
  }
  if (note !== undefined) parts.push(note)
  return parts.join('  ')
}
