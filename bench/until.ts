/** Waits for what nobody tells. */
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_EVERY_MS = 20
const WAIT_MS_MAX = 60_000

/** Resolves when `isSo`, or rejects with `otherwise` after a minute. */
export async function until(isSo: () => boolean, otherwise: string | (() => string)): Promise<void> {
  const startedAt = performance.now()
  while (!isSo()) {
    if (performance.now() - startedAt > WAIT_MS_MAX)
      throw new Error(typeof otherwise === 'string' ? otherwise : otherwise())
    await sleep(LOOK_EVERY_MS)
  }
}
