/**
 * The leases of one application as this server sees them, and what changed when: who asks with a cursor is told what
 * changed since, not the table. Pure: it is told of changes, and awaits nothing.
 */
import type { ServiceLease } from '@millrace/protocol'

/** Changes that are remembered, as keys. Who was away for longer is told everything. */
const CHANGES_KEPT = 40_000
/** One answer: a table of any size is told in pages. */
const PAGE_LEASES_MAX = 1_000
const PAGE_BYTES_MAX = 1024 * 1024

export interface TableNews {
  readonly cursor: string
  /** The first page of everything. */
  readonly isComplete: boolean
  readonly hasMore: boolean
  readonly leases: readonly ServiceLease[]
  readonly removed: readonly string[]
  /** Who lives is not the same as at the cursor. */
  readonly workersChanged: boolean
}

interface Entry {
  readonly lease: ServiceLease
  /** Of the stored document. */
  readonly bytes: number
}

/** A cursor, read: everything up to change `since` is known; `after`: of the table itself, all up to this key. */
interface Cursor {
  readonly since: number
  readonly after: string | undefined
}

export class LeaseTable {
  readonly #life: string
  readonly #entries = new Map<string, Entry>()
  /** Keys of leases by change: the first is change `#firstChange`. `undefined`: the workers changed. */
  #changes: (string | undefined)[] = []
  #firstChange = 1
  #workersChange = 0
  /** The last change that ends waits for news. */
  #lastNews = 0
  #sortedKeys: readonly string[] | undefined
  #bytes = 0

  /** `life`: unlike that of every other table there was, so that a cursor is never taken for one of another. */
  constructor(life: string) {
    this.#life = life
  }

  get size(): number {
    return this.#entries.size
  }

  /** Of all stored documents. */
  get bytes(): number {
    return this.#bytes
  }

  get(key: string): ServiceLease | undefined {
    return this.#entries.get(key)?.lease
  }

  bytesOf(key: string): number {
    return this.#entries.get(key)?.bytes ?? 0
  }

  values(): readonly ServiceLease[] {
    return Array.from(this.#entries.values(), ({ lease }) => lease)
  }

  /** `undefined`: it is gone. Gives back whether others than its owner are to hear of it at once. A load they hear of by the way. */
  set(key: string, lease: ServiceLease | undefined, bytes: number): boolean {
    const before = this.get(key)
    const isNews = matters(before, lease)
    this.#bytes += bytes - this.bytesOf(key)
    if (lease === undefined || !this.#entries.has(key)) this.#sortedKeys = undefined
    if (lease === undefined) this.#entries.delete(key)
    else this.#entries.set(key, { lease, bytes })
    if (isNews) this.#announced(key)
    else if (before?.LoadBytesPerSecond !== lease?.LoadBytesPerSecond) this.#changed(key)
    return isNews
  }

  workersChanged(): void {
    this.#announced(undefined)
    this.#workersChange = this.#lastChange
  }

  /** Up to `limit` leases behind a key, by key; all of them from the first where there is none. */
  page(
    after: string | undefined,
    limit: number,
  ): { readonly leases: readonly ServiceLease[]; readonly hasMore: boolean } {
    this.#sortedKeys ??= [...this.#entries.keys()].sort()
    const leases: ServiceLease[] = []
    let bytes = 0
    for (let i = firstAfter(this.#sortedKeys, after); i < this.#sortedKeys.length; i++) {
      const entry = this.#entries.get(this.#sortedKeys[i] ?? '')
      if (entry === undefined) continue
      if (leases.length >= limit || bytes >= PAGE_BYTES_MAX) return { leases, hasMore: true }
      leases.push(entry.lease)
      bytes += entry.bytes
    }
    return { leases, hasMore: false }
  }

  newsSince(text: string | undefined): TableNews {
    const cursor = this.#readCursor(text)
    if (cursor === undefined) return this.#tell({ since: this.#lastChange, after: undefined }, true)
    return cursor.after === undefined ? this.#delta(cursor.since) : this.#tell(cursor, false)
  }

  /** Whether there is anything to tell at once. */
  hasNews(text: string | undefined): boolean {
    const cursor = this.#readCursor(text)
    return cursor === undefined || cursor.after !== undefined || cursor.since < this.#lastNews
  }

  /** A page of everything. Who began is told behind it what changed meanwhile. */
  #tell({ since, after }: Cursor, isFirst: boolean): TableNews {
    const { leases, hasMore } = this.page(after, PAGE_LEASES_MAX)
    const cursor = { since, after: hasMore ? leases.at(-1)?.LeaseKey : undefined }
    return {
      cursor: this.#writeCursor(cursor),
      isComplete: isFirst,
      hasMore: hasMore || since < this.#lastChange,
      leases,
      removed: [],
      workersChanged: isFirst,
    }
  }

  #delta(since: number): TableNews {
    const leases: ServiceLease[] = []
    const removed: string[] = []
    const told = new Set<string>()
    let bytes = 0
    let change = since
    while (change < this.#lastChange && told.size < PAGE_LEASES_MAX && bytes < PAGE_BYTES_MAX) {
      const key = this.#changes[++change - this.#firstChange]
      if (key === undefined || told.has(key)) continue
      told.add(key)
      const entry = this.#entries.get(key)
      if (entry === undefined) removed.push(key)
      else leases.push(entry.lease)
      bytes += entry?.bytes ?? key.length
    }
    return {
      cursor: this.#writeCursor({ since: change, after: undefined }),
      isComplete: false,
      hasMore: change < this.#lastChange,
      leases,
      removed,
      workersChanged: this.#workersChange > since,
    }
  }

  get #lastChange(): number {
    return this.#firstChange + this.#changes.length - 1
  }

  #announced(key: string | undefined): void {
    this.#changed(key)
    this.#lastNews = this.#lastChange
  }

  #changed(key: string | undefined): void {
    this.#changes.push(key)
    if (this.#changes.length < 2 * CHANGES_KEPT) return
    this.#changes = this.#changes.slice(-CHANGES_KEPT)
    this.#firstChange += CHANGES_KEPT
  }

  #writeCursor({ since, after }: Cursor): string {
    return `${this.#life}.${since}${after === undefined ? '' : `.${after}`}`
  }

  /** `undefined`: it says nothing to this table, and everything has to be told. */
  #readCursor(text = ''): Cursor | undefined {
    const match = /^(\w+)\.(\d{1,15})(?:\.(.+))?$/.exec(text)
    if (match?.[1] !== this.#life) return undefined
    const since = Number(match[2])
    if (since < this.#firstChange - 1 || since > this.#lastChange) return undefined
    return { since, after: match[3] }
  }
}

/**
 * To who should hold what, at once. A checkpoint concerns the owner alone: were everybody told of each, a fleet at work would do
 * nothing else.
 */
function matters(before: ServiceLease | undefined, after: ServiceLease | undefined): boolean {
  if (before === undefined || after === undefined) return true
  const { Owner, Heir, Epoch, Paused } = after
  if (before.Owner !== Owner || before.Heir !== Heir || before.Epoch !== Epoch || before.Paused !== Paused) return true
  return isEnded(before) !== isEnded(after)
}

function isEnded({ Checkpoint }: ServiceLease): boolean {
  return Checkpoint.SequenceNumber === 'SHARD_END'
}

/** The index of the first key behind `after`. */
function firstAfter(keys: readonly string[], after: string | undefined): number {
  if (after === undefined) return 0
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] ?? '') <= after) low = middle + 1
    else high = middle
  }
  return low
}
