/** The simplest metadata there is: the list of all changes, which is its own snapshot. */
import type { Metadata } from '@millrace/log'
import { splitPayloads } from './payload.ts'

export interface AppliedChange {
  readonly id: number
  readonly commit: number
}

export class ChangeList implements Metadata {
  readonly changes: AppliedChange[] = []
  /** Content of each change, to be held against what was put in; a restored one has been checked before. */
  readonly bytes = new Map<number, Uint8Array>()
  #restored = false

  restore(snapshot: Uint8Array | undefined): void {
    if (this.#restored) throw new Error('metadata is restored twice')
    this.#restored = true
    if (snapshot === undefined) return
    this.changes.push(...(JSON.parse(new TextDecoder().decode(snapshot)) as AppliedChange[]))
  }

  apply(commit: number, bytes: Uint8Array): void {
    if (!this.#restored) throw new Error('a change is applied before the metadata is restored')
    const last = this.changes.at(-1)
    if (last !== undefined && last.commit >= commit) {
      throw new Error(`the change of commit ${commit} is applied after that of commit ${last.commit}`)
    }
    const [payload, ...more] = splitPayloads(bytes)
    if (payload === undefined || more.length > 0) throw new Error('a metadata change is not what was put in')
    this.changes.push({ id: payload.id, commit })
    this.bytes.set(payload.id, payload.bytes)
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(this.changes))
  }
}
