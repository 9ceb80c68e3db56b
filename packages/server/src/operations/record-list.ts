/**
 * The records of one answer, taken from stored frames in the form in which they are answered: as values, or written
 * straight into the answer's encoding. Frames are lent: nothing here keeps their bytes.
 */
import {
  type Codec,
  createRecordWriter,
  EncodedRecords,
  type RecordCommit,
  type RecordWriter,
  SequenceNumberWriter,
  type StreamRecord,
} from '@millrace/protocol'

import type { StoredFrame } from '../engine/engine.ts'
import type { RecordReader } from '../engine/record-batch.ts'
import { recordSecond, type Shard } from '../streams/shard.ts'

export interface RecordList {
  readonly count: number
  /** The records that follow are of this frame. */
  begin(frame: StoredFrame): void
  /** Takes the record at which the reader stands. */
  add(record: RecordReader): void
  finish(): readonly StreamRecord[] | EncodedRecords
}

/** Values with data of their own: for whoever calls the service without a wire between. */
export class ValueList implements RecordList {
  readonly #shard: Shard
  readonly #records: StreamRecord[] = []
  #numbers: SequenceNumberWriter | undefined
  #timeMs = 0

  constructor(shard: Shard) {
    this.#shard = shard
  }

  get count(): number {
    return this.#records.length
  }

  begin(frame: StoredFrame): void {
    this.#numbers = new SequenceNumberWriter(commitOf(frame, this.#shard))
    this.#timeMs = frame.timeMs
  }

  add(record: RecordReader): void {
    const { key } = record
    this.#records.push({
      ApproximateArrivalTimestamp: this.#timeMs,
      Data: new Uint8Array(record.data),
      ...(key === undefined ? {} : { PartitionKey: key }),
      SequenceNumber: this.#numbers?.text(record.index) ?? '',
    })
  }

  finish(): readonly StreamRecord[] {
    return this.#records
  }
}

/** Bytes of the answer. */
export class EncodedList implements RecordList {
  readonly #shard: Shard
  readonly #codec: Codec
  readonly #writer: RecordWriter
  count = 0

  /** `bytesExpected`: see createRecordWriter. */
  constructor(shard: Shard, codec: Codec, bytesExpected: number) {
    this.#shard = shard
    this.#codec = codec
    this.#writer = createRecordWriter(codec, bytesExpected)
  }

  begin(frame: StoredFrame): void {
    this.#writer.begin(commitOf(frame, this.#shard))
  }

  add(record: RecordReader): void {
    this.#writer.write(record)
    this.count++
  }

  finish(): EncodedRecords {
    return new EncodedRecords(this.#codec, this.count, this.count === 0 ? [] : [this.#writer.take()])
  }
}

function commitOf({ commit, timeMs, bytes }: StoredFrame, shard: Shard): RecordCommit {
  return { birthS: shard.birthS, shard: shard.number, commit, timeS: recordSecond(shard, timeMs), timeMs, bytes }
}
