/**
 * Records on their way from where they are stored into an answer: written as elements of a list in the answer's
 * encoding, with no object and at most one short string per record. Knows neither where the bytes came from nor how
 * they are laid out there: the caller says where key and data stand.
 */
import type { ShardIdentity } from '../sequence-number.ts'
import { CborRecordWriter } from './cbor-record-writer.ts'
import type { Codec } from './codec.ts'
import { JsonRecordWriter } from './json-record-writer.ts'

/** What the records of one commit of one shard have in common. */
export interface RecordCommit extends ShardIdentity {
  readonly commit: number
  /** When they arrived, as their sequence numbers say it: whole seconds since the epoch. */
  readonly timeS: number
  /** When they arrived, ms since the epoch. */
  readonly timeMs: number
  /** Where keys and data stand. Looked at only while records of this commit are written. */
  readonly bytes: Uint8Array
}

/** Where a record stands in the bytes of its commit. */
export interface RecordPlace {
  /** Its index in the commit. */
  readonly index: number
  /** No key is not the same as an empty one. */
  readonly hasKey: boolean
  /** UTF-8. */
  readonly keyOffset: number
  readonly keyLength: number
  readonly dataOffset: number
  readonly dataLength: number
  /** The answer says that it is stored encrypted. */
  readonly isEncrypted: boolean
}

export interface RecordWriter {
  /** The records that follow are of this commit. */
  begin(commit: RecordCommit): void
  write(record: RecordPlace): void
  /** What was written since the last `take`, for a list of EncodedRecords. Empty if that is nothing. */
  take(): Uint8Array
}

/**
 * `room`: how many bytes all that will be written is expected to take, or memory for them. Where it was too little, the
 * rest goes into other memory, with a copy of what was written before.
 */
export function createRecordWriter(codec: Codec, room: number | Uint8Array): RecordWriter {
  return codec === 'json' ? new JsonRecordWriter(room) : new CborRecordWriter(room)
}

/** Bytes of a record apart from data and key. */
const JSON_OVERHEAD_BYTES = 168
const CBOR_OVERHEAD_BYTES = 136

/** What records with so many bytes of keys and data take at most, unless keys must be escaped. */
export function encodedBytes(codec: Codec, records: number, storedBytes: number): number {
  if (codec === 'cbor') return records * CBOR_OVERHEAD_BYTES + storedBytes
  return records * JSON_OVERHEAD_BYTES + Math.ceil((storedBytes * 4) / 3)
}

/** Records of an answer that are encoded already. They stand for a list of records in the output of GetRecords. */
export class EncodedRecords {
  readonly codec: Codec
  readonly count: number
  /** What writers of this codec gave, in the order of the records. Sent as they are: never written to again. */
  readonly elements: readonly Uint8Array[]

  constructor(codec: Codec, count: number, elements: readonly Uint8Array[]) {
    this.codec = codec
    this.count = count
    this.elements = elements
  }
}
