/**
 * Like `Promise.all`, but waits for all of them before it rejects, with the reason of the first in order: nothing that
 * was begun goes on behind its back.
 */
export async function settleAll<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  const results = await Promise.allSettled(promises)
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
