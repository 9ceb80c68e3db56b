/**
 * Which documents this server is changing, so that its own changes take turns at them: a compare-and-set that is made
 * beside another one of the same document loses, and of N at once the last loses N - 1 times, each time for a commit.
 *
 * Politeness, not safety: what two changes may do to a document is decided by their compare-and-set alone, so a turn can
 * be declared over at any time. Nobody waits while having a turn (docs/decisions/137-turns-at-documents.md).
 */
import type { Clock } from '@millrace/std'

/**
 * Nobody waits longer for one turn: it is over then, though its change may still hang. Far above what a commit takes on
 * a busy disk, and a quarter of what a request has.
 */
export const TURN_MS_MAX = 5_000

export class Turns {
  readonly #clock: Clock
  readonly #running = new Map<string, Promise<void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * `undefined`: none of the documents is being changed, and whoever calls `run` in the same breath has the turn. Else
   * resolves when the first that is can be looked at again: its turn is over, or the deadline has come. Who waited
   * first, is told first.
   */
  ahead(documents: readonly string[], deadlineMs: number): Promise<void> | undefined {
    const turn = documents.map((document) => this.#running.get(document)).find((running) => running !== undefined)
    if (turn === undefined) return undefined
    const leftMs = deadlineMs - this.#clock.monotonic()
    return new Promise((resolve) => {
      const ring = (): void => {
        if (leftMs >= TURN_MS_MAX) this.#end(turn)
        resolve()
      }
      // A server that closes waits for none of it.
      const timer = this.#clock.setTimer(Math.max(0, Math.min(leftMs, TURN_MS_MAX)), ring, { unref: true })
      void turn.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  /**
   * Has the turn at the documents until `change` has settled, or somebody has waited long enough for it. The caller is
   * told before those who wait, so that a change that lost to another server is tried again first.
   */
  run<T>(documents: readonly string[], change: () => Promise<T>): Promise<T> {
    const running = change()
    const end = (): void => this.#end(turn)
    const turn: Promise<void> = running.then(end, end)
    for (const document of documents) this.#running.set(document, turn)
    return running
  }

  #end(turn: Promise<void>): void {
    for (const [document, running] of this.#running) if (running === turn) this.#running.delete(document)
  }
}
