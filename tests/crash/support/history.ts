/**
 * What was tried, what was acknowledged and what was read, held against each other. The history lives outside the
 * server, so whatever the server forgets is missed here.
 *
 * Rules: every acknowledged record is read at its shard and number; nothing is read that was not tried; nothing is
 * read twice; per key, the order of the numbers is the order of the attempts (one request is in flight per key).
 */
export interface StoredRecord {
  readonly shard: string
  readonly sequenceNumber: string
  /** `key:n`, n counting the attempts of the key from 0. */
  readonly text: string
}

export class History {
  readonly #attempted = new Set<string>()
  readonly #acknowledged = new Map<string, StoredRecord>()

  attempt(text: string): void {
    this.#attempted.add(text)
  }

  acknowledge(record: StoredRecord): void {
    this.#acknowledged.set(record.text, record)
  }

  get attempts(): number {
    return this.#attempted.size
  }

  get acknowledgements(): number {
    return this.#acknowledged.size
  }

  /** What is acknowledged by now. */
  get acknowledgedTexts(): readonly string[] {
    return [...this.#acknowledged.keys()]
  }

  /** The sequence numbers of what is acknowledged by now. */
  get acknowledgedNumbers(): readonly string[] {
    return [...this.#acknowledged.values()].map(({ sequenceNumber }) => sequenceNumber)
  }

  /** Every rule that `stored` breaks, one line each; at most 20. Empty: the history holds. */
  violations(stored: readonly StoredRecord[]): string[] {
    const found: string[] = []
    const seen = new Map<string, StoredRecord>()
    for (const record of stored) {
      if (!this.#attempted.has(record.text)) found.push(`invented: ${record.text} at ${record.sequenceNumber}`)
      if (seen.has(record.text)) found.push(`doubled: ${record.text}, which was sent once`)
      seen.set(record.text, record)
    }
    for (const [text, expected] of this.#acknowledged) {
      const actual = seen.get(text)
      if (actual === undefined) found.push(`lost: ${text}, acknowledged as ${expected.sequenceNumber}`)
      else if (actual.sequenceNumber !== expected.sequenceNumber || actual.shard !== expected.shard)
        found.push(
          `moved: ${text} from ${expected.shard}/${expected.sequenceNumber} to ${actual.shard}/${actual.sequenceNumber}`,
        )
    }
    // Children's numbers exceed their parents', so numbers order a key's records through any reshards.
    const last = new Map<string, number>()
    for (const { text } of stored.toSorted((a, b) => (BigInt(a.sequenceNumber) < BigInt(b.sequenceNumber) ? -1 : 1))) {
      const colon = text.lastIndexOf(':')
      const [key, n] = [text.slice(0, colon), Number(text.slice(colon + 1))]
      const before = last.get(key) ?? -1
      if (n <= before) found.push(`out of order: ${key}: ${n} after ${before}`)
      last.set(key, n)
    }
    return found.slice(0, 20)
  }
}
