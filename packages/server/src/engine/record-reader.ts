/**
 * Stored frames, read record by record: views of bytes that are lent, not copies. How a record lies in them is
 * record-layout.ts.
 */
import { EngineError, type StoredFrame } from './engine.ts'
import {
  EXTENSION_LENGTH_BYTES,
  FLAG_EXPLICIT_HASH,
  FLAG_EXTENSION,
  FLAG_KEY_ABSENT,
  FLAG_OPENED,
  FLAG_SEALED,
  FLAGS_KNOWN,
  FLAGS_OFFSET,
  HASH_BYTES,
  HEADER_BYTES,
  SEAL_BYTES,
} from './record-layout.ts'

/** Why data that was not opened cannot be read. */
export const STILL_SEALED = 'is sealed, and cannot be opened'

/**
 * Walks the records of a stored frame. `next` moves on to the following record and says whether there is one; the
 * fields then tell of that record, as offsets into `bytes`, and the getters as values.
 *
 * Every length is checked against the frame before it is used: a layout that does not add up is an EngineError
 * `damaged`, whatever the bytes are.
 */
export class RecordReader {
  readonly bytes: Uint8Array
  readonly #view: DataView
  readonly #frame: StoredFrame
  readonly #flagsKnown: number
  #read = 0
  #end = 0
  #flags = 0
  #hashOffset = 0
  /** Index of the current record in its commit. */
  index = -1
  /** Where the current record begins. */
  offset = 0
  keyOffset = 0
  /** 0 when the key is empty, and also when it is absent: see `hasKey`. */
  keyLength = 0
  dataOffset = 0
  dataLength = 0
  /** Where the seal stands, if `isSealed`. */
  sealOffset = 0

  /** Records of the frame below index `fromIndex` are passed over by the first `next`. */
  constructor(frame: StoredFrame, fromIndex = 0) {
    this.bytes = frame.bytes
    this.#frame = frame
    this.#flagsKnown = frame.isOpened === true ? FLAGS_KNOWN | FLAG_OPENED : FLAGS_KNOWN
    this.#view = new DataView(frame.bytes.buffer, frame.bytes.byteOffset, frame.bytes.byteLength)
    while (this.#read < frame.records && frame.firstIndex + this.#read < fromIndex) this.#step()
  }

  next(): boolean {
    if (this.#read === this.#frame.records) {
      if (this.#end !== this.bytes.length) this.#damaged(`ends at byte ${this.#end} of ${this.bytes.length}`)
      return false
    }
    this.#step()
    return true
  }

  get hasKey(): boolean {
    return (this.#flags & FLAG_KEY_ABSENT) === 0
  }

  /** The partition key, or `undefined` if the record has none. */
  get key(): string | undefined {
    if (!this.hasKey) return undefined
    const { buffer, byteOffset } = this.bytes
    return Buffer.from(buffer, byteOffset + this.keyOffset, this.keyLength).toString('utf8')
  }

  /** The data cannot be read as it stands. */
  get isSealed(): boolean {
    return (this.#flags & FLAG_SEALED) !== 0
  }

  /**
   * Whether the data was stored sealed. To be asked before it is read: data that is sealed still, because it is not what
   * was sealed there or because nobody here knows its key, is an EngineError `damaged`.
   */
  get isEncrypted(): boolean {
    const flags = this.#flags
    if ((flags & (FLAG_SEALED | FLAG_OPENED)) === 0) return false
    if ((flags & FLAG_SEALED) !== 0) this.#damaged(STILL_SEALED)
    return true
  }

  get explicitHash(): bigint | undefined {
    if ((this.#flags & FLAG_EXPLICIT_HASH) === 0) return undefined
    return (this.#view.getBigUint64(this.#hashOffset) << 64n) | this.#view.getBigUint64(this.#hashOffset + 8)
  }

  /** A view of the data: lent as long as the frame is. */
  get data(): Uint8Array {
    return this.bytes.subarray(this.dataOffset, this.dataOffset + this.dataLength)
  }

  #step(): void {
    const start = this.#end
    const length = this.bytes.length
    this.index = this.#frame.firstIndex + this.#read
    if (start + HEADER_BYTES > length) this.#damaged(`begins at byte ${start} of ${length}: no room for its header`)
    const dataLength = this.#view.getUint32(start, true)
    const keyLength = this.#view.getUint16(start + 4, true)
    const flags = this.#view.getUint16(start + 6, true)
    if ((flags & ~this.#flagsKnown) !== 0) this.#damaged(`has flags 0x${flags.toString(16)}, not all of them known`)
    if ((flags & FLAG_KEY_ABSENT) !== 0 && keyLength !== 0) this.#damaged(`has no key, but a key of ${keyLength} bytes`)
    let offset = start + HEADER_BYTES
    this.#hashOffset = offset
    if ((flags & FLAG_EXPLICIT_HASH) !== 0) offset += HASH_BYTES
    if ((flags & FLAG_EXTENSION) !== 0) {
      if (offset + EXTENSION_LENGTH_BYTES > length) this.#damaged(`has no room for its extension at byte ${offset}`)
      const extensionLength = this.#view.getUint16(offset, true)
      offset += EXTENSION_LENGTH_BYTES
      this.sealOffset = offset
      if ((flags & FLAG_SEALED) !== 0 && extensionLength < SEAL_BYTES)
        this.#damaged(`is sealed, with a seal of ${extensionLength} bytes`)
      offset += extensionLength
    } else if ((flags & FLAG_SEALED) !== 0) {
      this.#damaged('is sealed, without a seal')
    }
    this.#end = offset + keyLength + dataLength
    if (this.#end > length) this.#damaged(`ends at byte ${this.#end}, beyond the ${length} bytes of its frame`)
    this.offset = start
    this.#flags = flags
    this.keyOffset = offset
    this.keyLength = keyLength
    this.dataOffset = offset + keyLength
    this.dataLength = dataLength
    this.#read++
  }

  #damaged(found: string): never {
    throw new EngineError('damaged', `record ${this.index} of commit ${this.#frame.commit} ${found}`)
  }
}

/** Says, of a frame that is a copy of one's own, that the data of a record is plain now. */
export function markOpened(bytes: Uint8Array, offset: number): void {
  const flags = bytes[offset + FLAGS_OFFSET] ?? 0
  bytes[offset + FLAGS_OFFSET] = (flags & ~FLAG_SEALED) | FLAG_OPENED
}
