/**
 * An engine whose watch never tells: the server on it knows of metadata what it wrote and what it asks for. The worst
 * a cluster may do to a server, for as long as a test likes.
 */
import type { Engine } from '../engine/engine.ts'
import { metaWith } from './meta-with.ts'

export function deafEngine(engine: Engine): Engine {
  return {
    shards: engine.shards,
    meta: metaWith(engine.meta, { watch: () => ({ [Symbol.dispose]() {} }) }),
    health: () => engine.health(),
    close: () => engine.close(),
    [Symbol.asyncDispose]: () => engine.close(),
  }
}
