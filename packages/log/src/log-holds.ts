/**
 * Holds on the files of a running log: whoever copies them has the log of one moment. No space comes back meanwhile, so
 * a hold ends by itself when there is none left, or when the log closes.
 */
import { deferred } from '@millrace/std'
import type { LogHold } from './api.ts'
import type { Disk } from './disk.ts'
import { holdFiles } from './held-files.ts'
import type { SegmentStore } from './segment-store.ts'
import type { Snapshots } from './snapshots.ts'
import type { Upkeep } from './upkeep.ts'

export interface LogHoldsOptions {
  readonly disk: Disk
  readonly logId: Uint8Array
  readonly store: SegmentStore
  readonly snapshots: Snapshots
  readonly upkeep: Upkeep
  readonly metadataLoss: string | undefined
  /** Makes durable what is visible now. */
  readonly sync: () => Promise<void>
  /** The last visible commit. */
  readonly lastCommit: () => number
}

export class LogHolds {
  readonly #options: LogHoldsOptions
  /** End one hold each, with the reason. */
  readonly #holds = new Set<(reason: string) => void>()

  constructor(options: LogHoldsOptions) {
    this.#options = options
  }

  async hold(): Promise<LogHold> {
    const { disk, logId, store, snapshots, upkeep, metadataLoss, sync, lastCommit } = this.#options
    const release = await upkeep.hold()
    try {
      await sync()
      const held = await holdFiles({
        disk,
        logId,
        commit: lastCommit(),
        segments: store.segments.slice(),
        active: store.active,
        snapshotCommits: snapshots.commits,
        metadataLoss,
      })
      const broken = deferred<string>()
      const end = (reason: string): void => {
        this.#holds.delete(end)
        release()
        broken.resolve(reason)
      }
      this.#holds.add(end)
      return { ...held, broken: broken.promise, release: () => end('it was released') }
    } catch (error) {
      release()
      throw error
    }
  }

  /** There may be less space than there was. */
  onSpace(): void {
    const { shortage } = this.#options.store
    if (shortage !== undefined) this.endAll(`there is no space left: ${shortage}`)
  }

  endAll(reason: string): void {
    for (const end of this.#holds) end(reason)
  }
}
