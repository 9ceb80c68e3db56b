/** Aggregated records as producer libraries make them (CLIENTS.md §2.1). */
import { createHash } from 'node:crypto'

export interface Aggregated {
  readonly key: string
  readonly hashKey?: string
  readonly data?: Uint8Array
}

/** Tables are not shared here: each record has its own keys. */
export function aggregate(records: readonly Aggregated[]): Buffer {
  const keys = records.map(({ key }) => field(1, Buffer.from(key)))
  const hashKeys = records.flatMap(({ hashKey }) => (hashKey === undefined ? [] : [field(2, Buffer.from(hashKey))]))
  let hashKeyAt = 0
  const bodies = records.map(({ hashKey, data = Buffer.alloc(1) }, i) => {
    const place = hashKey === undefined ? [] : [0x10, ...varint(hashKeyAt++)]
    return field(3, Buffer.concat([Buffer.from([0x08, ...varint(i), ...place]), field(3, data)]))
  })
  const message = Buffer.concat([...keys, ...hashKeys, ...bodies])
  return Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, createHash('md5').update(message).digest()])
}

function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, ...varint(bytes.length)]), bytes])
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
}
