/**
 * Writing records of one request: route, throttle, store, and number what was stored. Shared by PutRecord and
 * PutRecords, which differ in how they tell the caller.
 *
 * Invariants: a throttled record never enters a part. Records of one request for one shard are stored in request
 * order, also when the shard closes in between and they go to its children. What the engine did not clearly refuse
 * as *closed* is never sent again.
 */
import { type KinesisError, SequenceNumberWriter } from '@millrace/protocol'
import { sleep } from '@millrace/std'

import { type AppendFailure, EngineError, type PartResult, type ShardRef } from '../engine/engine.ts'
import { type EncodedParts, encodeOne, PartsEncoder } from '../engine/record-batch.ts'
import type { RecordSealer } from '../engine/record-layout.ts'
import { giveBackMemory } from '../memory/recycled-memory.ts'
import { routingOf } from '../streams/routing.ts'
import { recordSecond, type Shard } from '../streams/shard.ts'
import { isServing, placesByItself, type Stream } from '../streams/stream.ts'
import { beforeDeadline } from './before-deadline.ts'
import { dryRun } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

export interface RecordToWrite {
  /** Absent only where the service places the records: AUTO. */
  readonly key: string | undefined
  /** Replaces the hash of the key; already known to be in range. */
  readonly explicitHash: bigint | undefined
  readonly data: Uint8Array
  /** Bytes of data and key in UTF-8: what limits and throughput count. */
  readonly size: number
}

/** What became of the records of a request, in columns: one place for each record, in request order. */
export interface WriteOutcomes {
  /** The shard it went to, or was to go to. */
  readonly shards: readonly Shard[]
  /** Present when it is stored. */
  readonly sequenceNumbers: readonly (string | undefined)[]
  /** Why it is not stored. */
  readonly faults: readonly (WriteFault | undefined)[]
  /** What is stored, is stored encrypted. */
  readonly isEncrypted: boolean
}

/** Outcomes are noted without a pause in between: one writer serves all puts (bench: PutRecord). */
const numbers = new SequenceNumberWriter({ birthS: 0, shard: 0, commit: 0, timeS: 0 })

export type WriteFault = 'throttled' | AppendFailure

/**
 * A shard that is closed here and open in the catalog, after both were looked at anew, is one that another server is
 * just now closing or dropping.
 */
const CLOSED_RETRY_MS = 20

/** Rejects with KMS… when the stream is encrypted and its key cannot be used: then nothing is stored. */
export async function writeRecords(
  stream: Stream,
  records: readonly RecordToWrite[],
  service: ServiceParts,
  context: OperationContext,
): Promise<WriteOutcomes> {
  const writing = new Writing(records, placeIn(stream), service.dataKeys.sealer(stream))
  if (service.throughput.isLimited) writing.throttle(service)
  while (writing.pending.length > 0) {
    const encoded = writing.encode()
    const results = await service.engine.shards.append(encoded.parts, { deadlineMs: context.deadlineMs })
    const isDecided = writing.settle(encoded, results)
    // Where the outcome is unknown, the engine may still be writing them.
    if (isDecided) giveBackMemory(encoded.memory)
    if (writing.pending.length === 0) break
    const moved = await afterClosing(stream, writing.closedShards(), service, context)
    if (moved === undefined) writing.giveUp('closed')
    else writing.reroute(placeIn(moved))
  }
  if (writing.hasFailures) logFailures(stream, writing.faults, service, context)
  return writing
}

/** What a dry run ends with when all that is asked has been found right. Throws KMS… as the write would. */
export function writeTried(stream: Stream, { dataKeys }: ServiceParts): KinesisError {
  dataKeys.sealer(stream)
  return dryRun()
}

type Place = (record: RecordToWrite) => Shard

function placeIn(stream: Stream): Place {
  const routing = routingOf(stream)
  if (placesByItself(stream)) return () => routing.next()
  return ({ key, explicitHash }) => routing.find(key ?? '', explicitHash)
}

/** The records of one request on their way. */
class Writing implements WriteOutcomes {
  readonly #records: readonly RecordToWrite[]
  readonly #sealer: RecordSealer | undefined
  readonly shards: Shard[]
  readonly sequenceNumbers: (string | undefined)[]
  readonly faults: (WriteFault | undefined)[]
  hasFailures = false
  /** Which records are still to be stored, ascending. */
  pending: readonly number[]

  constructor(records: readonly RecordToWrite[], place: Place, sealer: RecordSealer | undefined) {
    this.#records = records
    this.#sealer = sealer
    this.shards = records.map(place)
    this.sequenceNumbers = records.map(() => undefined)
    this.faults = records.map(() => undefined)
    this.pending = records.map((_, entry) => entry)
  }

  get isEncrypted(): boolean {
    return this.#sealer !== undefined
  }

