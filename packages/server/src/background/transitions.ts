/**
 * Finishes the changes that streams are in: creation, resharding, encryption, deletion. Every change was begun durably by an
 * operation; each step here can be repeated by any server at any time, and the last one is a compare-and-set. So it
 * does not matter who began, who crashed, or who else is at it.
 *
 * A reshard is intent → close → provision → commit, in every engine (docs/decisions/030-reshard-steps.md).
 */
import { setImmediate } from 'node:timers/promises'

import { type Clock, type Logger, sleep } from '@millrace/std'

import type { Catalog } from '../catalog/catalog.ts'
import { streamId } from '../catalog/keys.ts'
import { type Engine, EngineError } from '../engine/engine.ts'
import { commitCreation, firstShards } from '../streams/create.ts'
import { commitEncryption } from '../streams/encryption.ts'
import { refsToDrop } from '../streams/delete.ts'
import { advanceChannels } from '../streams/channel.ts'
import { advanceConsumers } from '../streams/consumer.ts'
import { closingParents, commitReshard, earliestBirthS, plannedChildren } from '../streams/reshard.ts'
import type { ShardPages, Stream, StreamKey } from '../streams/stream.ts'
import type { Throughput } from '../streams/throughput.ts'
import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import { ScalePlans } from './scale-plans.ts'

/** Pages written by one compare-and-set: about 300 KiB, so that a stream of 10,000 shards is not one write. */
const PAGES_PER_WRITE = 32
/** Shards made or dropped by one call. */
const SHARDS_PER_CALL = 1024
/** A step that takes longer is given up, and taken up again by whoever comes next. */
const STEP_DEADLINE_MS = 30_000
/** A child may be born so far ahead of the clock, and no further: its first records would seem to come from there. */
const BIRTH_LEAD_MAX_MS = 2_000
/** A clock that stepped far back must not stop reshards for as long: beyond this wait, births lead the clock. */
const BIRTH_WAIT_MAX_MS = 3_000

export interface TransitionsOptions {
  readonly engine: Engine
  readonly catalog: Catalog
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: ServiceMetrics
  readonly throughput: Throughput
  /** How long a change is shown before it is finished, ms. */
  readonly statusDelayMs: number
}

export class Transitions {
  readonly #options: TransitionsOptions
  readonly #running = new Map<string, Promise<void>>()
  /** Streams of which something is to be finished, by `streamId`: a thousand at rest cost the timer nothing. */
  readonly #changing = new Map<string, StreamKey>()
  readonly #listening: Disposable
  readonly #plans = new ScalePlans()
  readonly #stop = new AbortController()

  constructor(options: TransitionsOptions) {
    this.#options = options
    const { catalog } = options
    for (const stream of catalog.all()) this.#note(stream)
    this.#listening = catalog.onChange((key) => this.#note(key))
  }

