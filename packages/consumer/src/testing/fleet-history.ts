/**
 * What a simulated fleet did, held to the promises of SPEC.md as it happens: F1 every record at least once, F2 in the shard's
 * order without gaps within one holding, F3 a holding begins behind a checkpoint, never further, F4 parents before
 * children, F5 checkpoints never go back nor beyond what was processed, F6 one writer for each term of a lease.
 */
import type { StreamRecord } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'
import {
  compareSequenceNumbers,
  type ExtendedSequenceNumber,
  isSentinel,
  isShardEnd,
} from '../extended-sequence-number.ts'
import type { Lease } from '../leases/lease.ts'
import type { LeaseUpdate, LeaseUpdateResult } from '../leases/lease-store.ts'

interface ShardHistory {
  /** In order. */
  readonly put: string[]
  readonly placeOf: Map<string, number>
  readonly parents: readonly string[]
  /** Places that some processor has finished. */
  readonly done: Set<number>
  checkpoint: ExtendedSequenceNumber | undefined
  /** The first place that is owed: what was put before an application has leases, which begins at the latest, may be passed over. */
  owedFrom: number
}

/** Streams of one application have shards of the same ids. */
export type ShardName = Pick<Lease, 'stream' | 'shardId'>

export class FleetHistory {
  /** By stream, then by shard. */
  readonly #streams = new Map<string, Map<string, ShardHistory>>()
  readonly #writers = new Map<string, string>()
  readonly violations: string[] = []
  /** Streams that have had leases. */
  readonly #begunAtLatest = new Set<string>()
  records = 0
  deliveries = 0