  /** Takes out what the shards have no room for now: each shard's records from the first that does not fit. */
  throttle({ throughput, clock }: ServiceParts): void {
    const byShard = new Map<ShardRef, { readonly entries: number[]; readonly sizes: number[] }>()
    for (const entry of this.pending) {
      const ref = this.shards[entry]?.ref ?? 0
      let group = byShard.get(ref)
      if (group === undefined) {
        group = { entries: [], sizes: [] }
        byShard.set(ref, group)
      }
      group.entries.push(entry)
      group.sizes.push(this.#records[entry]?.size ?? 0)
    }
    const nowMs = clock.monotonic()
    let refused = 0
    for (const [ref, { entries, sizes }] of byShard) {
      for (let i = throughput.admitWrites(ref, sizes, nowMs); i < entries.length; i++) {
        this.faults[entries[i] ?? 0] = 'throttled'
        refused++
      }
    }
    if (refused > 0) this.pending = this.pending.filter((entry) => this.faults[entry] === undefined)
  }

  encode(): EncodedParts {
    const [first = 0] = this.pending
    if (this.pending.length === 1) {
      const record = this.#records[first]
      const shard = this.shards[first]
      if (record !== undefined && shard !== undefined)
        return encodeOne(first, shard.ref, record.key, record.explicitHash, record.data, this.#sealer)
    }
    const encoder = new PartsEncoder(this.#sealer)
    for (const entry of this.pending) {
      const record = this.#records[entry]
      const shard = this.shards[entry]
      if (record !== undefined && shard !== undefined)
        encoder.add(entry, shard.ref, record.key, record.explicitHash, record.data)
    }
    return encoder.encode()
  }

  /**
   * Notes what became of each part. What remains pending is what found its shard closed. True if the outcome of everything
   * is known.
   */
  settle(encoded: EncodedParts, results: readonly PartResult[]): boolean {
    const closed: number[] = []
    let isDecided = true
    for (let p = 0; p < encoded.parts.length; p++) {
      const { records = 0 } = encoded.parts[p] ?? {}
      const result = results[p]
      let done = 0
      for (const run of result?.runs ?? []) {
        const shard = this.shards[encoded.entryOf(p, done)]
        if (shard === undefined) continue
        numbers.moveTo({
          birthS: shard.birthS,
          shard: shard.number,
          commit: run.commit,
          timeS: recordSecond(shard, run.timeMs),
        })
        for (let k = 0; k < run.count; k++)
          this.sequenceNumbers[encoded.entryOf(p, done++)] = numbers.text(run.firstIndex + k)
      }
      const fault = result?.failure ?? 'unknown'
      for (; done < records; done++) {
        const entry = encoded.entryOf(p, done)
        if (fault === 'closed') closed.push(entry)
        else this.#fail(entry, fault)
        if (fault === 'unknown') isDecided = false
      }
    }
    this.pending = closed.sort((a, b) => a - b)
    return isDecided
  }

  /** Numbers of the shards that pending records were sent to. */
  closedShards(): ReadonlySet<number> {
    return new Set(this.pending.map((entry) => this.shards[entry]?.number ?? 0))
  }

  reroute(place: Place): void {
    for (const entry of this.pending) {
      const record = this.#records[entry]
      if (record !== undefined) this.shards[entry] = place(record)
    }
  }

  giveUp(fault: AppendFailure): void {
    for (const entry of this.pending) this.#fail(entry, fault)
    this.pending = []
  }

  #fail(entry: number, fault: AppendFailure): void {
    this.faults[entry] = fault
    this.hasFailures = true
  }
}

/**
 * The stream as it is once the shards found closed have been replaced: helps to finish the reshard that closed them.
 * `undefined`: there is nowhere to write to, or no time left.
 */
async function afterClosing(
  stream: Stream,
  closed: ReadonlySet<number>,
  { catalog, transitions, clock }: ServiceParts,
  context: OperationContext,
): Promise<Stream | undefined> {
  try {
    for (let look = 0; ; look++) {
      // First what is known here; then, where the engine is ahead of it, what metadata says.
      if (look > 0) await beforeDeadline(catalog.refresh(stream), clock, context)
      const now = catalog.find(stream)
      if (now === undefined || !isServing(now) || now.bornS !== stream.bornS) return undefined
      if (now.change?.kind === 'reshard' && now.change.parents.some((parent) => closed.has(parent))) {
        await beforeDeadline(transitions.step(now), clock, context)
        const finished = catalog.find(stream)
        if (finished !== undefined && allReplaced(finished, closed)) return finished
      } else if (allReplaced(now, closed)) {
        return now
      }
      if (look > 0) {
        const leftMs = context.deadlineMs - clock.monotonic()
        if (leftMs <= 0) return undefined
        await sleep(clock, Math.min(CLOSED_RETRY_MS, leftMs), context.signal)
      }
    }
  } catch (error) {
    if (error instanceof EngineError || context.signal.aborted) return undefined
    throw error
  }
}

function allReplaced(stream: Stream, closed: ReadonlySet<number>): boolean {
  for (const page of stream.pages.values())
    for (const shard of page) if (shard.closed === undefined && closed.has(shard.number)) return false
  return true
}

function logFailures(
  stream: Stream,
  faults: WriteOutcomes['faults'],
  { logger }: ServiceParts,
  { requestId }: OperationContext,
): void {
  const reasons: Partial<Record<WriteFault, number>> = {}
  for (const fault of faults) if (fault !== undefined) reasons[fault] = (reasons[fault] ?? 0) + 1
  logger.warn('records could not be stored', {
    requestId,
    account: stream.account,
    region: stream.region,
    stream: stream.name,
    reasons,
  })
}
