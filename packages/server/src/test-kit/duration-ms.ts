/** Lengths of time as a test gives them. */
import { parseDuration } from '@millrace/std'

import { TestKitError } from './test-kit-error.ts'

/** Ms from a number of ms or a text like `24h`, `90s`, `1h30m`. Throws TestKitError. */
export function durationMs(value: unknown, minMs: number, maxMs: number, where: string): number {
  const ms = typeof value === 'string' ? parseDuration(value) : value
  if (typeof ms === 'number' && ms >= minMs && ms <= maxMs) return ms
  const found = value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value).slice(0, 60)
  throw new TestKitError(
    `${where}: expected milliseconds from ${minMs} to ${maxMs}, or a text like 24h, 90s or 1h30m, found ${found}`,
  )
}
