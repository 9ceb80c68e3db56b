/**
 * An engine that means it when it says that bytes are lent: after `release` they are overwritten. The memory engine
 * never does so by itself, one that recycles its buffers does.
 */
import type { Engine, ReadResult } from '../engine/engine.ts'

const SCRIBBLE = 0xee

export function lendingEngine(engine: Engine): Engine {
  const { shards } = engine
  return {
    shards: {
      provision: (open, options) => shards.provision(open, options),
      append: (parts, options) => shards.append(parts, options),
      room: () => shards.room(),
      whenRoom: (bytes, signal) => shards.whenRoom(bytes, signal),
      close: (refs, options) => shards.close(refs, options),
      read: async (shard, from, options) => lent(await shards.read(shard, from, options)),
      bounds: (shard) => shards.bounds(shard),
      seekTime: (shard, timeMs) => shards.seekTime(shard, timeMs),
      onAdvance: (listener) => shards.onAdvance(listener),
      trim: (floors) => shards.trim(floors),
      drop: (refs, options) => shards.drop(refs, options),
    },
    meta: engine.meta,
    health: () => engine.health(),
    close: () => engine.close(),
    [Symbol.asyncDispose]: () => engine.close(),
  }
}

function lent(result: ReadResult): ReadResult {
  const frames = result.frames.map((frame) => ({ ...frame, bytes: Buffer.from(frame.bytes) }))
  return {
    ...result,
    frames,
    release: () => {
      for (const { bytes } of frames) bytes.fill(SCRIBBLE)
      result.release()
    },
  }
}
