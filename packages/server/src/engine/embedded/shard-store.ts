/**
 * Shards as ledgers of the log: the same numbers, the same positions, the same words. Everything that is promised
 * here is kept by `@millrace/log`; this file only translates its errors.
 */
import type { Log } from '@millrace/log'
import {
  type ClosedShard,
  type Deadline,
  EngineError,
  type OpenShard,
  type Part,
  type PartResult,
  type Position,
  type ReadOptions,
  type ReadResult,
  type ShardBounds,
  type ShardRef,
  type ShardStore,
  type TrimFloor,
} from '../engine.ts'
import { type AcceptedLoss, isAccepted } from './accepted-losses.ts'
import { asEngineError, fromLog } from './log-failure.ts'

export class EmbeddedShardStore implements ShardStore {
  readonly #log: Log
  readonly #acceptedLosses: readonly AcceptedLoss[]
  #isClosed = false

  constructor(log: Log, acceptedLosses: readonly AcceptedLoss[] = []) {
    this.#log = log
    this.#acceptedLosses = acceptedLosses
  }

  /** Answers nothing more: the log itself goes on reading what it has in memory. */
  detach(): void {
    this.#isClosed = true
  }

  provision(shards: readonly OpenShard[], options: Deadline): Promise<void> {
    const ledgers = shards.map(({ shard, notBeforeMs }) => ({ ledger: shard, notBeforeMs }))
    return fromLog(() => this.#log.openLedgers(ledgers, options))
  }

  append(parts: readonly Part[], options: Deadline): Promise<readonly PartResult[]> {
    return this.#log.append(
      parts.map(({ shard, records, bytes }) => ({ ledger: shard, records, bytes })),
      options,
    )
  }

  room(): number {
    return this.#log.room()
  }

  whenRoom(bytes: number, signal: AbortSignal): Promise<void> {
    return fromLog(() => this.#log.whenRoom(bytes, signal))
  }

  close(shards: readonly ShardRef[], options: Deadline): Promise<readonly ClosedShard[]> {
    return fromLog(() => this.#log.closeLedgers(shards, options))
  }

  read(shard: ShardRef, from: Position, options: ReadOptions): ReadResult | Promise<ReadResult> {
    return atOnceIfPossible(() => {
      const answer = this.#openLog().read(shard, from, options)
      return this.#acceptedLosses.length === 0 ? answer : this.#pastAccepted(shard, answer, options)
    })
  }

  /** What was accepted as lost is passed over, as if nothing had stood there. */
  async #pastAccepted(
    shard: ShardRef,
    answer: ReadResult | Promise<ReadResult>,
    options: ReadOptions,
  ): Promise<ReadResult> {
    for (let result = await answer; ;) {
      const { damaged, ...readable } = result
      if (damaged === undefined || !isAccepted(this.#acceptedLosses, shard, damaged)) return result
      // What follows is for the next read.
      if (readable.frames.length > 0) return { ...readable, next: damaged.to, atTip: false, ended: false }
      readable.release()
      result = await this.#openLog().read(shard, damaged.to, options)
    }
  }

  bounds(shard: ShardRef): ShardBounds {
    try {
      return this.#openLog().bounds(shard)
    } catch (error) {
      throw asEngineError(error)
    }
  }

  seekTime(shard: ShardRef, timeMs: number): Promise<Position> {
    return fromLog(() => this.#openLog().seekTime(shard, timeMs))
  }

  onAdvance(listener: (shards: readonly ShardRef[]) => void): Disposable {
    return this.#log.onAdvance(listener)
  }

  trim(floors: readonly TrimFloor[]): Promise<void> {
    const ledgers = floors.map(({ shard, ...floor }) => ({ ledger: shard, ...floor }))
    return fromLog(() => this.#log.trim(ledgers))
  }

  drop(shards: readonly ShardRef[], options: Deadline): Promise<void> {
    return fromLog(() => this.#log.dropLedgers(shards, options))
  }

  #openLog(): Log {
    if (this.#isClosed) throw new EngineError('unavailable', 'the engine is closed')
    return this.#log
  }
}

/** Keeps an answer from memory synchronous: readers of the tail pay no turn of the event loop. */
function atOnceIfPossible<T extends object>(ask: () => T | Promise<T>): T | Promise<T> {
  try {
    const answer = ask()
    if (!(answer instanceof Promise)) return answer
    return answer.catch((error: unknown) => {
      throw asEngineError(error)
    })
  } catch (error) {
    throw asEngineError(error)
  }
}
