/**
 * Exponential backoff with full jitter: attempt n waits a random time in [0, min(max, base × 2^n)).
 * Full jitter spreads competing retries best for the least total work (AWS Architecture Blog, "Exponential Backoff
 * And Jitter", 2015).
 */
import type { Random } from './random.ts'

export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
}

/** The delay before retry number `attempt` (0 is the first retry), in milliseconds. */
export function backoffMs(attempt: number, options: BackoffOptions, random: Random): number {
  return random.float() * Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt, 30))
}
