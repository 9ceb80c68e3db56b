/**
 * Reads all shards of a stream at once, or one of them, through splits and merges.
 *
 * Invariant: records of a shard come in its order, and no record of a child before the last one of its parents; so
 * the records of a key come in the order in which they were written.
 */
import { setMaxListeners } from 'node:events'
import { decodeSequenceNumber, type ListShardsInput, type Shard, shardIdOf } from '@millrace/protocol'
import { type Clock, type Deferred, deferred, type Random } from '@millrace/std'
import { usageError } from '../exit-code.ts'
import { isOpen, type Kinesis, listShards } from '../kinesis.ts'
import { Patience } from '../patience.ts'
import type { StartPosition } from '../values/position.ts'
import { Handoff } from './handoff.ts'
import { Lineage, type ShardParents } from './lineage.ts'
import { ShardPoller } from './shard-poller.ts'
import type { ShardBatch, ShardSource } from './shard-source.ts'
import { ShardSubscriber } from './shard-subscriber.ts'

export interface StreamReaderOptions {
  readonly kinesis: Kinesis
  readonly stream: string
  readonly position: StartPosition
  /** Only this shard, and not its children. Default: all. */
  readonly shardId?: string | undefined
  /** Stop at the tip instead of waiting there. */
  readonly untilEnd: boolean
  /** Be pushed the records as this registered consumer. Default: ask for them. */
  readonly consumerArn?: string | undefined
  /** Between two reads of a shard that gave all it had. */
  readonly pollIntervalMs: number
  readonly clock: Clock
  readonly random: Random
  /** Leaves the loop, without an error. */
  readonly signal: AbortSignal
  /** All shards that reading begins with stand at their positions. */
  readonly onReady?: (shards: number) => void
  readonly onTrouble?: (error: unknown) => void
  readonly onReshard?: (shardId: string, children: readonly string[]) => void
}

/** Reads (and the batches they gave) under way at once, whatever the number of shards. */
const READS_MAX = 16

export class StreamReader {
  readonly #options: StreamReaderOptions
  readonly #handoff = new Handoff<ShardBatch>()
  readonly #lineage = new Lineage()
  readonly #stop = new AbortController()
  readonly #waiters: Deferred<void>[] = []
  #slots = READS_MAX
  #active = 0
  #opening = 0
  #begun = 0

  constructor(options: StreamReaderOptions) {
    this.#options = options
    // Each shard listens, and there may be many.
    setMaxListeners(0, this.#stop.signal)
  }

  /** Call it once. Batches without records are handed out too: they tell how far behind a shard is. */
  async *batches(): AsyncGenerator<ShardBatch, void, undefined> {
    const { signal } = this.#options
    const onAbort = (): void => {
      this.#stop.abort(signal.reason)
      this.#handoff.end()
    }
    if (signal.aborted) return
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const first = await this.#firstShards()
      this.#lineage.add(first)
      const ready = this.#lineage.takeReady()
      this.#opening = ready.length
      if (ready.length === 0) this.#handoff.end()
      for (const shardId of ready) this.#begin(shardId, this.#options.position, true)
      yield* this.#handoff.values()
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#stop.abort(new Error('reading ended'))
      this.#handoff.end()
    }
  }

  async #firstShards(): Promise<readonly ShardParents[]> {
    const { kinesis, stream, position, shardId } = this.#options
    const one = shardId ?? (position.kind === 'sequence' ? shardOf(position.sequenceNumber) : undefined)
    if (one !== undefined) return [{ shardId: one, parents: [] }]
    const filter: ListShardsInput['ShardFilter'] =
      position.kind === 'time' ? { Type: 'FROM_TIMESTAMP', Timestamp: position.timeMs } : undefined
    const shards = await listShards(kinesis, stream, filter, { signal: this.#stop.signal })
    return (position.kind === 'latest' ? shards.filter(isOpen) : shards).map(parentsOf)
  }

  #patience(): Patience {
    const { clock, random, onTrouble } = this.#options
    return new Patience({ clock, random, ...(onTrouble === undefined ? {} : { onTrouble }) })
  }

