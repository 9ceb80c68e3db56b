/**
 * Writing records of one request: route, throttle, store, and number what was stored. Shared by PutRecord and
 * PutRecords, which differ in how they tell the caller.
 *
 * Invariants: a throttled record never enters a part. Records of one request for one shard are stored in request
 * order, also when the shard closes in between and they go to its children. What the engine did not clearly refuse
 * as *closed* is never sent again.
 */
import { SequenceNumberWriter } from '@millrace/protocol'
import { sleep } from '@millrace/std'

import { type AppendFailure, EngineError, type PartResult, type Run, type ShardRef } from '../engine/engine.ts'
import { type EncodedParts, PartsEncoder } from '../engine/record-batch.ts'
import { routingOf } from '../streams/routing.ts'
import { recordSecond, type Shard } from '../streams/shard.ts'
import { isServing, type Stream } from '../streams/stream.ts'
import { beforeDeadline } from './before-deadline.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

export interface RecordToWrite {
  readonly key: string
  /** Replaces the hash of the key; already known to be in range. */
  readonly explicitHash: bigint | undefined
  readonly data: Uint8Array
  /** Bytes of data and key in UTF-8: what limits and throughput count. */
  readonly size: number
}

export type WriteOutcome =
  | { readonly kind: 'stored'; readonly shard: Shard; readonly sequenceNumber: string }
  | { readonly kind: 'throttled'; readonly shard: Shard }
  | { readonly kind: 'failed'; readonly reason: AppendFailure }

/**
 * A shard that is closed here and open in the catalog, after both were looked at anew, is one that another server is
 * just now closing or dropping.
 */
const CLOSED_RETRY_MS = 20

/** One outcome for each record, in order. */
export async function writeRecords(
  stream: Stream,
  records: readonly RecordToWrite[],
  service: ServiceParts,
  context: OperationContext,
): Promise<readonly WriteOutcome[]> {
  const outcomes: WriteOutcome[] = Array.from({ length: records.length })
  const shards = route(stream, records)
  let pending = admit(shards, records, outcomes, service)
  while (pending.length > 0) {
    const encoded = encode(pending, shards, records)
    const results = await service.engine.shards.append(encoded.parts, { deadlineMs: context.deadlineMs })
    pending = settle(encoded, results, shards, outcomes)
    if (pending.length === 0) break
    const moved = await afterClosing(stream, pending, shards, service, context)
    if (moved === undefined) {
      for (const entry of pending) outcomes[entry] = { kind: 'failed', reason: 'closed' }
      break
    }
    const routing = routingOf(moved)
    for (const entry of pending) {
      const record = records[entry]
      if (record !== undefined) shards[entry] = routing.find(record.key, record.explicitHash)
    }
  }
  logFailures(stream, outcomes, service, context)
  return outcomes
}

function route(stream: Stream, records: readonly RecordToWrite[]): Shard[] {
  const routing = routingOf(stream)
  return records.map((record) => routing.find(record.key, record.explicitHash))
}

/** The entries that may be written, ascending. The others get their outcome here. */
function admit(
  shards: readonly Shard[],
  records: readonly RecordToWrite[],
  outcomes: WriteOutcome[],
  { throughput, clock }: ServiceParts,
): readonly number[] {
  const byShard = new Map<ShardRef, { readonly entries: number[]; readonly sizes: number[] }>()
  for (const [entry, shard] of shards.entries()) {
    let group = byShard.get(shard.ref)
    if (group === undefined) {
      group = { entries: [], sizes: [] }
      byShard.set(shard.ref, group)
    }
    group.entries.push(entry)
    group.sizes.push(records[entry]?.size ?? 0)
  }
  const nowMs = clock.monotonic()
  let refused = 0
  for (const [ref, { entries, sizes }] of byShard) {
    const admitted = throughput.admitWrites(ref, sizes, nowMs)
    for (const entry of entries.slice(admitted)) {
      const shard = shards[entry]
      if (shard !== undefined) outcomes[entry] = { kind: 'throttled', shard }
      refused++
    }
  }
  const all = [...shards.keys()]
  return refused === 0 ? all : all.filter((entry) => outcomes[entry] === undefined)
}

