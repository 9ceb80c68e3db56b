/**
 * Streams as metadata documents, and back: JSON, so that `millrace dump` can show it. A root holds settings and the
 * change in progress; shards stand in pages. Hash keys are decimal text. `v` is the version of the form: a higher one
 * is refused by the name of its document, since a newer server may have meant something we would lose.
 */
import { assert } from '@millrace/std'

import type { HashKeyRange, Shard } from '../streams/shard.ts'
import type { DataKey } from '../streams/encryption.ts'
import type { Stream, StreamKey } from '../streams/stream.ts'

const VERSION = 1

/** A stream without what stands in documents of its own. */
export type StreamRoot = Omit<Stream, 'pages' | 'consumers' | 'channels' | 'dataKeys'>

type Json = Readonly<Record<string, unknown>>

export function encodeRoot(stream: StreamRoot): Uint8Array {
  const {
    account: _account,
    region: _region,
    name: _name,
    pages: _pages,
    consumers: _consumers,
    channels: _channels,
    dataKeys: _keys,
    ...settings
  } = stream as Stream
  return encode(settings)
}

export function decodeRoot(name: string, key: StreamKey, bytes: Uint8Array): StreamRoot {
  const document = decode(name, bytes)
  const root = {
    shardLevelMetrics: [],
    ...document,
    account: key.account,
    region: key.region,
    name: key.name,
  } as unknown as StreamRoot
  if (root.change?.kind !== 'reshard') return root
  const children = root.change.children.map((child) => ({ ...child, range: decodeRange(child.range) }))
  return { ...root, change: { ...root.change, children } }
}

export function encodePage(shards: readonly Shard[]): Uint8Array {
  return encode({ shards })
}

export function decodePage(name: string, bytes: Uint8Array): readonly Shard[] {
  const { shards } = decode(name, bytes) as unknown as { readonly shards: readonly Shard[] }
  return shards.map((shard) => ({ ...shard, range: decodeRange(shard.range) }))
}

export function encodeDataKeys(dataKeys: readonly DataKey[]): Uint8Array {
  return encode({ dataKeys })
}

export function decodeDataKeys(name: string, bytes: Uint8Array): readonly DataKey[] {
  return decode(name, bytes)['dataKeys'] as readonly DataKey[]
}

/** Any other document that is only texts, numbers and truth values. */
export function encodeDocument(document: object): Uint8Array {
  return encode(document)
}

export function decodeDocument<T>(name: string, bytes: Uint8Array): T {
  return decode(name, bytes) as T
}

export function encodeNumber(value: number): Uint8Array {
  return encode({ value })
}

export function decodeNumber(name: string, bytes: Uint8Array): number {
  return Number(decode(name, bytes)['value'])
}

function encode(document: object): Uint8Array {
  return Buffer.from(
    JSON.stringify({ v: VERSION, ...document }, (_, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : value,
    ),
  )
}

function decode(name: string, bytes: Uint8Array): Json {
  const { v, ...document } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Json
  assert(
    v === VERSION,
    `${name}: this metadata has version ${String(v)}; this server reads ${VERSION}: use a newer one`,
  )
  return document
}

function decodeRange(range: HashKeyRange): HashKeyRange {
  return { start: BigInt(range.start), end: BigInt(range.end) }
}