  #begin(shardId: string, position: StartPosition, isFirst: boolean): void {
    this.#active++
    this.#follow(shardId, position, isFirst).then(
      () => {
        if (--this.#active === 0) this.#handoff.end()
      },
      (error: unknown) => {
        this.#handoff.end(error)
        this.#stop.abort(error)
      },
    )
  }

  async #follow(shardId: string, position: StartPosition, isFirst: boolean): Promise<void> {
    const source = this.#sourceOf(shardId, position)
    try {
      await this.#followSource(source, isFirst)
    } finally {
      source.close()
    }
  }

  #sourceOf(shardId: string, position: StartPosition): ShardSource {
    const { kinesis, stream, clock, pollIntervalMs, consumerArn } = this.#options
    const options = { kinesis, shardId, position, clock, patience: this.#patience(), signal: this.#stop.signal }
    return consumerArn === undefined
      ? new ShardPoller({ ...options, stream, pollIntervalMs })
      : new ShardSubscriber({ ...options, consumerArn })
  }

  async #followSource(source: ShardSource, isFirst: boolean): Promise<void> {
    const { untilEnd } = this.#options
    const { signal } = this.#stop
    // A server that is not there at all is said at once; from here on, one that goes away is waited for.
    if (isFirst) {
      await this.#inSlot(() => source.open())
      this.#opened()
    }
    for (;;) {
      await source.due()
      const batch = await this.#inSlot(async () => {
        const read = await source.read()
        await this.#handoff.give(read)
        return read
      })
      if (signal.aborted) return
      if (batch.ended) return this.#descend(batch)
      if (untilEnd && batch.millisBehindLatest === 0) return
    }
  }

  #opened(): void {
    this.#begun++
    if (--this.#opening === 0) this.#options.onReady?.(this.#begun)
  }

  /** Goes on with the children of a shard that has ended, when their other parents have, too. */
  async #descend({ shardId, children }: ShardBatch): Promise<void> {
    const { kinesis, stream, shardId: only, onReshard, position } = this.#options
    let family: readonly ShardParents[] = children.map((child) => ({
      shardId: child.ShardId,
      parents: child.ParentShards,
    }))
    if (family.length === 0) {
      // Old servers name no children: look for them.
      const all = await this.#patience().run(() =>
        listShards(kinesis, stream, undefined, { signal: this.#stop.signal }),
      )
      family = all.map(parentsOf).filter(({ parents }) => parents.includes(shardId))
    }
    onReshard?.(
      shardId,
      family.map((child) => child.shardId),
    )
    if (only !== undefined) return
    this.#lineage.finish(shardId)
    this.#lineage.add(family)
    // A child holds nothing from before its parents ended, except that a start time may lie later still.
    const start: StartPosition = position.kind === 'time' ? position : { kind: 'trim-horizon' }
    for (const child of this.#lineage.takeReady()) this.#begin(child, start, false)
  }

  async #inSlot<T>(work: () => Promise<T>): Promise<T> {
    if (this.#slots > 0) this.#slots--
    else {
      const waiter = deferred<void>()
      this.#waiters.push(waiter)
      await waiter.promise
    }
    try {
      return await work()
    } finally {
      const next = this.#waiters.shift()
      if (next === undefined) this.#slots++
      else next.resolve()
    }
  }
}

function parentsOf(shard: Shard): ShardParents {
  const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined)
  return { shardId: shard.ShardId, parents }
}

function shardOf(sequenceNumber: string): string {
  const decoded = decodeSequenceNumber(sequenceNumber)
  if (decoded === undefined) {
    throw usageError('the sequence number names no shard', 'say which one with --shard')
  }
  return shardIdOf(decoded.shard)
}
