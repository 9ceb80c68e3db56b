/** What was acknowledged of each key, and whether a stream read whole holds exactly that. */
import { expect } from 'vitest'

import type { ReadRecord } from './whole-stream.ts'

export class Acknowledged {
  readonly #byKey = new Map<string, { readonly text: string; readonly sequenceNumber: string }[]>()
  records = 0

  add(key: string, text: string, sequenceNumber: string): void {
    const list = this.#byKey.get(key) ?? []
    list.push({ text, sequenceNumber })
    this.#byKey.set(key, list)
    this.records++
  }

  /** Every acknowledged record once, at its number, in order per key; nothing else. */
  expectIn(read: readonly ReadRecord[]): void {
    expect(read).toHaveLength(this.records)
    for (const [key, acknowledged] of this.#byKey) {
      const found = read.filter((record) => record.key === key)
      expect(found.map(({ text, sequenceNumber }) => ({ text, sequenceNumber }))).toEqual(acknowledged)
      const numbers = found.map(({ sequenceNumber }) => BigInt(sequenceNumber))
      expect(numbers).toEqual([...numbers].sort((a, b) => (a < b ? -1 : 1)))
    }
    expect(new Set(read.map(({ sequenceNumber }) => sequenceNumber)).size).toBe(read.length)
  }
}