function encode(entries: readonly number[], shards: readonly Shard[], records: readonly RecordToWrite[]): EncodedParts {
  const encoder = new PartsEncoder()
  for (const entry of entries) {
    const record = records[entry]
    const shard = shards[entry]
    if (record !== undefined && shard !== undefined)
      encoder.add(entry, shard.ref, record.key, record.explicitHash, record.data)
  }
  return encoder.encode()
}

/** Notes what became of each part. Returns the entries whose shard was closed, ascending. */
function settle(
  encoded: EncodedParts,
  results: readonly PartResult[],
  shards: readonly Shard[],
  outcomes: WriteOutcome[],
): readonly number[] {
  const closed: number[] = []
  for (const [p, part] of encoded.parts.entries()) {
    const result = results[p]
    let done = 0
    for (const run of result?.runs ?? []) {
      const shard = shards[encoded.entryOf(p, done)]
      if (shard === undefined) continue
      const numbers = numbersOf(run, shard)
      for (let k = 0; k < run.count; k++) {
        const sequenceNumber = numbers.text(run.firstIndex + k)
        outcomes[encoded.entryOf(p, done++)] = { kind: 'stored', shard, sequenceNumber }
      }
    }
    const reason = result?.failure ?? 'unknown'
    for (; done < part.records; done++) {
      const entry = encoded.entryOf(p, done)
      if (reason === 'closed') closed.push(entry)
      else outcomes[entry] = { kind: 'failed', reason }
    }
  }
  return closed.sort((a, b) => a - b)
}

function numbersOf(run: Run, shard: Shard): SequenceNumberWriter {
  return new SequenceNumberWriter({
    birthS: shard.birthS,
    shard: shard.number,
    commit: run.commit,
    timeS: recordSecond(shard, run.timeMs),
  })
}

/**
 * The stream as it is once the shards found closed have been replaced: helps to finish the reshard that closed them.
 * `undefined`: there is nowhere to write to, or no time left.
 */
async function afterClosing(
  stream: Stream,
  entries: readonly number[],
  shards: readonly Shard[],
  { catalog, transitions, clock }: ServiceParts,
  context: OperationContext,
): Promise<Stream | undefined> {
  const closed = new Set(entries.map((entry) => shards[entry]?.number))
  try {
    for (let look = 0; ; look++) {
      // First what is known here; then, where the engine is ahead of it, what metadata says.
      if (look > 0) await beforeDeadline(catalog.refresh(stream), clock, context)
      const now = catalog.find(stream)
      if (now === undefined || !isServing(now) || now.bornS !== stream.bornS) return undefined
      if (now.change?.kind === 'reshard' && now.change.parents.some((parent) => closed.has(parent))) {
        await beforeDeadline(transitions.finish(now), clock, context)
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

function allReplaced(stream: Stream, closed: ReadonlySet<number | undefined>): boolean {
  for (const page of stream.pages.values())
    for (const shard of page) if (shard.closed === undefined && closed.has(shard.number)) return false
  return true
}

function logFailures(
  stream: Stream,
  outcomes: readonly WriteOutcome[],
  { logger }: ServiceParts,
  { requestId }: OperationContext,
): void {
  const reasons: Partial<Record<AppendFailure, number>> = {}
  let failed = 0
  for (const outcome of outcomes) {
    if (outcome.kind !== 'failed') continue
    failed++
    reasons[outcome.reason] = (reasons[outcome.reason] ?? 0) + 1
  }
  if (failed === 0) return
  logger.warn('records could not be stored', {
    requestId,
    account: stream.account,
    region: stream.region,
    stream: stream.name,
    failed,
    reasons,
  })
}
