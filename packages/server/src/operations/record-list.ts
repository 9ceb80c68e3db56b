/**
 * The records of one answer, taken from stored frames in the form in which they are answered: as values, or written
 * straight into the answer's encoding. Frames are lent: nothing here keeps their bytes.
 */
import {
  type Codec,
  createRecordWriter,
  encodedBytes,
  EncodedRecords,
  type RecordCommit,
  type RecordWriter,
  SequenceNumberWriter,
  type StreamRecord,
} from '@millrace/protocol'

import type { FrameOpener } from '../encryption/open-frames.ts'
import { EngineError, type StoredFrame } from '../engine/engine.ts'
import { RecordReader } from '../engine/record-reader.ts'
import { takeAnswerRoom } from '../memory/answer-memory.ts'
import { recordSecond, type Shard } from '../streams/shard.ts'
import type { EncodedFrame, EncodedFrames } from './encoded-frames.ts'

export interface RecordList {
  readonly count: number
  /**
   * Takes all records of a frame, which is as it was stored, at once and says how many bytes of data and keys they have.
   * `undefined`: nothing was taken, they have to come one by one. Throws KMS… when a key of theirs cannot be used.
   */
  addAll(frame: StoredFrame): number | undefined
  /** The records that follow are of this frame, in which they are opened. */
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

  addAll(): undefined {
    return undefined
  }

  begin(frame: StoredFrame): void {
    this.#numbers = new SequenceNumberWriter(commitOf(frame, this.#shard))
    this.#timeMs = frame.timeMs
  }

  add(record: RecordReader): void {
    const { key, isEncrypted } = record
    this.#records.push({
      ApproximateArrivalTimestamp: this.#timeMs,
      Data: new Uint8Array(record.data),
      ...(key === undefined ? {} : { PartitionKey: key }),
      SequenceNumber: this.#numbers?.text(record.index) ?? '',
      ...(isEncrypted ? { EncryptionType: 'KMS' as const } : {}),
    })
  }

  finish(): readonly StreamRecord[] {
    return this.#records
  }
}

export interface EncodedListOptions {
  readonly codec: Codec
  readonly shard: Shard
  readonly shared: EncodedFrames
  readonly opener: FrameOpener
  /** Ms since the epoch. */
  readonly nowMs: number
  /** See createRecordWriter: of records that come one by one. */
  readonly bytesExpected: number
  /** Nobody but this answer is given its records: what is not shared with others may be written to memory that is used again. */
  readonly isForOne: boolean
}

/** Bytes of the answer. Whole frames of the tail are shared with other answers where a shard has several readers. */
export class EncodedList implements RecordList {
  readonly #options: EncodedListOptions
  readonly #elements: Uint8Array[] = []
  /** Of records that came one by one. */
  #writer: RecordWriter | undefined
  count = 0

  constructor(options: EncodedListOptions) {
    this.#options = options
  }

  addAll(frame: StoredFrame): number | undefined {
    const { codec, shard, shared, opener, nowMs } = this.#options
    const known = shared.get(codec, shard.ref, frame.commit, nowMs)
    const encoded = known !== undefined && opener.mayOpen(known.dataKeyIds) ? known : this.#share(frame)
    if (encoded === undefined) return undefined
    this.#takeWritten()
    this.#elements.push(encoded.elements)
    this.count += frame.records
    return encoded.bytes
  }

  begin(frame: StoredFrame): void {
    const { codec, bytesExpected, isForOne } = this.#options
    this.#writer ??= createRecordWriter(codec, isForOne ? takeAnswerRoom(bytesExpected) : bytesExpected)
    this.#writer.begin(commitOf(frame, this.#options.shard))
  }

  add(record: RecordReader): void {
    this.#writer?.write(record)
    this.count++
  }

  finish(): EncodedRecords {
    this.#takeWritten()
    return new EncodedRecords(this.#options.codec, this.count, this.#elements)
  }

  #takeWritten(): void {
    const elements = this.#writer?.take()
    if (elements !== undefined && elements.length > 0) this.#elements.push(elements)
  }

  /** Encodes a frame for this answer and for others, if it is worth it. */
  #share(stored: StoredFrame): EncodedFrame | undefined {
    const { codec, shard, shared, nowMs, opener } = this.#options
    const bytesExpected = encodedBytes(codec, stored.records, stored.bytes.length)
    if (!shared.admits(codec, shard.ref, stored, nowMs)) {
      shared.addUnkept(codec, shard.ref, stored, bytesExpected, nowMs)
      return undefined
    }
    const { frame, dataKeyIds } = opener.open(stored)
    const writer = createRecordWriter(codec, bytesExpected)
    writer.begin(commitOf(frame, shard))
    let bytes = 0
    try {
      const reader = new RecordReader(frame)
      while (reader.next()) {
        writer.write(reader)
        bytes += reader.keyLength + reader.dataLength
      }
    } catch (error) {
      // Whoever takes it record by record gets as far as it goes.
      if (error instanceof EngineError) return undefined
      throw error
    }
    const encoded = { elements: writer.take(), bytes, dataKeyIds }
    shared.add(codec, shard.ref, frame.commit, encoded)
    return encoded
  }
}

function commitOf({ commit, timeMs, bytes }: StoredFrame, shard: Shard): RecordCommit {
  return { birthS: shard.birthS, shard: shard.number, commit, timeS: recordSecond(shard, timeMs), timeMs, bytes }
}
