/**
 * Work under several signals at once. `AbortSignal.any` would do, but Node 20 keeps every signal that it makes in its sources
 * for as long as those live: a worker that combines its own signal for each call grows for ever.
 */

/**
 * `work`, with a signal that is aborted as soon as one of `signals` is, for the same reason. Nothing of it is left at `signals`
 * when `work` has settled; from then on its signal is told nothing more.
 */
export async function withAnySignal<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const any = new AbortController()
  const onAbort = ({ target }: Event): void => any.abort((target as AbortSignal).reason)
  const aborted = signals.find((signal) => signal.aborted)
  if (aborted !== undefined) any.abort(aborted.reason)
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(any.signal)
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', onAbort)
  }
}
