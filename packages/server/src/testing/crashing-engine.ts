/**
 * An engine as a server sees it that is about to die: after so many changes nothing reaches the engine any more.
 * Whatever is behind it lives on, for the server that comes next.
 */
import { type Engine, EngineError } from '../engine/engine.ts'
import { metaWith } from './meta-with.ts'

export interface Crash {
  /** How many changes (provision, close, drop, cas) still succeed. Set when the countdown is to begin. */
  changesLeft?: number
  /** The one after them takes effect, but its answer is lost. Default: it does not. */
  answerLost?: boolean
}

export function crashingEngine(engine: Engine, crash: Crash): Engine {
  async function change<T>(apply: () => Promise<T>): Promise<T> {
    if (crash.changesLeft === undefined) return apply()
    crash.changesLeft--
    if (crash.changesLeft >= 0) return apply()
    if (crash.changesLeft === -1 && crash.answerLost === true) await apply()
    throw new EngineError('unavailable', 'this server has crashed')
  }
  const { shards, meta } = engine
  return {
    shards: {
      provision: (open, options) => change(() => shards.provision(open, options)),
      append: (parts, options) => shards.append(parts, options),
      room: () => shards.room(),
      whenRoom: (bytes, signal) => shards.whenRoom(bytes, signal),
      close: (refs, options) => change(() => shards.close(refs, options)),
      read: (shard, from, options) => shards.read(shard, from, options),
      bounds: (shard) => shards.bounds(shard),
      seekTime: (shard, timeMs) => shards.seekTime(shard, timeMs),
      onAdvance: (listener) => shards.onAdvance(listener),
      trim: (floors) => shards.trim(floors),
      drop: (refs, options) => change(() => shards.drop(refs, options)),
    },
    meta: metaWith(meta, { cas: (changed, options) => change(() => meta.cas(changed, options)) }),
    health: () => engine.health(),
    close: () => engine.close(),
    [Symbol.asyncDispose]: () => engine.close(),
  }
}
