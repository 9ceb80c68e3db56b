/**
 * Lets another process of this machine copy the files of the running log: it asks the owner of the directory to hold
 * them (owner-channel of the log package), gets their names in one line of JSON, and the hold lasts as long as the
 * connection. A hold that the log cannot keep ends the connection, and with it the copy.
 */
import type { DirectoryLock, HeldLog, Log } from '@millrace/log'
import { type Clock, type Logger, silentLogger } from '@millrace/std'

/** What a copier asks for. */
export const HOLD_REQUEST = 'hold 1'
/** Copiers at once: each keeps space from coming back. */
const HOLDS_MAX = 2
/** Longer than any copy should take; then space is wanted back. */
const HOLD_MS_MAX = 24 * 3_600_000

/** The answer: the files, or why not. */
export type HoldReply = { readonly held: HeldLog } | { readonly refused: string }

export function serveHolds(
  lock: DirectoryLock,
  log: Log,
  { clock, logger = silentLogger }: { readonly clock: Clock; readonly logger?: Logger },
): void {
  let holds = 0
  lock.onRequest((request, socket) => {
    const reply = (answer: HoldReply): void => void socket.write(`${JSON.stringify(answer)}\n`)
    const refuse = (refused: string): void => {
      reply({ refused })
      socket.end()
    }
    if (request !== HOLD_REQUEST) return refuse(`there is no request '${request.slice(0, 40)}' here`)
    if (holds >= HOLDS_MAX) return refuse(`${HOLDS_MAX} others copy this directory already`)
    holds++
    let isClosed = false
    socket.on('close', () => (isClosed = true))
    log
      .hold()
      .then(async ({ broken, release, ...held }) => {
        const timer = clock.setTimer(HOLD_MS_MAX, () => socket.end(), { unref: true })
        socket.on('close', release)
        if (isClosed) release()
        logger.info('files of the log are held for a copy', { commit: held.commit, files: held.files.length })
        reply({ held })
        const reason = await broken
        timer.cancel()
        logger.info('files of the log are no longer held', { reason })
        socket.end()
      })
      .catch((error: unknown) => refuse(error instanceof Error ? error.message : String(error)))
      .finally(() => holds--)
  })
}
