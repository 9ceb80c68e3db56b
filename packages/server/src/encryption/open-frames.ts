/**
 * The one place where what was stored sealed becomes plain again: between the engine and whoever answers with records.
 * Everything else reads frames as if they had never been sealed.
 */
import { EngineError, type ShardRef, type StoredFrame } from '../engine/engine.ts'
import { markOpened, RecordReader } from '../engine/record-reader.ts'
import type { Stream } from '../streams/stream.ts'
import type { DataKeys } from './data-keys.ts'
import { dataKeyIdAt } from './record-seal.ts'

export interface OpenedFrame {
  /** A copy where anything was sealed, else the engine's own. */
  readonly frame: StoredFrame
  /** Ids of the data keys that what was opened is sealed with. */
  readonly dataKeyIds: readonly number[]
}

export class FrameOpener {
  readonly #stream: Stream
  readonly #shard: ShardRef
  readonly #dataKeys: DataKeys

  constructor(stream: Stream, shard: ShardRef, dataKeys: DataKeys) {
    this.#stream = stream
    this.#shard = shard
    this.#dataKeys = dataKeys
  }

  /**
   * The frame with the records opened from index `fromIndex` on, at most `recordsMax` of them. Throws KMS… when the key
   * of one cannot be used. What is not what was sealed there, or sealed with a data key that this server has not heard of,
   * stays sealed: it is damage to whoever reads it (RecordReader.isEncrypted).
   */
  open(frame: StoredFrame, fromIndex = frame.firstIndex, recordsMax = Infinity): OpenedFrame {
    if (this.#stream.dataKeys === undefined) return { frame, dataKeyIds: [] }
    const shard = this.#shard
    const dataKeyIds = new Set<number>()
    let copy: Uint8Array | undefined
    try {
      const reader = new RecordReader(frame, fromIndex)
      for (let taken = 0; taken < recordsMax && reader.next(); taken++) {
        if (!reader.isSealed) continue
        const { offset, sealOffset, dataOffset, dataLength } = reader
        copy ??= new Uint8Array(frame.bytes)
        const id = dataKeyIdAt(copy, sealOffset)
        dataKeyIds.add(id)
        const opener = this.#dataKeys.opener(this.#stream, id)
        if (opener?.open({ shard, bytes: copy, offset, sealOffset, dataOffset }, dataLength) === true)
          markOpened(copy, offset)
      }
    } catch (error) {
      // A layout that does not add up: whoever reads the frame comes to the same place.
      if (!(error instanceof EngineError)) throw error
    }
    return {
      frame: copy === undefined ? frame : { ...frame, bytes: copy, isOpened: true },
      dataKeyIds: [...dataKeyIds],
    }
  }

  /** Whether what somebody opened with these data keys may be had. Throws KMS… when one of them cannot be used. */
  mayOpen(dataKeyIds: readonly number[]): boolean {
    return dataKeyIds.every((id) => this.#dataKeys.opener(this.#stream, id) !== undefined)
  }
}
