/**
 * Wakes those who wait for a shard: when it grew or closed, and when its stream changed (a reshard was committed, a
 * consumer went). One listener at the engine and one at the catalog for all of them; no polling, and no timer but
 * the waiter's own.
 */
import type { Clock } from '@millrace/std'

import type { Catalog } from '../catalog/catalog.ts'
import { streamId } from '../catalog/keys.ts'
import type { ShardRef, ShardStore } from '../engine/engine.ts'
import type { StreamKey } from '../streams/stream.ts'

/**
 * For one waiter, who clears it, looks, and then waits: what happens between looking and waiting is not missed.
 */
export interface Bell extends Disposable {
  ring(): void
  clear(): void
  /** Resolves when it has rung since it was cleared, or after `delayMs`. */
  wait(clock: Clock, delayMs: number): Promise<void>
}

export class WakeUps implements Disposable {
  readonly #shards = new Map<ShardRef, Set<Bell>>()
  readonly #streams = new Map<string, Set<Bell>>()
  readonly #listening: readonly Disposable[]

  constructor(shards: Pick<ShardStore, 'onAdvance'>, catalog: Pick<Catalog, 'onChange'>) {
    this.#listening = [
      shards.onAdvance((refs) => {
        if (this.#shards.size === 0) return
        for (const ref of refs) ringAll(this.#shards.get(ref))
      }),
      catalog.onChange((key) => ringAll(this.#streams.get(streamId(key)))),
    ]
  }

  /** A bell for a shard and its stream. Dispose of it to stop it ringing. */
  hang(shard: ShardRef, stream: StreamKey): Bell {
    const id = streamId(stream)
    const bell = new OneBell(() => {
      remove(this.#shards, shard, bell)
      remove(this.#streams, id, bell)
    })
    add(this.#shards, shard, bell)
    add(this.#streams, id, bell)
    return bell
  }

  [Symbol.dispose](): void {
    for (const listening of this.#listening) listening[Symbol.dispose]()
  }
}

class OneBell implements Bell {
  readonly #onDispose: () => void
  #rang = false
  #wake: (() => void) | undefined

  constructor(onDispose: () => void) {
    this.#onDispose = onDispose
  }

  ring(): void {
    this.#rang = true
    this.#wake?.()
  }

  clear(): void {
    this.#rang = false
  }

  async wait(clock: Clock, delayMs: number): Promise<void> {
    if (this.#rang || delayMs <= 0) return
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(delayMs, resolve, { unref: true })
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#wake = undefined
  }

  [Symbol.dispose](): void {
    this.#onDispose()
    this.ring()
  }
}

function ringAll(bells: ReadonlySet<Bell> | undefined): void {
  if (bells !== undefined) for (const bell of bells) bell.ring()
}

function add<K>(map: Map<K, Set<Bell>>, key: K, bell: Bell): void {
  const bells = map.get(key)
  if (bells === undefined) map.set(key, new Set([bell]))
  else bells.add(bell)
}

function remove<K>(map: Map<K, Set<Bell>>, key: K, bell: Bell): void {
  const bells = map.get(key)
  bells?.delete(bell)
  if (bells?.size === 0) map.delete(key)
}
