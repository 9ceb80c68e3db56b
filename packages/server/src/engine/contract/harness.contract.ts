/**
 * What the contract suite needs of an engine under test besides the port: a clock it can move, a hand on the sync,
 * and, where the engine is durable, a restart. And the few words the suites are written in.
 */
import type { VirtualClock } from '@millrace/std/testing'
import {
  type Deadline,
  type Engine,
  type Part,
  POSITION_START,
  type Position,
  type Run,
  type ShardRef,
} from '../engine.ts'
import { PartsEncoder } from '../record-batch.ts'
import { RecordReader } from '../record-reader.ts'

export interface HeldSyncs {
  /** Resolves when a commit stands at its sync. */
  readonly reached: Promise<void>
  release(): void
}

export interface EngineHarness {
  readonly engine: Engine
  readonly clock: VirtualClock
  /** Holds every commit at its sync until released. */
  holdSyncs(): HeldSyncs
  /** Durable engines: closes the engine, and opens one on what it left behind. The old one is not to be used again. */
  readonly reopen?: () => Promise<EngineHarness>
  /** Closes the engine and removes what it left. */
  dispose(): Promise<void>
}

export interface HarnessWish {
  /** Room for records of 10 MiB, where that costs something. */
  readonly largeRecords?: boolean
}

export type OpenHarness = (wish?: HarnessWish) => Promise<EngineHarness>

/** Runs a test on a fresh engine and cleans up after it. */
export function withEngine(open: OpenHarness, test: (harness: EngineHarness) => Promise<void>): () => Promise<void> {
  return async () => {
    const harness = await open()
    try {
      await test(harness)
    } finally {
      await harness.dispose()
    }
  }
}

/** Far enough away never to matter. */
export function later(harness: Pick<EngineHarness, 'clock'>): Deadline {
  return { deadlineMs: harness.clock.monotonic() + 3_600_000 }
}

/** One part of one shard, a record for each text. */
export function part(shard: ShardRef, ...texts: readonly string[]): Part {
  const encoder = new PartsEncoder()
  texts.forEach((text, i) => encoder.add(i, shard, text.slice(0, 8), undefined, Buffer.from(text)))
  const [only] = encoder.encode().parts
  if (only === undefined) throw new Error('a part has at least one record')
  return only
}

/** A part with one record of `bytes` bytes of data. */
export function largePart(shard: ShardRef, bytes: number, fill = 1): Part {
  const encoder = new PartsEncoder()
  encoder.add(0, shard, undefined, undefined, new Uint8Array(bytes).fill(fill))
  const [only] = encoder.encode().parts
  if (only === undefined) throw new Error('a part has at least one record')
  return only
}

export interface FoundRecord {
  readonly at: Position
  readonly timeMs: number
  readonly text: string
}

export interface Found {
  readonly records: readonly FoundRecord[]
  readonly next: Position
  readonly atTip: boolean
  readonly ended: boolean
}

export interface ReadWish {
  readonly from?: Position
  readonly recordsMax?: number
  readonly bytesMax?: number
  readonly visibleFromMs?: number
}

/** One `read`, its records copied out and those below the position asked for passed over. */
export async function readOnce(harness: EngineHarness, shard: ShardRef, wish: ReadWish = {}): Promise<Found> {
  const from = wish.from ?? POSITION_START
  const result = await harness.engine.shards.read(shard, from, {
    recordsMax: wish.recordsMax ?? 1_000_000,
    bytesMax: wish.bytesMax ?? 1024 * 1024 * 1024,
    visibleFromMs: wish.visibleFromMs ?? 0,
    ...later(harness),
  })
  const records: FoundRecord[] = []
  for (const frame of result.frames) {
    const reader = new RecordReader(frame, frame.commit === from.commit ? from.index : 0)
    while (reader.next()) {
      const at = { commit: frame.commit, index: reader.index }
      records.push({ at, timeMs: frame.timeMs, text: Buffer.from(reader.data).toString() })
    }
  }
  result.release()
  return { records, next: result.next, atTip: result.atTip, ended: result.ended }
}

/** Reads on until the tip. */
export async function readAll(harness: EngineHarness, shard: ShardRef, wish: ReadWish = {}): Promise<Found> {
  const records: FoundRecord[] = []
  let found = await readOnce(harness, shard, wish)
  records.push(...found.records)
  while (!found.atTip) {
    found = await readOnce(harness, shard, { ...wish, from: found.next })
    records.push(...found.records)
  }
  return { ...found, records }
}

export async function textsOf(
  harness: EngineHarness,
  shard: ShardRef,
  wish: ReadWish = {},
): Promise<readonly string[]> {
  return (await readAll(harness, shard, wish)).records.map(({ text }) => text)
}

export async function provision(harness: EngineHarness, ...shards: readonly ShardRef[]): Promise<void> {
  const opening = shards.map((shard) => ({ shard, notBeforeMs: 0 }))
  await harness.engine.shards.provision(opening, later(harness))
}

/** Appends one record per text to a shard, in one part that must succeed. */
export async function append(harness: EngineHarness, shard: ShardRef, ...texts: string[]): Promise<readonly Run[]> {
  const [result] = await harness.engine.shards.append([part(shard, ...texts)], later(harness))
  if (result === undefined || result.failure !== undefined) throw new Error(`append failed: ${result?.failure}`)
  return result.runs
}

/** The positions that `runs` name, in order. */
export function positionsOf(runs: readonly Run[]): readonly Position[] {
  return runs.flatMap(({ commit, firstIndex, count }) => {
    return Array.from({ length: count }, (_, i) => ({ commit, index: firstIndex + i }))
  })
}

export async function closeShard(harness: EngineHarness, shard: ShardRef): Promise<Position> {
  const [closed] = await harness.engine.shards.close([shard], later(harness))
  if (closed === undefined) throw new Error('close answers for each shard')
  return closed.end
}
