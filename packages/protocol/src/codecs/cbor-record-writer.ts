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

const nothing = Buffer.alloc(0)
const keyName = nameBytes('PartitionKey')
const dataName = nameBytes('Data')
const encrypted = Buffer.concat([nameBytes('EncryptionType'), nameBytes('KMS')])

export class CborRecordWriter implements RecordWriter {
  readonly #out: ByteWriter
  #takenTo = 0
  #stored: Buffer = nothing
  #numbers: SequenceNumberWriter | undefined
  /** What stands before the key, or before the data of a record without one. */
  #head: Uint8Array = nothing
  /** Where in it the digits of the sequence number stand. */
  #digitsAt = 0

  constructor(bytesExpected: number) {
    this.#out = new ByteWriter(bytesExpected)
  }

  begin(commit: RecordCommit): void {
    const { buffer, byteOffset, length } = commit.bytes
    this.#stored = Buffer.from(buffer, byteOffset, length)
    this.#numbers = new SequenceNumberWriter(commit)
    const head = new ByteWriter(HEAD_BYTES_EXPECTED)
    head.byte(WITH_KEY)
    writeText(head, 'SequenceNumber')
    writeHead(head, MAJOR_TEXT, SEQUENCE_NUMBER_DIGITS)
    this.#digitsAt = head.at
    head.latin1(ZEROS)
    writeText(head, 'ApproximateArrivalTimestamp')
    writeTimestamp(head, commit.timeMs)
    this.#head = head.finish()
  }

  write({ index, hasKey, keyOffset, keyLength, dataOffset, dataLength, isEncrypted }: RecordPlace): void {
    const out = this.#out
    this.#numbers?.write(this.#head, this.#digitsAt, index)
    this.#head[0] = (hasKey ? WITH_KEY : WITHOUT_KEY) + (isEncrypted ? 1 : 0)
    out.bytes(this.#head)
    if (hasKey) {
      out.bytes(keyName)
      writeHead(out, MAJOR_TEXT, keyLength)
      this.#copy(keyOffset, keyLength)
    }
    out.bytes(dataName)
    writeHead(out, MAJOR_BYTES, dataLength)
    this.#copy(dataOffset, dataLength)
    if (isEncrypted) out.bytes(encrypted)
  }

  take(): Uint8Array {
    const from = this.#takenTo
    this.#takenTo = this.#out.at
    return this.#out.finish().subarray(from)
  }

  #copy(offset: number, length: number): void {
    const out = this.#out
    out.reserve(length)
    this.#stored.copy(out.buffer, out.at, offset, offset + length)
    out.advance(out.at + length)
  }
}

function nameBytes(name: string): Uint8Array {
  const writer = new ByteWriter(name.length + 1)
  writeText(writer, name)
  return writer.finish()
}
