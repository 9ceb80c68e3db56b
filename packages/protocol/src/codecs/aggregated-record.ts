/**
 * Aggregated records: many user records in the data of one, as the Kinesis Producer Library puts them (CLIENTS.md §2.1):
 *
 *   magic F3 89 9A C2 | protobuf AggregatedRecord | MD5 of the protobuf
 *   AggregatedRecord: 1 partition keys, 2 explicit hash keys (texts, repeated), 3 records
 *   Record: 1 index of its partition key, 2 of its explicit hash key (optional), 3 data; others are passed over
 */
import { createHash } from 'node:crypto'

const MAGIC = [0xf3, 0x89, 0x9a, 0xc2]
const DIGEST_BYTES = 16
const VARINT = 0
const FIXED_64 = 1
const BYTES = 2
const FIXED_32 = 5

export interface UserRecord {
  readonly partitionKey: string
  /** Decimal text, as the producer gave it. */
  readonly explicitHashKey: string | undefined
  /** A view of the aggregated record's data. */
  readonly data: Uint8Array
}

/**
 * The user records, in order: their places are their sub-sequence numbers. `undefined`: this is no aggregated record
 * (something of it is not as it should be), and stands for itself.
 */
export function decodeAggregatedRecord(data: Uint8Array): readonly UserRecord[] | undefined {
  // Of most records it is the first byte that says so: nothing is made for them.
  if (data.length <= MAGIC.length + DIGEST_BYTES || MAGIC.some((byte, i) => data[i] !== byte)) return undefined
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const message = bytes.subarray(MAGIC.length, bytes.length - DIGEST_BYTES)
  const digest = createHash('md5').update(message).digest()
  if (!digest.equals(bytes.subarray(bytes.length - DIGEST_BYTES))) return undefined
  try {
    return userRecordsOf(message)
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

class MalformedMessage extends Error {}

interface Parsed {
  key: number | undefined
  hashKey: number | undefined
  data: Buffer | undefined
}

/** Tables may follow the records that point into them. */
function userRecordsOf(message: Buffer): readonly UserRecord[] {
  const keys: string[] = []
  const hashKeys: string[] = []
  const records: Parsed[] = []
  for (const { field, value } of fieldsOf(message)) {
    if (!(value instanceof Buffer)) continue
    if (field === 1) keys.push(value.toString('utf8'))
    else if (field === 2) hashKeys.push(value.toString('utf8'))
    else if (field === 3) records.push(recordOf(value))
  }
  return records.map(({ key, hashKey, data }) => {
    const partitionKey = key === undefined ? undefined : keys[key]
    const explicitHashKey = hashKey === undefined ? undefined : hashKeys[hashKey]
    if (partitionKey === undefined || data === undefined || (hashKey !== undefined && explicitHashKey === undefined))
      throw new MalformedMessage()
    return { partitionKey, explicitHashKey, data }
  })
}

function recordOf(message: Buffer): Parsed {
  const record: Parsed = { key: undefined, hashKey: undefined, data: undefined }
  for (const { field, value } of fieldsOf(message)) {
    if (field === 1 && typeof value === 'number') record.key = value
    else if (field === 2 && typeof value === 'number') record.hashKey = value
    else if (field === 3 && value instanceof Buffer) record.data = value
  }
  return record
}

interface Field {
  readonly field: number
  /** Of fields of other kinds, nothing is said. */
  readonly value: number | Buffer | undefined
}

function* fieldsOf(message: Buffer): Generator<Field, void> {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]
      // Ten bytes hold 64 bits. Indexes and lengths beyond 2^53 lead nowhere in any case.
      if (byte === undefined || scale > 128 ** 9) throw new MalformedMessage()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  const take = (length: number): Buffer => {
    if (length > message.length - at) throw new MalformedMessage()
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const tag = varint()
    const field = Math.floor(tag / 8)
    switch (tag % 8) {
      case VARINT:
        yield { field, value: varint() }
        break
      case BYTES:
        yield { field, value: take(varint()) }
        break
      case FIXED_64:
        take(8)
        yield { field, value: undefined }
        break
      case FIXED_32:
        take(4)
        yield { field, value: undefined }
        break
      default:
        throw new MalformedMessage()
    }
  }
}
