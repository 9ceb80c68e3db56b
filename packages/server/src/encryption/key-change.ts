/** Since when a stream's next data key is in use: what later lets the keys before it go. */
import type { Engine } from '../engine/engine.ts'
import { shardsOf, type Stream } from '../streams/stream.ts'

/**
 * Now, or the time of the newest record if a clock stepped back: no record sealed before is later. Rejects with EngineError.
 */
export async function sinceNowMs(stream: Stream, engine: Engine, nowMs: number): Promise<number> {
  let sinceMs = nowMs
  // The first key has none before it.
  if (stream.dataKeys === undefined) return sinceMs
  for (const { ref, closed } of shardsOf(stream)) {
    const newestMs = closed?.atMs ?? (await engine.shards.bounds(ref)).endTimeMs
    sinceMs = Math.max(sinceMs, newestMs)
  }
  return sinceMs
}
