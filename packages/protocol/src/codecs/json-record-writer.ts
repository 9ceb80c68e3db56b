/** Records as JSON. Each begins with a comma, so that what was written apart can be put together. */
import { SEQUENCE_NUMBER_DIGITS, SequenceNumberWriter } from '../sequence-number.ts'
import { encodeSmallBase64 } from './base64.ts'
import { ByteWriter } from './byte-writer.ts'
import { secondsText } from './json-encode.ts'
import type { RecordCommit, RecordPlace, RecordWriter } from './record-writer.ts'

const START = ',{"SequenceNumber":"'
const ZEROS = '0'.repeat(SEQUENCE_NUMBER_DIGITS)
const KEY_NAME = ',"PartitionKey":'
const DATA = Buffer.from(',"Data":"')
const ENCRYPTED = Buffer.from('","EncryptionType":"KMS"}')
const PLAIN = Buffer.from('"}')
/** Quotes around the key. */
const QUOTES_BYTES = 2
/** Up to here a loop beats the way through a string (docs/decisions/014, 138). */
const SMALL_DATA_BYTES = 160

const SPACE = 0x20
const QUOTE = 0x22
const BACKSLASH = 0x5c
const TILDE = 0x7e

const nothing = Buffer.alloc(0)

export class JsonRecordWriter implements RecordWriter {
  readonly #out: ByteWriter
  #takenTo = 0
  #stored: Buffer = nothing
  /** Writes its digits into the heads: they are copied with them. */
  #numbers: SequenceNumberWriter | undefined
  /** Of the buffer that is written to. */
  #view: DataView = new DataView(nothing.buffer, 0, 0)
  #viewed: Buffer = nothing
  /** What stands before the opening quote of the key, and before the data of a record without one: the same bytes. */
  #headWithKey: Buffer = nothing
  #headWithoutKey: Buffer = nothing

  constructor(room: number | Uint8Array) {
    this.#out = new ByteWriter(room)
  }

  begin(commit: RecordCommit): void {
    const { buffer, byteOffset, length } = commit.bytes
    this.#stored = Buffer.from(buffer, byteOffset, length)
    const head = Buffer.from(
      `${START}${ZEROS}","ApproximateArrivalTimestamp":${secondsText(commit.timeMs)}${KEY_NAME}`,
      'latin1',
    )
    this.#headWithKey = head
    this.#headWithoutKey = head.subarray(0, head.length - KEY_NAME.length)
    this.#numbers = new SequenceNumberWriter(commit, head.subarray(START.length, START.length + SEQUENCE_NUMBER_DIGITS))
  }

  write({ index, hasKey, keyOffset, keyLength, dataOffset, dataLength, isEncrypted }: RecordPlace): void {
    const stored = this.#stored
    const head = hasKey ? this.#headWithKey : this.#headWithoutKey
    const out = this.#out
    const base64Bytes = Math.ceil(dataLength / 3) * 4
    const tail = isEncrypted ? ENCRYPTED : PLAIN
    const behindKey = DATA.length + base64Bytes + tail.length
    // No more than it takes: who expects an answer's bytes counts on it (record-writer.ts).
    out.reserve(head.length + (hasKey ? keyLength + QUOTES_BYTES : 0) + behindKey)
    this.#numbers?.moveToIndex(index)
    let target = out.buffer
    target.set(head, out.at)
    let at = out.at + head.length
    if (hasKey) {
      const end = writeSimpleKey(stored, keyOffset, keyLength, target, at)
      if (end === undefined) {
        out.advance(at)
        const key = JSON.stringify(stored.toString('utf8', keyOffset, keyOffset + keyLength))
        out.utf8(key, Buffer.byteLength(key))
        out.reserve(behindKey)
        target = out.buffer
      }
      at = end ?? out.at
    }
    for (let i = 0; i < DATA.length; i++) target[at + i] = DATA[i] ?? 0
    at += DATA.length
    if (dataLength <= SMALL_DATA_BYTES) {
      if (this.#viewed !== target) {
        this.#view = new DataView(target.buffer, target.byteOffset, target.length)
        this.#viewed = target
      }
      encodeSmallBase64(stored, dataOffset, dataLength, this.#view, at)
    } else {
      target.write(stored.toString('base64', dataOffset, dataOffset + dataLength), at, base64Bytes, 'latin1')
    }
    at += base64Bytes
    for (let i = 0; i < tail.length; i++) target[at + i] = tail[i] ?? 0
    out.advance(at + tail.length)
  }

  take(): Uint8Array {
    const from = this.#takenTo
    this.#takenTo = this.#out.at
    return this.#out.finish().subarray(from)
  }
}

/**
 * The key in quotes, for which there is room. Returns where it ends; `undefined`: it is not written, as it may have to
 * be escaped.
 */
function writeSimpleKey(
  stored: Buffer,
  offset: number,
  length: number,
  target: Buffer,
  at: number,
): number | undefined {
  target[at] = QUOTE
  for (let i = 0; i < length; i++) {
    const byte = stored[offset + i] ?? 0
    if (byte < SPACE || byte > TILDE || byte === QUOTE || byte === BACKSLASH) return undefined
    target[at + 1 + i] = byte
  }
  target[at + 1 + length] = QUOTE
  return at + length + QUOTES_BYTES
}
