/**
 * Shards in memory: each an array of frames in order of commit. The plainest thing that keeps the port's promises.
 *
 * Bounded by `bytesMax`: beyond it appends fail with `no-space` until `trim` or `drop` has freed some.
 */
import type { Clock } from '@millrace/std'
import {
  type ClosedShard,
  comparePositions,
  type Deadline,
  EngineError,
  type OpenShard,
  type Part,
  PART_BYTES_MAX,
  type PartResult,
  type Position,
  type ReadOptions,
  type ReadResult,
  type ShardBounds,
  type ShardRef,
  type ShardStore,
  type TrimFloor,
  type StoredFrame,
} from '../engine.ts'
import { CommitQueue, writeAlone } from './commit-queue.ts'
import type { MemoryFaults } from './memory-faults.ts'

/** A position's index has 16 bits. */
const FRAME_RECORDS_MAX = 0xffff

interface Shard {
  readonly frames: StoredFrame[]
  /** What the commit under way adds. */
  arriving: { records: number; readonly pieces: Uint8Array[]; readonly timeMs: number } | undefined
  lastTimeMs: number
  /** Where the records begin that have not been trimmed; none comes to be below it. */
  floorMs: number
  end: Position
  closedAtMs: number | undefined
}

export class MemoryShardStore implements ShardStore {
  readonly #clock: Clock
  readonly #faults: MemoryFaults
  readonly #bytesMax: number
  readonly #shards = new Map<ShardRef, Shard>()
  readonly #listeners = new Set<(shards: readonly ShardRef[]) => void>()
  readonly #advanced = new Set<ShardRef>()
  #storedBytes = 0
  readonly queue: CommitQueue

