/** Hears from the database when there is news. Where it cannot listen, beats find the news by their own rhythm. */
import { type Clock, deferred, type Deferred, untilAborted } from '@millrace/std'
import type { PostgresConnection, PostgresPool } from './pool.ts'

export const CHANNEL = 'millrace_leases'

export class WakeUp {
  readonly #pool: PostgresPool
  /** What is notified of: the schema and the application. */
  readonly #payload: string
  readonly #clock: Clock
  #connection: PostgresConnection | undefined
  #connecting = false
  #closed = false
  #news = false
  #waiting: Deferred<void> | undefined

  constructor(pool: PostgresPool, payload: string, clock: Clock) {
    this.#pool = pool
    this.#payload = payload
    this.#clock = clock
  }

  /** Listens, if it does not. Where that fails the next call tries again; the statements tell what is wrong. */
  async listen(): Promise<void> {
    if (this.#connection !== undefined || this.#connecting || this.#closed) return
    this.#connecting = true
    try {
      const connection = await this.#pool.connect()
      const lose = (): void => {
        if (this.#connection !== connection) return
        this.#connection = undefined
        connection.release(true)
        this.#wake()
      }
      this.#connection = connection
      connection.on('error', lose)
      connection.on('end', lose)
      connection.on('notification', ({ payload }) => {
        if (payload === this.#payload) this.#wake()
      })
      await connection.query(`LISTEN ${CHANNEL}`).catch(lose)
      if (this.#closed) lose()
    } catch {
      // The pool gives no connection.
    } finally {
      this.#connecting = false
    }
  }

  /** From here on news is remembered for `wait`. */
  arm(): void {
    this.#news = false
  }

  /** Until there is news, or it cannot be heard any more, `waitMs` at most. False: the time is over, and nothing was heard. */
  async wait(waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.#news) return true
    const waiting = deferred<void>()
    this.#waiting = waiting
    const timer = this.#clock.setTimer(waitMs, waiting.resolve)
    try {
      await untilAborted(waiting.promise, signal)
    } finally {
      timer.cancel()
    }
    return this.#news
  }

  close(): void {
    this.#closed = true
    this.#connection?.release(true)
    this.#connection = undefined
  }

  #wake(): void {
    this.#news = true
    this.#waiting?.resolve()
  }
}
