/**
 * Decides which full segments are worth rewriting: those of which little is wanted any more, those that mix what is
 * kept for different times, those in which the frames of a ledger lie scattered, and small regrouped ones that would
 * make one. Looks only into indexes, and only where something may have changed; into a bounded number of them each
 * time, so what it knows may be some rounds old.
 *
 * Bounds: each frame is rewritten once for being scattered or mixed, then when half of its neighbours are gone, and
 * as often as four small segments of a class become one.
 */
import type { Ledger } from './api.ts'
import { commitBytes, FRAME_BYTES } from './format/commit-format.ts'
import type { LedgerTable, WantedMark } from './ledger-table.ts'
import type { IndexRepairs } from './index-repairs.ts'
import { PAGE_BYTES, READ_GAP_BYTES } from './limits.ts'
import { retentionClassOf } from './retention-class.ts'
import type { Segment } from './segment.ts'
import type { IndexQuery } from './segment-index.ts'
import type { SegmentStore } from './segment-store.ts'

/** Indexes looked into each time: 32 of 64 MiB segments of 1 KiB frames are 70 MB read in the worst case. */
const LOOKS_PER_ROUND = 32
/** Larger frames are read fast enough wherever they lie: 120 MB/s of 32 KiB each on a disk of 4,000 reads a second. */
const SCATTERED_FRAME_BYTES = 32 * 1024
/** So many small segments of a class make one. */
const MERGED_AT_ONCE = 4
/** Runs of small segments of which the directories are read each time. */
const MERGE_WINDOWS_MAX = 8

interface Look {
  readonly at: WantedMark
  readonly liveBytes: number
  readonly isWanted: boolean
}

export interface RegroupPolicyOptions {
  readonly store: SegmentStore
  readonly table: LedgerTable
  readonly repairs: IndexRepairs
  /** A regrouped segment is to be about this large. */
  readonly segmentBytes: number
}

export class RegroupPolicy {
  readonly #options: RegroupPolicyOptions
  readonly #looks = new Map<number, Look>()
  #cursor = 0

  constructor(options: RegroupPolicyOptions) {
    this.#options = options
  }

  /** Neighbours in the log, or small ones of a class; `undefined`: nothing is worth it. Only up to `lastCommit`. */
  async next(lastCommit: number): Promise<readonly Segment[] | undefined> {
    const { store, repairs } = this.#options
    const eligible = store.segments.filter((segment) => isEligible(segment, lastCommit) && !repairs.passesOver(segment))
    await this.#look(eligible)
    return this.#neighbours(eligible) ?? (await this.#mergeable(eligible))
  }

  forget(segment: Segment): void {
    this.#looks.delete(segment.number)
  }

  async #look(eligible: readonly Segment[]): Promise<void> {
    let looks = 0
    for (let turn = 0; turn < eligible.length && looks < LOOKS_PER_ROUND; turn++) {
      const segment = eligible[this.#cursor++ % eligible.length]
      if (segment === undefined || this.#isKnown(segment)) continue
      looks++
      const seen = await this.#options.repairs.look(segment, () => this.#lookInto(segment))
      if (seen !== undefined) this.#looks.set(segment.number, seen)
    }
    this.#cursor %= Math.max(1, eligible.length)
  }

  #isKnown({ number, minTimeMs }: Segment): boolean {
    const look = this.#looks.get(number)
    return look !== undefined && this.#options.table.wantsAsAt(look.at, minTimeMs)
  }

