/**
 * Where things stand in metadata. All keys share a prefix, so that one watch tells of every change, whole. Names of
 * streams, accounts and regions contain no slash.
 *
 *     catalog/streams/<account>/<region>/<name>/root         settings and change in progress
 *     catalog/streams/<account>/<region>/<name>/shards/0007  shards 448 … 511
 *     catalog/streams/<account>/<region>/<name>/consumers/<name of the consumer>
 *     catalog/streams/<account>/<region>/<name>/channels/<id of the channel>
 *     catalog/streams/<account>/<region>/<name>/data-keys    what its records were sealed with, wrapped
 *     catalog/last-births/<account>/<region>/<name>          where a deleted stream's births ended
 *     catalog/next-ref                                       the next ShardRef
 *     catalog/token-key                                      what iterators and NextTokens are sealed with
 */
import type { StreamKey } from '../streams/stream.ts'

export const CATALOG_PREFIX = 'catalog/'
export const NEXT_REF_KEY = 'catalog/next-ref'
export const TOKEN_KEY_KEY = 'catalog/token-key'
const STREAMS_PREFIX = 'catalog/streams/'
const LAST_BIRTHS_PREFIX = 'catalog/last-births/'

/** One text for one stream: also the key of maps in memory. */
export function streamId({ account, region, name }: StreamKey): string {
  return `${account}/${region}/${name}`
}

export function streamPrefix(key: StreamKey): string {
  return `${STREAMS_PREFIX}${streamId(key)}/`
}

export function rootKey(key: StreamKey): string {
  return `${streamPrefix(key)}root`
}

export function pageKey(key: StreamKey, page: number): string {
  return `${streamPrefix(key)}shards/${String(page).padStart(4, '0')}`
}

/** What a stream has several of, each in a document of its own. */
export const FAMILIES = ['consumers', 'channels'] as const
export type Family = (typeof FAMILIES)[number]

export function itemKey(key: StreamKey, family: Family, item: string): string {
  return `${streamPrefix(key)}${family}/${item}`
}

export function dataKeysKey(key: StreamKey): string {
  return `${streamPrefix(key)}data-keys`
}

export function lastBirthKey(key: StreamKey): string {
  return `${LAST_BIRTHS_PREFIX}${streamId(key)}`
}

/** What a key of metadata is about; `undefined` for keys that are not the catalog's. */
export type ParsedKey =
  | { readonly kind: 'root' | 'data-keys' | 'last-birth'; readonly stream: StreamKey }
  | { readonly kind: 'page'; readonly stream: StreamKey; readonly page: number }
  | { readonly kind: 'item'; readonly stream: StreamKey; readonly family: Family; readonly item: string }
  | { readonly kind: 'next-ref' | 'token-key' }

export function parseKey(key: string): ParsedKey | undefined {
  if (key === NEXT_REF_KEY) return { kind: 'next-ref' }
  if (key === TOKEN_KEY_KEY) return { kind: 'token-key' }
  const [, family, account, region, name, part, item] = key.split('/')
  if (account === undefined || region === undefined || name === undefined) return undefined
  const stream = { account, region, name }
  if (family === 'last-births') return { kind: 'last-birth', stream }
  if (family !== 'streams') return undefined
  if (part === 'root' || part === 'data-keys') return { kind: part, stream }
  if (item === undefined) return undefined
  if (part === 'shards') return { kind: 'page', stream, page: Number(item) }
  const known = FAMILIES.find((each) => each === part)
  return known === undefined ? undefined : { kind: 'item', stream, family: known, item }
}