  shard({ stream, shardId }: ShardName, parents: readonly string[]): void {
    this.#shardsOf(stream).set(shardId, {
      put: [],
      placeOf: new Map(),
      parents,
      done: new Set(),
      checkpoint: undefined,
      owedFrom: 0,
    })
  }

  put(name: ShardName, { SequenceNumber }: StreamRecord): void {
    const shard = this.#get(name)
    shard.placeOf.set(SequenceNumber, shard.put.length)
    shard.put.push(SequenceNumber)
    this.records++
  }

  /** Leases are made: of a stream that had none, where an application begins at the latest; shards that were closed before get none. */
  begunAtLatest(names: readonly ShardName[]): void {
    for (const stream of new Set(names.map((name) => name.stream))) {
      if (this.#begunAtLatest.has(stream)) continue
      this.#begunAtLatest.add(stream)
      const made = new Set(names.filter((name) => name.stream === stream).map(({ shardId }) => shardId))
      const shards = this.#shardsOf(stream)
      const closed = new Set([...shards.values()].flatMap(({ parents }) => parents))
      for (const [shardId, shard] of shards)
        if (made.has(shardId) || closed.has(shardId)) shard.owedFrom = shard.put.length
    }
  }

  /** One for each holding: told of what is delivered to a processor, and of what it finished. */
  holding(worker: string, name: ShardName, checkpoint: ExtendedSequenceNumber): HoldingHistory {
    const shard = this.#get(name)
    const from = isSentinel(checkpoint) ? 0 : (shard.placeOf.get(checkpoint.sequenceNumber) ?? -1) + 1
    this.#expectParents(worker, name, shard)
    let next = isSentinel(checkpoint) ? shard.owedFrom : from
    return {
      delivered: (numbers) => {
        this.deliveries += numbers.length
        const first = shard.placeOf.get(numbers[0] ?? '') ?? -1
        // What failed comes again; nothing is left out.
        if (first < from || first > next)
          this.#violation(`F2 ${textOf(name)} at ${worker}: place ${first} where ${next} was next (from ${from})`)
        for (const [i, number] of numbers.entries())
          if (shard.placeOf.get(number) !== first + i)
            this.#violation(`F2 ${textOf(name)} at ${worker}: ${number} is not place ${first + i}`)
        next = Math.max(next, first + numbers.length)
      },
      finished: (numbers) => this.finished(name, numbers),
    }
  }

  /** Of a face that does not say where it begins: records of one shard, one behind the other. */
  delivered(worker: string, name: ShardName, numbers: readonly string[]): void {
    this.deliveries += numbers.length
    const shard = this.#get(name)
    this.#expectParents(worker, name, shard)
    const first = shard.placeOf.get(numbers[0] ?? '') ?? -1
    for (const [i, number] of numbers.entries())
      if (shard.placeOf.get(number) !== first + i)
        this.#violation(`F2 ${textOf(name)} at ${worker}: ${number} is not place ${first + i}`)
  }

  finished(name: ShardName, numbers: readonly string[]): void {
    const shard = this.#get(name)
    for (const number of numbers) shard.done.add(shard.placeOf.get(number) ?? -1)
  }

  /** Somebody had a shard begin elsewhere: from there on checkpoints do not go back. */
  moved({ change }: LeaseUpdate, result: LeaseUpdateResult): void {
    if (result.outcome === 'updated' && change.checkpoint !== undefined)
      this.begunAgain(result.lease, change.checkpoint)
  }

  /** The same, with a lease that was there no more. */
  begunAgain(name: ShardName, checkpoint: ExtendedSequenceNumber): void {
    this.#get(name).checkpoint = checkpoint
  }

  /** Of a shard, a place that is done with, as everything before it: somewhere to go back to. */
  anyDone(name: ShardName, random: Random): string | undefined {
    const { put, done, owedFrom } = this.#get(name)
    let end = owedFrom
    while (done.has(end)) end++
    return end === owedFrom ? undefined : put[owedFrom + randomBelow(random, end - owedFrom)]
  }

  /** What the store did, before any answer was lost. */
  updated(worker: string, update: LeaseUpdate, result: LeaseUpdateResult): void {
    if (result.outcome !== 'updated') return
    const { checkpoint } = update.change
    if (checkpoint === undefined) return
    const shard = this.#get(result.lease)
    const term = `${update.key}#${update.epoch}`
    const writer = this.#writers.get(term) ?? worker
    this.#writers.set(term, writer)
    if (writer !== worker) this.#violation(`F6 ${term}: written by ${writer} and by ${worker}`)
    if (shard.checkpoint !== undefined && compareSequenceNumbers(checkpoint, shard.checkpoint) < 0)
      this.#violation(
        `F5 ${textOf(result.lease)}: ${checkpoint.sequenceNumber} after ${shard.checkpoint.sequenceNumber}`,
      )
    shard.checkpoint = checkpoint
    const last = isShardEnd(checkpoint) ? shard.put.length - 1 : (shard.placeOf.get(checkpoint.sequenceNumber) ?? -1)
    for (let place = last; place >= shard.owedFrom; place--)
      if (!shard.done.has(place)) {
        this.#violation(
          `F5 ${textOf(result.lease)}: a checkpoint at place ${last} by ${worker}, and place ${place} was not processed`,
        )
        break
      }
  }

  /** Places that nobody has processed. */
  missing(): number {
    let missing = 0
    for (const shards of this.#streams.values()) for (const shard of shards.values()) missing += missingOf(shard)
    return missing
  }

  #expectParents(worker: string, name: ShardName, { parents }: ShardHistory): void {
    for (const parent of parents) {
      const missing = missingOf(this.#get({ ...name, shardId: parent }))
      if (missing > 0)
        this.#violation(`F4 ${textOf(name)} begins at ${worker}: ${missing} records of ${parent} were not processed`)
    }
  }

  #get(name: ShardName): ShardHistory {
    const shard = this.#shardsOf(name.stream).get(name.shardId)
    if (shard === undefined) throw new Error(`${textOf(name)} is unknown`)
    return shard
  }

  #shardsOf(stream: string): Map<string, ShardHistory> {
    const found = this.#streams.get(stream)
    if (found !== undefined) return found
    const made = new Map<string, ShardHistory>()
    this.#streams.set(stream, made)
    return made
  }

  #violation(text: string): void {
    if (this.violations.length < 20) this.violations.push(text)
  }
}

function textOf({ stream, shardId }: ShardName): string {
  return `${shardId} of ${stream}`
}

function missingOf({ put, done, owedFrom }: ShardHistory): number {
  let missing = 0
  for (let place = owedFrom; place < put.length; place++) if (!done.has(place)) missing++
  return missing
}

export interface HoldingHistory {
  delivered(sequenceNumbers: readonly string[]): void
  finished(sequenceNumbers: readonly string[]): void
}
