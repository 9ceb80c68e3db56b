/**
 * Token buckets for every shard in use, in columns of numbers: one slot a shard, given back when the shard is gone.
 *
 * Writes have two budgets. The ordinary one holds a second's worth; the reserve holds ten and is filled by what is
 * left unused, so that a record above one second's worth can pass (AWS: bursts of 10 MiB, 1 MiB/s on average). Ordinary
 * records are not held up by an empty reserve: they put it into debt, which large ones wait for.
 * Reads that overdraw block the shard until its budget is full again (AWS: a 10 MiB answer blocks for 5 s).
 */
import type { ShardRef } from '../engine/engine.ts'
import type { ShardLimits, Throughput } from './throughput.ts'

/** AWS: a call's records for one shard are rounded up to a whole KB together. */
const ROUND_BYTES = 1024
// AWS: a record of 10 MiB may pass a shard of 1 MiB/s.
const RESERVE_SECONDS = 10
const SLOTS_AT_FIRST = 64

// One row of numbers for each shard.
const FILLED_AT = 0
const WRITE_BYTES = 1
const WRITE_RESERVE = 2
const WRITE_RECORDS = 3
const READ_BYTES = 4
const READS = 5
const READ_BLOCKED_UNTIL = 6
const COLUMNS = 7

export class ShardBuckets implements Throughput {
  readonly isLimited = true
  readonly subscriptionBytes: number
  readonly #limits: ShardLimits
  readonly #slots = new Map<ShardRef, number>()
  readonly #free: number[] = []
  #rows = new Float64Array(SLOTS_AT_FIRST * COLUMNS)

  constructor(limits: ShardLimits) {
    // Below one rounding step nothing would ever pass.
    this.subscriptionBytes = limits.subscriptionBytes
    this.#limits = { ...limits, writeBytes: Math.max(ROUND_BYTES, limits.writeBytes) }
  }

  admitWrites(shard: ShardRef, sizes: readonly number[], nowMs: number): number {
    const row = this.#filled(shard, nowMs)
    const rows = this.#rows
    const budget = rows[row + WRITE_BYTES] ?? 0
    const reserve = rows[row + WRITE_RESERVE] ?? 0
    const records = rows[row + WRITE_RECORDS] ?? 0
    let ordinary = 0
    let large = 0
    let admitted = 0
    for (const size of sizes) {
      if (admitted + 1 > records) break
      const isLarge = size > this.#limits.writeBytes
      const ordinaryAfter = isLarge ? ordinary : ordinary + size
      const largeAfter = isLarge ? large + roundUp(size) : large
      if (roundUp(ordinaryAfter) > budget || largeAfter > reserve) break
      ordinary = ordinaryAfter
      large = largeAfter
      admitted++
    }
    const spent = roundUp(ordinary)
    rows[row + WRITE_BYTES] = budget - spent
    // No more than a second's worth below zero: ordinary records come no faster than it fills.
    rows[row + WRITE_RESERVE] = reserve - spent - large
    rows[row + WRITE_RECORDS] = records - admitted
    return admitted
  }

  admitRead(shard: ShardRef, nowMs: number): boolean {
    const row = this.#filled(shard, nowMs)
    const rows = this.#rows
    const reads = rows[row + READS] ?? 0
    if (reads < 1 || nowMs < (rows[row + READ_BLOCKED_UNTIL] ?? 0)) return false
    rows[row + READS] = reads - 1
    return true
  }

  chargeRead(shard: ShardRef, bytes: number, nowMs: number): void {
    const row = this.#filled(shard, nowMs)
    const left = (this.#rows[row + READ_BYTES] ?? 0) - bytes
    this.#rows[row + READ_BYTES] = left
    if (left >= 0) return
    const perMs = this.#limits.readBytes / 1000
    this.#rows[row + READ_BLOCKED_UNTIL] = nowMs + (this.#limits.readBytes - left) / perMs
  }

  forget(shards: readonly ShardRef[]): void {
    for (const shard of shards) {
      const slot = this.#slots.get(shard)
      if (slot === undefined) continue
      this.#slots.delete(shard)
      this.#free.push(slot)
    }
  }

  /** Where the shard's row begins, filled up to `nowMs`. */
  #filled(shard: ShardRef, nowMs: number): number {
    const slot = this.#slots.get(shard)
    if (slot === undefined) return this.#open(shard, nowMs)
    const row = slot * COLUMNS
    const seconds = (nowMs - (this.#rows[row + FILLED_AT] ?? 0)) / 1000
    if (seconds <= 0) return row
    const { writeBytes, writeRecords, readBytes, reads } = this.#limits
    this.#rows[row + FILLED_AT] = nowMs
    this.#fill(row + WRITE_BYTES, seconds * writeBytes, writeBytes)
    this.#fill(row + WRITE_RESERVE, seconds * writeBytes, writeBytes * RESERVE_SECONDS)
    this.#fill(row + WRITE_RECORDS, seconds * writeRecords, writeRecords)
    this.#fill(row + READ_BYTES, seconds * readBytes, readBytes)
    this.#fill(row + READS, seconds * reads, reads)
    return row
  }

  #fill(at: number, amount: number, capacity: number): void {
    this.#rows[at] = Math.min(capacity, (this.#rows[at] ?? 0) + amount)
  }

  #open(shard: ShardRef, nowMs: number): number {
    const slot = this.#free.pop() ?? this.#slots.size
    this.#slots.set(shard, slot)
    const row = slot * COLUMNS
    if (row + COLUMNS > this.#rows.length) {
      const wider = new Float64Array(this.#rows.length * 2)
      wider.set(this.#rows)
      this.#rows = wider
    }
    const { writeBytes, writeRecords, readBytes, reads } = this.#limits
    this.#rows.set([nowMs, writeBytes, writeBytes * RESERVE_SECONDS, writeRecords, readBytes, reads, 0], row)
    return row
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ROUND_BYTES) * ROUND_BYTES
}
