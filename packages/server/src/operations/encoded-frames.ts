/**
 * Frames of the tail as they stand in answers, made for one reader and shared with all who come later: many readers
 * follow the tip of a shard together, and encoding costs more than sending. Bounded in bytes; the oldest leave first.
 * What is shared is never written to again, and says nothing that retention could change: whether a frame is shown at
 * all is for the engine to say each time.
 *
 * What is kept takes memory of its own, for nobody where a shard has one reader (bench: GetRecords, first reader;
 * docs/decisions/151). So a frame is only remembered at first, for as long as it would be kept: who asks for it again is a
 * second reader, and from then on the shard's frames are kept.
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
/** So long after somebody came second a shard counts as one with several readers. */
const SECOND_READER_MS = 60_000

export interface EncodedFrame {
  /** Elements of EncodedRecords. */
  readonly elements: Uint8Array
  /** Data and keys. */
  readonly bytes: number
  /** Of the data keys that its records are sealed with: it is for those alone who may use all of them. */
  readonly dataKeyIds: readonly number[]
}

/** Of one shard in one encoding. */
interface Readers {
  readonly key: string
  /** Its frames that are remembered. */
  frames: number
  /** When a frame was last asked for that had been asked for before. Ms since the epoch. */
  secondAtMs: number
}

/** A frame that somebody was answered with. */
interface Asked {
  readonly readers: Readers
  /** What it takes, or would if it were kept. */
  readonly bytes: number
  /** `undefined`: it is not kept. */
  readonly frame: EncodedFrame | undefined
}

export class EncodedFrames {
  readonly #bytesMax: number
  readonly #asked = new LinkedMap<string, Asked>()
  /** Of the shards of those. */
  readonly #readers = new Map<string, Readers>()
  /** Of all that is remembered. */
  #bytes = 0
  #bytesKept = 0

  constructor(bytesMax = BYTES_MAX_DEFAULT) {
    this.#bytesMax = bytesMax
  }

  /** Of the memory that the shared frames hold. */
  get bytes(): number {
    return this.#bytesKept
  }

  /** What is kept of a frame that somebody asks for at `nowMs`, ms since the epoch. */
  get(codec: Codec, shard: ShardRef, commit: number, nowMs: number): EncodedFrame | undefined {
    const asked = this.#asked.get(frameKey(codec, shard, commit))
    if (asked !== undefined) asked.readers.secondAtMs = nowMs
    return asked?.frame
  }

  /** Whether the frame is worth sharing: it is one of the tail, and others want to have it, too. */
  admits(codec: Codec, shard: ShardRef, frame: StoredFrame, nowMs: number): boolean {
    const readers = this.#readers.get(readersKey(codec, shard))
    return readers !== undefined && nowMs - readers.secondAtMs <= SECOND_READER_MS && isOfTheTail(frame, nowMs)
  }

  add(codec: Codec, shard: ShardRef, commit: number, frame: EncodedFrame): void {
    this.#remember(codec, shard, commit, frame.elements.buffer.byteLength, frame)
  }

  /** Somebody was answered with a frame that is not kept, and would take `bytes`. */
  addUnkept(codec: Codec, shard: ShardRef, frame: StoredFrame, bytes: number, nowMs: number): void {
    if (isOfTheTail(frame, nowMs)) this.#remember(codec, shard, frame.commit, bytes, undefined)
  }

  #remember(codec: Codec, shard: ShardRef, commit: number, bytes: number, frame: EncodedFrame | undefined): void {
    const key = readersKey(codec, shard)
    let readers = this.#readers.get(key)
    if (readers === undefined) {
      readers = { key, frames: 0, secondAtMs: Number.NEGATIVE_INFINITY }
      this.#readers.set(key, readers)
    }
    readers.frames++
    this.#bytes += bytes
    if (frame !== undefined) this.#bytesKept += bytes
    this.#forget(this.#asked.set(frameKey(codec, shard, commit), { readers, bytes, frame }))
    while (this.#bytes > this.#bytesMax) this.#forget(this.#asked.shift())
  }

  #forget(asked: Asked | undefined): void {
    if (asked === undefined) return
    const { readers, bytes, frame } = asked
    this.#bytes -= bytes
    if (frame !== undefined) this.#bytesKept -= bytes
    if (--readers.frames === 0) this.#readers.delete(readers.key)
  }
}

function isOfTheTail({ bytes, timeMs }: StoredFrame, nowMs: number): boolean {
  return bytes.length >= FRAME_BYTES_MIN && nowMs - timeMs <= AGE_MAX_MS
}

function readersKey(codec: Codec, shard: ShardRef): string {
  return `${codec} ${shard}`
}

function frameKey(codec: Codec, shard: ShardRef, commit: number): string {
  return `${codec} ${shard} ${commit}`
}
