/** Calls of PostgreSQL, bounded, with failures as a lease store has them. */
import { type Clock, untilAborted } from '@millrace/std'
import { LeaseStoreError, type LeaseStoreErrorCode } from '../lease-store.ts'
import { withinMs } from '../within-ms.ts'
import type { PostgresPool, Row } from './pool.ts'

/** Of one statement. */
const CALL_MS_MAX = 10_000

export async function queried(
  pool: PostgresPool,
  clock: Clock,
  text: string,
  values: unknown[],
  signal: AbortSignal,
): Promise<readonly Row[]> {
  const { rows } = await called(clock, () => pool.query(text, values), signal)
  return rows
}

/** What was begun goes on in the database when nobody waits for it any more. */
export function called<T>(clock: Clock, work: () => Promise<T> | undefined, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return withinMs(clock, CALL_MS_MAX, signal, async (bounded) => {
    const done = Promise.resolve(work() as Promise<T>).catch((error: unknown) => {
      throw storeError(error)
    })
    return untilAborted(done, bounded)
  })
}

/** By the class of SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function storeError(cause: unknown): LeaseStoreError {
  if (cause instanceof LeaseStoreError) return cause
  const { message, code = '' } = cause as { readonly message: string; readonly code?: string }
  return new LeaseStoreError(codeOf(code), `PostgreSQL: ${message}${code === '' ? '' : ` (${code})`}`, { cause })
}

function codeOf(state: string): LeaseStoreErrorCode {
  if (state.startsWith('53')) return 'throttled'
  if (state === '42501' || state.startsWith('28')) return 'denied'
  if (/^(22|23|3D|3F|42)/.test(state)) return 'invalid'
  return 'unavailable'
}
