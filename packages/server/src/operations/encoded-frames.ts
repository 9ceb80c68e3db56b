/**
 * Frames of the tail as they stand in answers, made for the first reader and shared with all who come later: most
 * readers of a shard follow its tip together, and encoding costs more than sending. Bounded in bytes; the oldest
 * leave first. What is shared is never written to again, and says nothing that retention could change: whether a
 * frame is shown at all is for the engine to say each time.
 */
import type { Codec } from '@millrace/protocol'
import { LinkedMap } from '@millrace/std'

import type { ShardRef, StoredFrame } from '../engine/engine.ts'

/** Two seconds of 32 MB/s in answers. */
const BYTES_MAX_DEFAULT = 64 * 1024 * 1024
/** A smaller frame is encoded again in less time than it takes to find and send it as a piece of its own. */
const FRAME_BYTES_MIN = 4 * 1024
/** A backlog is read by one at a time as a rule: older frames would only push out those of the tail. */
const AGE_MAX_MS = 60_000

export interface EncodedFrame {
  /** Elements of EncodedRecords. */
  readonly elements: Uint8Array
  /** Data and keys. */
  readonly bytes: number
  /** Of the data keys that its records are sealed with: it is for those alone who may use all of them. */
  readonly dataKeyIds: readonly number[]
}

export class EncodedFrames {
  readonly #bytesMax: number
  readonly #frames = new LinkedMap<string, EncodedFrame>()
  #bytes = 0

  constructor(bytesMax = BYTES_MAX_DEFAULT) {
    this.#bytesMax = bytesMax
  }

  /** Of the memory that the shared frames hold. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether the frame is worth sharing. */
  admits({ bytes, timeMs }: StoredFrame, nowMs: number): boolean {
    return bytes.length >= FRAME_BYTES_MIN && nowMs - timeMs <= AGE_MAX_MS
  }

  get(codec: Codec, shard: ShardRef, commit: number): EncodedFrame | undefined {
    return this.#frames.get(keyOf(codec, shard, commit))
  }

  add(codec: Codec, shard: ShardRef, commit: number, frame: EncodedFrame): void {
    const replaced = this.#frames.set(keyOf(codec, shard, commit), frame)
    this.#bytes += bytesHeld(frame) - bytesHeld(replaced)
    while (this.#bytes > this.#bytesMax) this.#bytes -= bytesHeld(this.#frames.shift())
  }
}

function keyOf(codec: Codec, shard: ShardRef, commit: number): string {
  return `${codec} ${shard} ${commit}`
}

function bytesHeld(frame: EncodedFrame | undefined): number {
  return frame === undefined ? 0 : frame.elements.buffer.byteLength
}
