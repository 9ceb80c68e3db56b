/**
 * An engine whose watch never tells: the server on it knows of metadata what it wrote and what it asks for. The worst
 * a cluster may do to a server, for as long as a test likes.
 */
import type { Engine } from '../engine/engine.ts'

export function deafEngine(engine: Engine): Engine {
  const { meta } = engine
  return {
    shards: engine.shards,
    meta: {
      get: (key) => meta.get(key),
      list: (prefix) => meta.list(prefix),
      cas: (changes, options) => meta.cas(changes, options),
      watch: () => ({ [Symbol.dispose]() {} }),
    },
    health: () => engine.health(),
    close: () => engine.close(),
    [Symbol.asyncDispose]: () => engine.close(),
  }
}
