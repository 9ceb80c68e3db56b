/** Records as CBOR: maps of definite length, one after the other. */
import { SEQUENCE_NUMBER_DIGITS, SequenceNumberWriter } from '../sequence-number.ts'
import { ByteWriter } from './byte-writer.ts'
import { MAJOR_BYTES, MAJOR_MAP, MAJOR_TEXT, writeHead, writeText, writeTimestamp } from './cbor-encode.ts'
import type { RecordCommit, RecordPlace, RecordWriter } from './record-writer.ts'

const MEMBERS_WITHOUT_KEY = 3
const ZEROS = '0'.repeat(SEQUENCE_NUMBER_DIGITS)
const WITHOUT_KEY = (MAJOR_MAP << 5) | MEMBERS_WITHOUT_KEY
const WITH_KEY = WITHOUT_KEY + 1
/** Bytes of what every record begins with: names, number and time. */
const HEAD_BYTES_EXPECTED = 128
/** Heads of key and data, and the name of the data. No more: who expects an answer's bytes counts on it (record-writer.ts). */
const AROUND_BYTES = 3 + 5 + 5
/** Up to here a loop beats a call (bench: GetRecords, 100 B). */
const SMALL_BYTES = 32

const nothing = Buffer.alloc(0)
const keyName = nameBytes('PartitionKey')
const dataName = nameBytes('Data')
const encrypted = Buffer.concat([nameBytes('EncryptionType'), nameBytes('KMS')])

export class CborRecordWriter implements RecordWriter {
  readonly #out: ByteWriter
  #takenTo = 0
  #stored: Buffer = nothing
  #numbers: SequenceNumberWriter | undefined
  /** What stands before the key with its name, and before the data of a record without one with that of the data. */
  #headWithKey: Uint8Array = nothing
  #headWithoutKey: Uint8Array = nothing
  /** Where in them the digits of the sequence number stand. */
  #digitsAt = 0

  constructor(room: number | Uint8Array) {
    this.#out = new ByteWriter(room)
  }

  begin(commit: RecordCommit): void {
    const { buffer, byteOffset, length } = commit.bytes
    this.#stored = Buffer.from(buffer, byteOffset, length)
    this.#numbers = new SequenceNumberWriter(commit)
    const head = new ByteWriter(HEAD_BYTES_EXPECTED)
    head.byte(WITHOUT_KEY)
    writeText(head, 'SequenceNumber')
    writeHead(head, MAJOR_TEXT, SEQUENCE_NUMBER_DIGITS)
    this.#digitsAt = head.at
    head.latin1(ZEROS)
    writeText(head, 'ApproximateArrivalTimestamp')
    writeTimestamp(head, commit.timeMs)
    this.#headWithoutKey = Buffer.concat([head.finish(), dataName])
    this.#headWithKey = Buffer.concat([head.finish(), keyName])
    this.#headWithKey[0] = WITH_KEY
  }

  write({ index, hasKey, keyOffset, keyLength, dataOffset, dataLength, isEncrypted }: RecordPlace): void {
    const head = hasKey ? this.#headWithKey : this.#headWithoutKey
    const out = this.#out
    out.reserve(head.length + AROUND_BYTES + keyLength + dataLength + (isEncrypted ? encrypted.length : 0))
    const { buffer: target, at: start } = out
    target.set(head, start)
    this.#numbers?.write(target, start + this.#digitsAt, index)
    out.advance(start + head.length)
    if (hasKey) {
      writeHead(out, MAJOR_TEXT, keyLength)
      this.#copy(keyOffset, keyLength)
      const { at } = out
      for (let i = 0; i < dataName.length; i++) target[at + i] = dataName[i] ?? 0
      out.advance(at + dataName.length)
    }
    writeHead(out, MAJOR_BYTES, dataLength)
    this.#copy(dataOffset, dataLength)
    if (!isEncrypted) return
    // A member more.
    target[start] = (head[0] ?? 0) + 1
    out.bytes(encrypted)
  }

  take(): Uint8Array {
    const from = this.#takenTo
    this.#takenTo = this.#out.at
    return this.#out.finish().subarray(from)
  }

  /** There is room for it. */
  #copy(offset: number, length: number): void {
    const stored = this.#stored
    const { buffer: target, at } = this.#out
    if (length > SMALL_BYTES) stored.copy(target, at, offset, offset + length)
    else for (let i = 0; i < length; i++) target[at + i] = stored[offset + i] ?? 0
    this.#out.advance(at + length)
  }
}

function nameBytes(name: string): Uint8Array {
  const writer = new ByteWriter(name.length + 1)
  writeText(writer, name)
  return writer.finish()
}
