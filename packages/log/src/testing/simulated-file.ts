/**
 * One file of a simulated disk: what readers see (`cache`), what the drive has for certain (`durable`), and the
 * changes between the two, in order. After a power loss each pending sector is its durable value or any value it
 * held since; what was synced never changes.
 */
import { randomBelow } from '@millrace/std'
import type { Survival } from './crash-mode.ts'
import { PAGE_BYTES, PageImage, SECTOR_BYTES } from './page-image.ts'

/** What a failed sync leaves behind: pages that look clean and are not on the drive, or the state of the last sync. */
export type FailedSync = 'phantom' | 'revert'

type FileChange =
  | { readonly kind: 'write'; readonly order: number; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly order: number; readonly size: number }

export class SimulatedFile {
  #cache: PageImage
  #durable: PageImage
  #pending: FileChange[] = []
  /** A sync has failed: the cache shows pages that no later sync will write. */
  #phantom = false

  /** A file of which all is durable, unless it is said what is. */
  constructor(cache = new PageImage(), durable = cache.copy()) {
    this.#cache = cache
    this.#durable = durable
  }

  get size(): number {
    return this.#cache.size
  }

  /** The numbers of the changes that are not durable, ascending. */
  get pendingOrders(): readonly number[] {
    return this.#pending.map(({ order }) => order)
  }

  /** The number of the oldest change that is not durable. */
  get firstPendingOrder(): number | undefined {
    return this.#pending[0]?.order
  }

  copy(): SimulatedFile {
    const copy = new SimulatedFile(this.#cache.copy(), this.#durable.copy())
    copy.#pending = this.#pending.slice()
    copy.#phantom = this.#phantom
    return copy
  }

  /** Equal for two files that came from one if what readers see, what is durable and what is pending are. */
  get digest(): string {
    const shown = this.#cache.digest
    if (this.#pending.length === 0 && !this.#phantom) return shown
    return `${shown}<${this.#durable.digest}+${this.pendingOrders.join('+')}`
  }

  read(into: Uint8Array, offset: number): number {
    return this.#cache.read(into, offset)
  }

  contents(): Uint8Array {
    const bytes = new Uint8Array(this.size)
    this.read(bytes, 0)
    return bytes
  }

  /** `bytes` must never change: `keep` makes such ones. */
  write(bytes: Uint8Array, offset: number, order: number): void {
    this.#cache.write(bytes, offset)
    this.#pending.push({ kind: 'write', order, offset, bytes })
  }

  truncate(size: number, order: number): void {
    this.#cache.truncate(size)
    this.#pending.push({ kind: 'truncate', order, size })
  }

  sync(): void {
    if (this.#phantom) this.#syncDirtyPages()
    else this.#durable = this.#cache.copy()
    this.#pending = []
  }

  /** The sync was reported as failed, once: whatever it should have written is forgotten. */
  failSync(outcome: FailedSync): void {
    this.#pending = []
    if (outcome === 'revert') this.#cache = this.#durable.copy()
    else this.#phantom = true
  }

  /** Rot, or a restored copy: `bytes` are what the drive has now, whatever was written. */
  replace(bytes: Uint8Array): void {
    this.#cache = new PageImage()
    this.#cache.write(bytes.slice(), 0)
    this.#durable = this.#cache.copy()
    this.#pending = []
    this.#phantom = false
  }

  /** The file as the next life finds it. */
  afterCrash(survival: Survival): SimulatedFile {
    if (survival.mode === 'kill') return this.copy()
    const image = this.#durable.copy()
    for (const change of this.#pending) applySurviving(image, change, survival)
    if (!exactSize(survival)) image.truncate(this.#survivingSize(image.size, survival))
    return new SimulatedFile(image)
  }

  /** Only pages that were written since go out, but each of those as a whole. */
  #syncDirtyPages(): void {
    let resized = false
    for (const change of this.#pending) {
      if (change.kind === 'truncate') {
        this.#durable.truncate(change.size)
        resized = true
        continue
      }
      const last = Math.floor((change.offset + change.bytes.length - 1) / PAGE_BYTES)
      for (let page = Math.floor(change.offset / PAGE_BYTES); page <= last; page++)
        this.#durable.takePage(page, this.#cache)
      resized ||= change.offset + change.bytes.length > this.#durable.size
    }
    if (resized) this.#durable.truncate(this.#cache.size)
  }

  /** The size lags behind the data or runs ahead of it: anything between the durable one and the newest. */
  #survivingSize(written: number, { random }: Survival): number {
    const [durable, newest] = [this.#durable.size, this.#cache.size]
    if (newest <= durable) return written
    const sectors = Math.floor((newest - durable) / SECTOR_BYTES)
    const between = durable + randomBelow(random, sectors + 1) * SECTOR_BYTES
    return [durable, newest, between, written][randomBelow(random, 4)] ?? written
  }
}

/** Modes in which the size is decided by which changes survived. */
function exactSize({ mode }: Survival): boolean {
  return mode === 'all-lost' || mode === 'all-kept' || mode === 'prefix' || mode === 'data-only'
}

function applySurviving(image: PageImage, change: FileChange, survival: Survival): void {
  if (change.kind === 'truncate') {
    if (survivesWhole(change.order, survival)) image.truncate(change.size)
    return
  }
  switch (survival.mode) {
    case 'pages':
      applyPieces(image, change.offset, change.bytes, PAGE_BYTES, survival)
      return
    case 'sectors':
    case 'garbage':
      applyPieces(image, change.offset, change.bytes, SECTOR_BYTES, survival)
      return
    case 'prefix':
      if (change.order < survival.cut) image.write(change.bytes, change.offset)
      else if (change.order === survival.cut) {
        const sectors = Math.floor(change.bytes.length / SECTOR_BYTES)
        const kept = randomBelow(survival.random, sectors + 1) * SECTOR_BYTES
        if (kept > 0) image.write(change.bytes.subarray(0, kept), change.offset)
      }
      return
    default:
      if (survivesWhole(change.order, survival)) image.write(change.bytes, change.offset)
  }
}

function survivesWhole(order: number, survival: Survival): boolean {
  switch (survival.mode) {
    case 'kill':
    case 'all-kept':
    case 'data-only':
      return true
    case 'all-lost':
    case 'names-only':
      return false
    case 'prefix':
      return order < survival.cut
    case 'reordered':
      return order >= survival.cut
    case 'only':
      return order === survival.cut
    case 'without':
      return order !== survival.cut
    default:
      return survival.keeps()
  }
}

/** Writes each piece of `bytes` that survives; pieces are aligned in the file, as pages and sectors are. */
function applyPieces(image: PageImage, offset: number, bytes: Uint8Array, unit: number, survival: Survival): void {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(unit - ((offset + done) % unit), bytes.length - done)
    const piece = bytes.subarray(done, done + length)
    if (survival.keeps()) image.write(piece, offset + done)
    else if (
      survival.mode === 'garbage' &&
      survival.random.float() < GARBAGE_CHANCE &&
      !holds(image, piece, offset + done)
    )
      image.write(survival.random.bytes(length), offset + done)
    done += length
  }
}

const GARBAGE_CHANCE = 0.25

function holds(image: PageImage, bytes: Uint8Array, offset: number): boolean {
  const there = new Uint8Array(bytes.length)
  return image.read(there, offset) === bytes.length && Buffer.compare(there, bytes) === 0
}