  constructor(options: { readonly clock: Clock; readonly faults: MemoryFaults; readonly bytesMax: number }) {
    this.#clock = options.clock
    this.#faults = options.faults
    this.#bytesMax = options.bytesMax
    this.queue = new CommitQueue(options.clock, options.faults, (commit) => this.#endCommit(commit))
  }

  provision(shards: readonly OpenShard[], options: Deadline): Promise<void> {
    return this.#write(options, (commit) => {
      for (const { shard, notBeforeMs } of shards) {
        if (this.#shards.has(shard)) continue
        this.#shards.set(shard, {
          frames: [],
          arriving: undefined,
          lastTimeMs: Math.max(this.#clock.now(), notBeforeMs),
          floorMs: 0,
          end: { commit: commit + 1, index: 0 },
          closedAtMs: undefined,
        })
      }
    })
  }

  append(parts: readonly Part[], options: Deadline): Promise<readonly PartResult[]> {
    return new Promise((resolve) => {
      const results: PartResult[] = []
      const bytes = parts.reduce((sum, part) => sum + part.bytes.length, 0)
      const settleRest = (failure: NonNullable<PartResult['failure']>): void => {
        resolve(parts.map((_, i) => results[i] ?? { runs: [], failure }))
      }
      if (this.queue.closed) return settleRest('unavailable')
      if (bytes > this.queue.room()) return settleRest('overloaded')
      this.queue.push(
        {
          bytes,
          alone: false,
          apply: (commit, bytesLeft) => {
            let used = 0
            for (let part = parts[results.length]; part !== undefined; part = parts[results.length]) {
              const fits = used + part.bytes.length <= Math.min(bytesLeft, PART_BYTES_MAX)
              if ((used > 0 && !fits) || this.#frameIsFull(part)) return { used, done: false }
              results.push(this.#store(part, commit))
              used += part.bytes.length
            }
            return { used, done: true }
          },
          settle: () => resolve(results),
          fail: settleRest,
        },
        options.deadlineMs,
      )
    })
  }

  room(): number {
    return this.queue.room()
  }

  whenRoom(bytes: number, signal: AbortSignal): Promise<void> {
    return this.queue.whenRoom(bytes, signal)
  }

  close(shards: readonly ShardRef[], options: Deadline): Promise<readonly ClosedShard[]> {
    return this.#write(options, () => {
      const found = shards.map((shard) => this.#shard(shard))
      return found.map((shard, i) => {
        if (shard.closedAtMs === undefined) {
          shard.closedAtMs = Math.max(this.#clock.now(), shard.lastTimeMs, shard.floorMs)
          this.#advanced.add(shards[i] ?? 0)
        }
        return { end: shard.end, closedAtMs: shard.closedAtMs }
      })
    })
  }

  read(ref: ShardRef, from: Position, options: ReadOptions): ReadResult {
    const shard = this.#shard(ref)
    const damage = this.#faults.damageOf(ref)
    const frames: StoredFrame[] = []
    let next = from
    let records = 0
    let bytes = 0
    let atTip = true
    let damaged = false
    const first = firstIndexWhere(shard.frames, (frame) => comparePositions(endOf(frame), from) > 0)
    for (let i = first; i < shard.frames.length; i++) {
      const frame = shard.frames[i]
      if (frame === undefined) break
      const end = endOf(frame)
      if (frame.timeMs < options.visibleFromMs) {
        next = end
        continue
      }
      if (records >= options.recordsMax || bytes >= options.bytesMax) {
        atTip = false
        break
      }
      if (damage !== undefined && damage.from.commit <= frame.commit && frame.commit < damage.to.commit) {
        atTip = false
        damaged = true
        break
      }
      frames.push(frame)
      next = end
      const passed = from.commit === frame.commit ? Math.max(0, from.index - frame.firstIndex) : 0
      records += frame.records - passed
      if (passed === 0) bytes += frame.bytes.length
    }
    const ended = atTip && shard.closedAtMs !== undefined
    if (ended && comparePositions(next, shard.end) < 0) next = shard.end
    return {
      frames,
      next,
      atTip,
      ended,
      ...(damaged && damage !== undefined ? { damaged: damage } : {}),
      // Frames are never overwritten: a view stays good as long as somebody holds it.
      release() {},
    }
  }

  bounds(ref: ShardRef): ShardBounds {
    const shard = this.#shard(ref)
    return { end: shard.end, endTimeMs: shard.lastTimeMs, closed: shard.closedAtMs !== undefined }
  }

  seekTime(ref: ShardRef, timeMs: number): Promise<Position> {
    return Promise.resolve().then(() => {
      const shard = this.#shard(ref)
      const frame = shard.frames[firstIndexWhere(shard.frames, (candidate) => candidate.timeMs >= timeMs)]
      return frame === undefined ? shard.end : { commit: frame.commit, index: frame.firstIndex }
    })
  }

  onAdvance(listener: (shards: readonly ShardRef[]) => void): Disposable {
    const entry = (shards: readonly ShardRef[]): void => listener(shards)
    this.#listeners.add(entry)
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) }
  }

  trim(floors: readonly TrimFloor[]): Promise<void> {
    for (const { shard: ref, beforeMs } of floors) {
      const shard = this.#shards.get(ref)
      if (shard === undefined) continue
      const kept = firstIndexWhere(shard.frames, (frame) => frame.timeMs >= beforeMs)
      this.#free(shard.frames.splice(0, kept))
      shard.floorMs = Math.max(shard.floorMs, beforeMs)
    }
    return Promise.resolve()
  }

  drop(shards: readonly ShardRef[], options: Deadline): Promise<void> {
    return this.#write(options, () => {
      for (const shard of shards) {
        this.#free(this.#shards.get(shard)?.frames ?? [])
        this.#shards.delete(shard)
      }
    })
  }

  #write<T>(options: Deadline, apply: (commit: number) => T): Promise<T> {
    return writeAlone(this.queue, options, apply)
  }

  #store(part: Part, commit: number): PartResult {
    const shard = this.#shards.get(part.shard)
    if (shard === undefined || shard.closedAtMs !== undefined) return { runs: [], failure: 'closed' }
    if (this.#storedBytes + part.bytes.length > this.#bytesMax) return { runs: [], failure: 'no-space' }
    const timeMs = Math.max(this.#clock.now(), shard.lastTimeMs, shard.floorMs)
    const arriving = (shard.arriving ??= { records: 0, pieces: [], timeMs })
    const firstIndex = arriving.records
    arriving.records += part.records
    arriving.pieces.push(part.bytes)
    this.#storedBytes += part.bytes.length
    this.#advanced.add(part.shard)
    return { runs: [{ commit, firstIndex, count: part.records, timeMs: arriving.timeMs }] }
  }

  #frameIsFull(part: Part): boolean {
    return (this.#shards.get(part.shard)?.arriving?.records ?? 0) + part.records > FRAME_RECORDS_MAX
  }

  #endCommit(commit: number): void {
    if (this.#advanced.size === 0) return
    const advanced = [...this.#advanced]
    this.#advanced.clear()
    for (const ref of advanced) {
      const shard = this.#shards.get(ref)
      const arriving = shard?.arriving
      if (shard === undefined || arriving === undefined) continue
      const { records, timeMs, pieces } = arriving
      shard.arriving = undefined
      shard.lastTimeMs = timeMs
      shard.frames.push({ commit, firstIndex: 0, records, timeMs, bytes: Buffer.concat(pieces) })
      shard.end = { commit, index: records }
    }
    for (const listener of this.#listeners) listener(advanced)
  }

  #free(frames: readonly StoredFrame[]): void {
    for (const frame of frames) this.#storedBytes -= frame.bytes.length
  }

  #shard(ref: ShardRef): Shard {
    if (this.queue.closed) throw new EngineError('unavailable', 'the engine is closed')
    const shard = this.#shards.get(ref)
    if (shard === undefined) throw new EngineError('unknown-shard', `shard ${ref} does not exist`)
    return shard
  }
}

function endOf(frame: StoredFrame): Position {
  return { commit: frame.commit, index: frame.firstIndex + frame.records }
}

/** Where a condition begins to hold that once true stays true; the length if nowhere. */
function firstIndexWhere<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = items[middle]
    if (item !== undefined && holds(item)) high = middle
    else low = middle + 1
  }
  return low
}
