import type { Position } from './api.ts'

/** Before every record of any ledger. */
export const POSITION_START: Position = { commit: 0, index: 0 }

/** Negative, zero or positive, as `a` comes before, at or after `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.commit - b.commit || a.index - b.index
}