  async #lookInto(segment: Segment): Promise<Look> {
    const { table } = this.#options
    const at = table.wantedMark()
    const classes = new Set<number>()
    let [liveBytes, frames, ledgers] = [0, 0, 0]
    for (const ledger of await segment.index.ledgers()) {
      const state = ledger === 0 ? undefined : table.get(ledger)
      if (state === undefined) continue
      const entries = await segment.index.collect(liveQuery(ledger, state))
      if (entries.length === 0) continue
      ledgers++
      classes.add(retentionClassOf(state))
      frames += entries.length
      for (const { bytes } of entries) liveBytes += FRAME_BYTES + bytes
    }
    const gapBytes = (segment.usedBytes * ledgers) / Math.max(1, frames)
    const isScattered = liveBytes < frames * SCATTERED_FRAME_BYTES && gapBytes > READ_GAP_BYTES
    const isSparse = (PAGE_BYTES + commitBytes(liveBytes)) * 2 <= segment.start.capacity
    const isWanted = isSparse || (segment.grouped === undefined && (isScattered || classes.size > 1))
    return { at, liveBytes, isWanted }
  }

  /** The oldest that is worth it, with those behind it that are too. */
  #neighbours(eligible: readonly Segment[]): readonly Segment[] | undefined {
    const { store, segmentBytes } = this.#options
    const first = eligible.find((segment) => this.#looks.get(segment.number)?.isWanted === true)
    if (first === undefined) return undefined
    const chosen = [first]
    let bytes = this.#looks.get(first.number)?.liveBytes ?? 0
    for (let place = store.segments.indexOf(first) + 1; place < store.segments.length; place++) {
      const segment = store.segments[place]
      const look = segment === undefined ? undefined : this.#looks.get(segment.number)
      if (segment === undefined || look?.isWanted !== true || !eligible.includes(segment)) break
      bytes += look.liveBytes
      if (bytes > segmentBytes) break
      chosen.push(segment)
    }
    return chosen
  }

  /** Small regrouped segments of one class and of like size, none of whose ledgers has frames in others between. */
  async #mergeable(eligible: readonly Segment[]): Promise<readonly Segment[] | undefined> {
    const { segmentBytes } = this.#options
    const bytesOf = ({ number }: Segment): number => this.#looks.get(number)?.liveBytes ?? Number.POSITIVE_INFINITY
    const small = eligible.filter(
      (segment) => segment.grouped !== undefined && bytesOf(segment) * MERGED_AT_ONCE <= segmentBytes,
    )
    let windows = 0
    for (const retentionClass of new Set(small.map(({ grouped }) => grouped?.retentionClass))) {
      const alike = small.filter(({ grouped }) => grouped?.retentionClass === retentionClass)
      for (let from = 0; from + MERGED_AT_ONCE <= alike.length && windows < MERGE_WINDOWS_MAX; from++) {
        const chosen = alike.slice(from, from + MERGED_AT_ONCE)
        const sizes = chosen.map(bytesOf)
        const sum = sizes.reduce((total, bytes) => total + bytes, 0)
        // One large one is not written again and again for the sake of a few small ones.
        if (Math.max(...sizes) * 3 > sum * 2) continue
        windows++
        if (await this.#isOrderKept(chosen)) return chosen
      }
    }
    return undefined
  }

  /**
   * Segments are read in the order of their last commits: a merged one stands where its last part stood. False also where
   * the index of one cannot be read now.
   */
  async #isOrderKept(chosen: readonly Segment[]): Promise<boolean> {
    const { segments } = this.#options.store
    const [first, last] = [chosen[0], chosen.at(-1)]
    if (first === undefined || last === undefined) return false
    const between = segments
      .slice(segments.indexOf(first) + 1, segments.indexOf(last))
      .filter((segment) => !chosen.includes(segment))
    for (const segment of chosen) {
      const ledgers = await this.#options.repairs.look(segment, async () => await segment.index.ledgers())
      if (ledgers === undefined) return false
      if (between.some(({ index }) => ledgers.some((ledger) => index.has(ledger)))) return false
    }
    return true
  }
}

/** What a ledger's readers may still see. */
export function liveQuery(
  ledger: Ledger,
  state: { readonly openCommit: number; readonly floorMs: number },
): IndexQuery {
  const none = Number.POSITIVE_INFINITY
  return {
    ledger,
    fromCommit: state.openCommit,
    fromIndex: -1,
    fromTimeMs: state.floorMs,
    recordsMax: none,
    bytesMax: none,
  }
}

/** Full, indexed, in no snapshot's way, and without damage: what is damaged stays as it is, as evidence. */
function isEligible(segment: Segment, lastCommit: number): boolean {
  return (
    segment.file !== undefined && segment.damages.length === 0 && !segment.isUnfit && segment.lastCommit <= lastCommit
  )
}
