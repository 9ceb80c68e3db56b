/**
 * The one place where what was stored sealed becomes plain again: between the engine and whoever answers with records.
 * Everything else reads frames as if they had never been sealed.
 */
import { EngineError, type Position, type ShardRef, type StoredFrame } from '../engine/engine.ts'
import { markOpened, RecordReader } from '../engine/record-batch.ts'
import type { Stream } from '../streams/stream.ts'
import type { DataKeys } from './data-keys.ts'
import { dataKeyIdAt } from './record-seal.ts'

export interface OpenOptions {
  readonly stream: Stream
  readonly shard: ShardRef
  /** Records before it are not wanted. */
  readonly from: Position
  /** No more than so many are. */
  readonly recordsMax: number
  readonly dataKeys: DataKeys
}

/**
 * The frames with the wanted records opened: copies where anything was sealed, the engine's own elsewhere. Throws KMS…
 * when the key of one cannot be used. What is not what was sealed there, or sealed with a data key that this server has
 * not heard of, stays sealed: it is damage to whoever reads it (RecordReader.isEncrypted).
 */
export function openFrames(frames: readonly StoredFrame[], options: OpenOptions): readonly StoredFrame[] {
  if (options.stream.dataKeys === undefined) return frames
  const { from } = options
  let left = options.recordsMax
  return frames.map((frame) => {
    if (left <= 0) return frame
    const fromIndex = frame.commit === from.commit ? Math.max(from.index, frame.firstIndex) : frame.firstIndex
    const opened = openFrame(frame, fromIndex, left, options)
    left -= frame.records - (fromIndex - frame.firstIndex)
    return opened
  })
}

function openFrame(
  frame: StoredFrame,
  fromIndex: number,
  recordsMax: number,
  { stream, shard, dataKeys }: OpenOptions,
): StoredFrame {
  let copy: Uint8Array | undefined
  try {
    const reader = new RecordReader(frame, fromIndex)
    for (let taken = 0; taken < recordsMax && reader.next(); taken++) {
      if (!reader.isSealed) continue
      const { offset, sealOffset, dataOffset, dataLength } = reader
      copy ??= new Uint8Array(frame.bytes)
      const opener = dataKeys.opener(stream, dataKeyIdAt(copy, sealOffset))
      if (opener?.open({ shard, bytes: copy, offset, sealOffset, dataOffset }, dataLength) === true)
        markOpened(copy, offset)
    }
  } catch (error) {
    // A layout that does not add up: whoever reads the frame comes to the same place.
    if (!(error instanceof EngineError)) throw error
  }
  return copy === undefined ? frame : { ...frame, bytes: copy, isOpened: true }
}