  #note({ account, region, name }: StreamKey): void {
    const key = { account, region, name }
    const stream = this.#options.catalog.find(key)
    const isChanging = stream !== undefined && (stream.change !== undefined || advanceItems(stream, 0) !== stream)
    if (isChanging) this.#changing.set(streamId(key), key)
    else this.#changing.delete(streamId(key))
  }

  /** True when the change a stream is in has been shown long enough. */
  isDue(stream: Stream): boolean {
    return stream.change !== undefined && this.#isShownSince(stream.change.sinceMs)
  }

  #isShownSince(sinceMs: number): boolean {
    const shownMs = this.#options.clock.now() - sinceMs
    // A clock that stepped back says nothing about how long it was shown.
    return shownMs < 0 || shownMs >= this.#options.statusDelayMs
  }

  /**
   * Finishes the change a stream is in, now. Whoever else asks meanwhile waits for the same. Rejects with EngineError
   * when the engine cannot write; the change stays begun.
   */
  async finish(key: StreamKey): Promise<void> {
    while (this.#options.catalog.find(key)?.change !== undefined) {
      await this.step(key)
      // A scaling has hundreds of rounds, and an engine in memory never waits: everybody else gets a turn between them.
      if (this.#options.catalog.find(key)?.change !== undefined) await setImmediate()
    }
  }

  /** The same for the step that the change is at: it leaves a scaling in its next round. */
  step(key: StreamKey): Promise<void> {
    const id = streamId(key)
    const running = this.#running.get(id)
    if (running !== undefined) return running
    const started = this.#step(key).finally(() => this.#running.delete(id))
    this.#running.set(id, started)
    return started
  }

  /**
   * Takes the next step of every change that is due, which finishes it, but for a scaling of many rounds: none keeps
   * the others waiting. Logs what cannot be done now, and leaves it for the next time.
   */
  async advanceDue(): Promise<void> {
    // Those that begin meanwhile have their turn the next time.
    const changing = [...this.#changing.values()]
    for (const key of changing) {
      const stream = this.#options.catalog.find(key)
      if (stream === undefined) continue
      const isDue = this.isDue(stream)
      try {
        await this.#advanceItems(stream)
        if (isDue) await this.step(stream)
      } catch (error) {
        if (this.#stop.signal.aborted) return
        this.#options.logger.warn('a change of a stream could not be finished; it will be tried again', {
          stream: stream.name,
          account: stream.account,
          region: stream.region,
          change: stream.change?.kind,
          error: String(error),
        })
      }
    }
  }

  /** Consumers and channels that were begun or ended are there or gone once that was shown long enough. */
  async #advanceItems(stream: Stream): Promise<void> {
    const nowMs = this.#options.clock.now()
    const advance = (now: Stream): Stream => advanceItems(now, nowMs, (sinceMs) => this.#isShownSince(sinceMs))
    if (advance(stream) === stream) return
    const deadlineMs = this.#options.clock.monotonic() + STEP_DEADLINE_MS
    await this.#options.catalog.change(stream, deadlineMs, (now) => ({ stream: now && advance(now) }))
  }

  /** Starts no further step, and waits for those under way. */
  async close(): Promise<void> {
    this.#listening[Symbol.dispose]()
    this.#stop.abort(new EngineError('unavailable', 'the service is closing'))
    await Promise.allSettled(this.#running.values())
  }

  async #step(key: StreamKey): Promise<void> {
    this.#stop.signal.throwIfAborted()
    const deadlineMs = this.#options.clock.monotonic() + STEP_DEADLINE_MS
    const stream = this.#options.catalog.find(key)
    switch (stream?.change?.kind) {
      case undefined:
        return
      case 'create':
        return this.#create(stream, deadlineMs)
      case 'reshard':
        return this.#reshard(stream, deadlineMs)
      case 'encryption':
        await this.#replace(stream, deadlineMs, (now) => commitEncryption(now, this.#options.clock.now()))
        return
      case 'delete':
        return this.#delete(stream, deadlineMs)
    }
  }

  async #create(stream: Stream, deadlineMs: number): Promise<void> {
    const { engine } = this.#options
    const pages = firstShards(stream)
    const shards = [...pages.values()].flat()
    for (const group of groupsOf(shards, SHARDS_PER_CALL)) {
      // Not from the birth on: a stream made again and again must not give its records times ahead of the clock.
      const open = group.map((shard) => ({ shard: shard.ref, notBeforeMs: stream.createdMs }))
      await engine.shards.provision(open, { deadlineMs })
    }
    const missing = [...pages.keys()].filter((page) => !stream.pages.has(page))
    const groups = groupsOf(missing, PAGES_PER_WRITE)
    for (const [i, group] of groups.entries()) {
      const isLast = i === groups.length - 1
      const written = await this.#replace(stream, deadlineMs, (now) => {
        const more: ShardPages = new Map([...now.pages, ...group.map((page) => [page, pages.get(page) ?? []] as const)])
        return isLast ? commitCreation({ ...now, pages: more }) : { ...now, pages: more }
      })
      if (!written) return
    }
    // All pages were there: only the last step was missing.
    if (groups.length === 0) await this.#replace(stream, deadlineMs, commitCreation)
  }

  async #reshard(stream: Stream, deadlineMs: number): Promise<void> {
    const { catalog, engine, clock, metrics } = this.#options
    const aheadMs = earliestBirthS(stream, clock.now()) * 1000 - clock.now() - BIRTH_LEAD_MAX_MS
    if (aheadMs > 0) await sleep(clock, Math.min(aheadMs, BIRTH_WAIT_MAX_MS), this.#stop.signal)
    const startedMs = clock.monotonic()
    const parents = closingParents(stream).map((parent) => parent.ref)
    const closed = await engine.shards.close(parents, { deadlineMs })
    const children = plannedChildren(stream, closed)
    const open = children.map((child) => ({ shard: child.ref, notBeforeMs: child.birthS * 1000 }))
    await engine.shards.provision(open, { deadlineMs })
    const written = await this.#replace(stream, deadlineMs, (now) => commitReshard(now, closed, this.#plans.planOf))
    if (catalog.find(stream)?.change === undefined) this.#plans.forget(stream)
    if (!written) return
    metrics.reshard(
      { account: stream.account, region: stream.region, stream: stream.name },
      clock.monotonic() - startedMs,
    )
  }

  async #delete(stream: Stream, deadlineMs: number): Promise<void> {
    const { engine, catalog, throughput } = this.#options
    const refs = refsToDrop(stream)
    for (const group of groupsOf(refs, SHARDS_PER_CALL)) await engine.shards.drop(group, { deadlineMs })
    throughput.forget(refs)
    this.#plans.forget(stream)
    const pages = [...stream.pages.keys()]
    for (const group of groupsOf(pages.slice(PAGES_PER_WRITE), PAGES_PER_WRITE)) {
      const written = await this.#replace(stream, deadlineMs, (now) => ({
        ...now,
        pages: new Map([...now.pages].filter(([page]) => !group.includes(page))),
      }))
      if (!written) return
    }
    await catalog.change(stream, deadlineMs, (now) =>
      now?.change?.kind === 'delete' && now.bornS === stream.bornS
        ? { stream: undefined, lastBirthS: now.change.lastBirthS }
        : { stream: now },
    )
  }

  /** Changes a stream as long as it is still in the change that is being finished. False: it has moved on. */
  async #replace(stream: Stream, deadlineMs: number, next: (now: Stream) => Stream): Promise<boolean> {
    let applied = false
    await this.#options.catalog.change(stream, deadlineMs, (now) => {
      applied = now !== undefined && isSameChange(now, stream)
      return { stream: applied && now !== undefined ? next(now) : now }
    })
    return applied
  }
}

/** Its consumers and channels as they are next. By default all have been shown long enough. The same: none is begun or ended. */
function advanceItems(stream: Stream, nowMs: number, isShownSince: (sinceMs: number) => boolean = () => true): Stream {
  return advanceChannels(advanceConsumers(stream, nowMs, isShownSince), nowMs, isShownSince)
}

/**
 * One stream is in one change at a time, and numbers its shards onwards with each: that tells two apart. The rounds of
 * a scaling have their numbers from the start, and no child in common. Two changes of encryption look alike: the later
 * one is then finished early, which is finished all the same.
 */
function isSameChange(a: Stream, b: Stream): boolean {
  if (a.change?.kind !== b.change?.kind || a.bornS !== b.bornS || a.nextShard !== b.nextShard) return false
  return firstChild(a) === firstChild(b)
}

function firstChild({ change }: Stream): number | undefined {
  return change?.kind === 'reshard' ? change.children[0]?.number : undefined
}

function groupsOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const groups: (readonly T[])[] = []
  for (let at = 0; at < items.length; at += size) groups.push(items.slice(at, at + size))
  return groups
}
