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

export class FleetHistory {
  readonly #shards = new Map<string, ShardHistory>()
  readonly #writers = new Map<string, string>()
  readonly violations: string[] = []
  #hasBegunAtLatest = false
  records = 0
  deliveries = 0

  shard(shardId: string, parents: readonly string[]): void {
    this.#shards.set(shardId, {
      put: [],
      placeOf: new Map(),
      parents,
      done: new Set(),
      checkpoint: undefined,
      owedFrom: 0,
    })
  }

  put(shardId: string, { SequenceNumber }: StreamRecord): void {
    const shard = this.#get(shardId)
    shard.placeOf.set(SequenceNumber, shard.put.length)
    shard.put.push(SequenceNumber)
    this.records++
  }

  /** The first leases of an application that begins at the latest: shards that were closed before have none. */
  begunAtLatest(shardIds: readonly string[]): void {
    if (this.#hasBegunAtLatest) return
    this.#hasBegunAtLatest = true
    const closed = new Set([...this.#shards.values()].flatMap(({ parents }) => parents))
    for (const [shardId, shard] of this.#shards)
      if (shardIds.includes(shardId) || closed.has(shardId)) shard.owedFrom = shard.put.length
  }

  /** One for each holding: told of what is delivered to a processor, and of what it finished. */
  holding(worker: string, shardId: string, checkpoint: ExtendedSequenceNumber): HoldingHistory {
    const shard = this.#get(shardId)
    const from = isSentinel(checkpoint) ? 0 : (shard.placeOf.get(checkpoint.sequenceNumber) ?? -1) + 1
    this.#expectParents(worker, shardId, shard)
    let next = isSentinel(checkpoint) ? shard.owedFrom : from
    return {
      delivered: (numbers) => {
        this.deliveries += numbers.length
        const first = shard.placeOf.get(numbers[0] ?? '') ?? -1
        // What failed comes again; nothing is left out.
        if (first < from || first > next)
          this.#violation(`F2 ${shardId} at ${worker}: place ${first} where ${next} was next (from ${from})`)
        for (const [i, number] of numbers.entries())
          if (shard.placeOf.get(number) !== first + i)
            this.#violation(`F2 ${shardId} at ${worker}: ${number} is not place ${first + i}`)
        next = Math.max(next, first + numbers.length)
      },
      finished: (numbers) => this.finished(shardId, numbers),
    }
  }

  /** Of a face that does not say where it begins: records of one shard, one behind the other. */
  delivered(worker: string, shardId: string, numbers: readonly string[]): void {
    this.deliveries += numbers.length
    const shard = this.#get(shardId)
    this.#expectParents(worker, shardId, shard)
    const first = shard.placeOf.get(numbers[0] ?? '') ?? -1
    for (const [i, number] of numbers.entries())
      if (shard.placeOf.get(number) !== first + i)
        this.#violation(`F2 ${shardId} at ${worker}: ${number} is not place ${first + i}`)
  }

  finished(shardId: string, numbers: readonly string[]): void {
    const shard = this.#get(shardId)
    for (const number of numbers) shard.done.add(shard.placeOf.get(number) ?? -1)
  }

  /** Somebody had a shard begin elsewhere: from there on checkpoints do not go back. */
  moved({ change }: LeaseUpdate, result: LeaseUpdateResult): void {
    if (result.outcome === 'updated' && change.checkpoint !== undefined)
      this.begunAgain(result.lease.shardId, change.checkpoint)
  }

  /** The same, with a lease that was there no more. */
  begunAgain(shardId: string, checkpoint: ExtendedSequenceNumber): void {
    this.#get(shardId).checkpoint = checkpoint
  }

  /** Of a shard, a place that is done with, as everything before it: somewhere to go back to. */
  anyDone(shardId: string, random: Random): string | undefined {
    const { put, done, owedFrom } = this.#get(shardId)
    let end = owedFrom
    while (done.has(end)) end++
    return end === owedFrom ? undefined : put[owedFrom + randomBelow(random, end - owedFrom)]
  }

  /** What the store did, before any answer was lost. */
  updated(worker: string, update: LeaseUpdate, result: LeaseUpdateResult): void {
    if (result.outcome !== 'updated') return
    const { checkpoint } = update.change
    if (checkpoint === undefined) return
    const { shardId } = result.lease
    const shard = this.#get(shardId)
    const term = `${update.key}#${update.epoch}`
    const writer = this.#writers.get(term) ?? worker
    this.#writers.set(term, writer)
    if (writer !== worker) this.#violation(`F6 ${term}: written by ${writer} and by ${worker}`)
    if (shard.checkpoint !== undefined && compareSequenceNumbers(checkpoint, shard.checkpoint) < 0)
      this.#violation(`F5 ${shardId}: ${checkpoint.sequenceNumber} after ${shard.checkpoint.sequenceNumber}`)
    shard.checkpoint = checkpoint
    const last = isShardEnd(checkpoint) ? shard.put.length - 1 : (shard.placeOf.get(checkpoint.sequenceNumber) ?? -1)
    for (let place = last; place >= shard.owedFrom; place--)
      if (!shard.done.has(place)) {
        this.#violation(
          `F5 ${shardId}: a checkpoint at place ${last} by ${worker}, and place ${place} was not processed`,
        )
        break
      }
  }

  /** Places that nobody has processed. */
  missing(): number {
    let missing = 0
    for (const shard of this.#shards.values()) missing += missingOf(shard)
    return missing
  }

  #expectParents(worker: string, shardId: string, { parents }: ShardHistory): void {
    for (const parent of parents) {
      const missing = missingOf(this.#get(parent))
      if (missing > 0)
        this.#violation(`F4 ${shardId} begins at ${worker}: ${missing} records of ${parent} were not processed`)
    }
  }

  #get(shardId: string): ShardHistory {
    const shard = this.#shards.get(shardId)
    if (shard === undefined) throw new Error(`${shardId} is unknown`)
    return shard
  }

  #violation(text: string): void {
    if (this.violations.length < 20) this.violations.push(text)
  }
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
