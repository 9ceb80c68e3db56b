/**
 * Subscribers that stand in the same place of a shard, and wake together when it grows, share one page: it is read,
 * opened and encoded once, whatever their number (docs/decisions/088-one-page-for-all.md). A page is shared while it is
 * being read and no longer, so what retention or a key's end could change is as fresh as a reader's own.
 *
 * Bound: one page for each read in flight, which some subscriber waits for.
 */
import { comparePositions, type ShardRef, type ShardStore } from '../engine/engine.ts'
import type { PageRequest, RecordPage } from './record-page.ts'

/** Its page is sent to several. */
export type SharedPageRequest = PageRequest & { readonly isForOne: false }

interface Reading {
  readonly request: PageRequest
  readonly page: Promise<RecordPage>
}

export class SharedReads implements Disposable {
  readonly #readings = new Map<ShardRef, Reading[]>()
  readonly #listening: Disposable

  constructor(shards: Pick<ShardStore, 'onAdvance'>) {
    // Who looks after the shard grew must find what it grew by: nothing would wake them for it again.
    this.#listening = shards.onAdvance((refs) => {
      if (this.#readings.size > 0) for (const ref of refs) this.#readings.delete(ref)
    })
  }

  /** The page that another is reading for the same request, or the one that `read` begins. Not to be written to. */
  read(request: SharedPageRequest, read: () => Promise<RecordPage>): Promise<RecordPage> {
    const { ref } = request.shard
    const found = this.#readings.get(ref)?.find((reading) => isSame(reading.request, request))
    if (found !== undefined) return found.page
    const reading = { request, page: read() }
    const readings = this.#readings.get(ref) ?? []
    readings.push(reading)
    this.#readings.set(ref, readings)
    const forget = (): void => {
      readings.splice(readings.indexOf(reading), 1)
      if (readings.length === 0 && this.#readings.get(ref) === readings) this.#readings.delete(ref)
    }
    reading.page.then(forget, forget)
    return reading.page
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]()
  }
}

/** The stream is the very same until anything of it changes. */
function isSame(a: PageRequest, b: PageRequest): boolean {
  return (
    a.stream === b.stream && comparePositions(a.from, b.from) === 0 && a.records === b.records && a.bytes === b.bytes
  )
}
