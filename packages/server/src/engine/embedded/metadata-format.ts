/**
 * Metadata as bytes: a change as it stands in ledger 0 of the log, and the whole map as a snapshot. Drawn in
 * docs/formats/metadata.md. All numbers are little-endian; the log's checksums cover both.
 *
 *     change   = version u16 · count u16 · count × { expect u64 · key length u16 · flags u16 · value length u32 · key · value }
 *     snapshot = version u16 · zero u16 · count u32 · count × { revision u64 · key length u16 · zero u16 · value length u32 · key · value }
 *
 * A change keeps what it expects, so that whether it takes effect is decided by its place in the log, the same way at
 * every replay.
 */
import { EngineError, type MetaChange, type MetaEntry } from '../engine.ts'

const VERSION = 1
const CHANGE_HEADER_BYTES = 4
const SNAPSHOT_HEADER_BYTES = 8
const ITEM_HEADER_BYTES = 16
/** The key is deleted; there is no value. */
const FLAG_DELETE = 1

export function encodeChange(changes: readonly MetaChange[]): Uint8Array {
  const keys = changes.map(({ key }) => Buffer.from(key))
  const size = changes.reduce((sum, { value }, i) => sum + itemBytes(keys[i], value), CHANGE_HEADER_BYTES)
  const bytes = Buffer.alloc(size)
  bytes.writeUInt16LE(VERSION, 0)
  bytes.writeUInt16LE(changes.length, 2)
  let offset = CHANGE_HEADER_BYTES
  changes.forEach(({ value, expect }, i) => {
    offset = writeItem(bytes, offset, expect, value === undefined ? FLAG_DELETE : 0, keys[i], value)
  })
  return bytes
}

/** The values are copies: the bytes may go. */
export function decodeChange(raw: Uint8Array): readonly MetaChange[] {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  checkHeader(bytes, CHANGE_HEADER_BYTES, 'change of metadata')
  return readItems(bytes, CHANGE_HEADER_BYTES, bytes.readUInt16LE(2)).map(({ number, flags, key, value }) => {
    return { key, value: (flags & FLAG_DELETE) === 0 ? value : undefined, expect: number }
  })
}

export function encodeSnapshot(entries: ReadonlyMap<string, MetaEntry>): Uint8Array {
  let size = SNAPSHOT_HEADER_BYTES
  for (const { key, value } of entries.values()) size += ITEM_HEADER_BYTES + Buffer.byteLength(key) + value.length
  const bytes = Buffer.alloc(size)
  bytes.writeUInt16LE(VERSION, 0)
  bytes.writeUInt32LE(entries.size, 4)
  let offset = SNAPSHOT_HEADER_BYTES
  for (const { key, value, revision } of entries.values()) {
    offset = writeItem(bytes, offset, revision, 0, Buffer.from(key), value)
  }
  return bytes
}

export function decodeSnapshot(raw: Uint8Array): Map<string, MetaEntry> {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  checkHeader(bytes, SNAPSHOT_HEADER_BYTES, 'snapshot of metadata')
  const items = readItems(bytes, SNAPSHOT_HEADER_BYTES, bytes.readUInt32LE(4))
  return new Map(items.map(({ number, key, value }) => [key, { key, value, revision: number }]))
}

function itemBytes(key: Uint8Array | undefined, value: Uint8Array | undefined): number {
  return ITEM_HEADER_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
}

function writeItem(
  bytes: Buffer,
  start: number,
  number: number,
  flags: number,
  key: Uint8Array = new Uint8Array(0),
  value: Uint8Array = new Uint8Array(0),
): number {
  bytes.writeBigUInt64LE(BigInt(number), start)
  bytes.writeUInt16LE(key.length, start + 8)
  bytes.writeUInt16LE(flags, start + 10)
  bytes.writeUInt32LE(value.length, start + 12)
  bytes.set(key, start + ITEM_HEADER_BYTES)
  bytes.set(value, start + ITEM_HEADER_BYTES + key.length)
  return start + itemBytes(key, value)
}

interface Item {
  readonly number: number
  readonly flags: number
  readonly key: string
  readonly value: Uint8Array
}

function readItems(bytes: Buffer, start: number, count: number): readonly Item[] {
  const items: Item[] = []
  let offset = start
  for (let i = 0; i < count; i++) {
    if (offset + ITEM_HEADER_BYTES > bytes.length) throw misshapen(`item ${i} of ${count} begins behind its end`)
    const keyStart = offset + ITEM_HEADER_BYTES
    const valueStart = keyStart + bytes.readUInt16LE(offset + 8)
    const end = valueStart + bytes.readUInt32LE(offset + 12)
    if (end > bytes.length) throw misshapen(`item ${i} of ${count} ends at byte ${end} of ${bytes.length}`)
    items.push({
      number: Number(bytes.readBigUInt64LE(offset)),
      flags: bytes.readUInt16LE(offset + 10),
      key: bytes.toString('utf8', keyStart, valueStart),
      value: Uint8Array.from(bytes.subarray(valueStart, end)),
    })
    offset = end
  }
  if (offset !== bytes.length) throw misshapen(`${bytes.length - offset} bytes are left over`)
  return items
}

function checkHeader(bytes: Buffer, headerBytes: number, what: string): void {
  if (bytes.length < headerBytes) throw misshapen(`a ${what} has ${bytes.length} bytes`)
  const version = bytes.readUInt16LE(0)
  if (version === VERSION) return
  throw new EngineError('damaged', `a ${what} has format ${version}; this version of Millrace reads ${VERSION}`)
}

function misshapen(found: string): EngineError {
  return new EngineError('damaged', `metadata does not add up: ${found}`)
}
