/** Hears from the database when there is news. Where it cannot listen, beats find the news by their own rhythm. */
import type { NewsBell } from '../news-bell.ts'
import type { PostgresConnection, PostgresPool } from './pool.ts'

export const CHANNEL = 'millrace_leases'

export class WakeUp {
  readonly #pool: PostgresPool
  /** What is notified of: the schema and the application. */
  readonly #payload: string
  readonly #bell: NewsBell
  #connection: PostgresConnection | undefined
  #connecting = false
  #closed = false

  constructor(pool: PostgresPool, payload: string, bell: NewsBell) {
    this.#pool = pool
    this.#payload = payload
    this.#bell = bell
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
        this.#bell.ring()
      }
      this.#connection = connection
      connection.on('error', lose)
      connection.on('end', lose)
      connection.on('notification', ({ payload }) => {
        if (payload === this.#payload) this.#bell.ring()
      })
      await connection.query(`LISTEN ${CHANNEL}`).catch(lose)
      if (this.#closed) lose()
    } catch {
      // The pool gives no connection.
    } finally {
      this.#connecting = false
    }
  }

  close(): void {
    this.#closed = true
    this.#connection?.release(true)
    this.#connection = undefined
  }
}
