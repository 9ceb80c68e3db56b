/**
 * The one way this house reads the time or waits. Everything that needs either takes a `Clock`, so that a test
 * or a simulation can hold time still and move it by hand.
 */

/** A pending timer. Cancelling one that has fired, or twice, does nothing. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May step in either direction. */
  now(): number
  /** Milliseconds since an arbitrary start. Never steps back, and is not moved by changes of the wall clock. */
  monotonic(): number
  /** Calls `callback` once, `delayMs` from now. `unref` timers do not keep the process alive. Default: they do. */
  setTimer(delayMs: number, callback: () => void, options?: { readonly unref?: boolean }): Timer
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, callback, options) {
    const timer = setTimeout(callback, delayMs)
    if (options?.unref === true) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

/**
 * Resolves after `delayMs`. Rejects with the signal's reason as soon as it is aborted.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error)
      return
    }
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
