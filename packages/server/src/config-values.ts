/**
 * How the text of an option becomes its value. Each throws ConfigError with what was expected and found; config.ts
 * adds where. What comes later says what it waits for.
 */
import { type AuthMode, authModes } from './auth/authenticate.ts'
import { ConfigError } from './config-error.ts'
import { nearest } from '@millrace/std'
import type { ServerOptions, StreamToCreate } from './server.ts'

/** What a message repeats of a wrong value. */
const SHOWN_MAX = 60

export function integer(text: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  return wrong(`a whole number from ${min} to ${max}`, text)
}

export function oneOf<T extends string>(text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text)
  if (found !== undefined) return found
  const near = nearest(text, known)
  return wrong(known.join(', '), text, near === undefined ? '' : `; did you mean ${near}?`)
}

const UNIT_MIB = 2 ** 20

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  kib: 2 ** 10,
  mib: UNIT_MIB,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
}

/** `1048576`, `256MiB`, `20 GB`; of at least `min`. */
export function bytes(text: string, min = 0): number {
  const match = /^(\d{1,15}(?:\.\d+)?)\s*([kmgt]i?b)?$/i.exec(text.trim())
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()]
  const value = match === null || unit === undefined ? Number.NaN : Math.floor(Number(match[1]) * unit)
  if (!Number.isSafeInteger(value)) return wrong('a number of bytes, like 1048576, 256MiB or 20GB', text)
  return value >= min ? value : wrong(`at least ${min / UNIT_MIB}MiB`, text)
}

export function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** `*`, or what browsers send as Origin: never a path, and never a port that goes without saying. */
export function origins(text: string): readonly string[] {
  for (const item of list(text))
    if (item !== '*' && !isOrigin(item)) return wrong('*, or origins like https://console.example.org', item)
  return list(text)
}

function isOrigin(text: string): boolean {
  if (!/^https?:/i.test(text)) return /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+$/.test(text)
  return URL.canParse(text) && new URL(text).origin === text
}

export function engine(text: string): void {
  if (text === 'embedded') return
  if (/^nats:/i.test(text)) later('the cluster engine on NATS JetStream', '--engine embedded')
  wrong('embedded', text)
}

export function auth(text: string): AuthMode {
  return oneOf(text, authModes)
}

export function apiLimits(text: string): 'aws' | 'off' {
  return oneOf(text, ['aws', 'off'])
}

const limitNames = {
  'write-bytes': 'writeBytes',
  'write-records': 'writeRecords',
  'read-bytes': 'readBytes',
  reads: 'reads',
  'subscription-bytes': 'subscriptionBytes',
} as const

export function shardLimits(text: string): NonNullable<ServerOptions['shardLimits']> {
  if (text === 'aws' || text === 'off') return text
  const limits: { -readonly [K in (typeof limitNames)[keyof typeof limitNames]]?: number } = {}
  for (const [name, value] of pairs(
    text,
    'aws, off, or write-bytes=…,write-records=…,read-bytes=…,reads=…,subscription-bytes=…',
  )) {
    const key = oneOf(name, Object.keys(limitNames) as (keyof typeof limitNames)[])
    limits[limitNames[key]] = key.endsWith('bytes') ? bytes(value) : integer(value, 1, 1_000_000_000)
  }
  return limits
}

const quotaNames = {
  shards: 'shards',
  'on-demand-streams': 'onDemandStreams',
  'on-demand-shards': 'onDemandShards',
  scalings: 'scalings',
  'mode-changes': 'modeChanges',
  'encryption-changes': 'encryptionChanges',
  consumers: 'consumers',
} as const satisfies Record<string, keyof NonNullable<ServerOptions['quotas']>>

export function quotas(text: string): NonNullable<ServerOptions['quotas']> {
  const found = pairs(text, 'shards=…').map(([name, value]) => [
    quotaNames[oneOf(name, Object.keys(quotaNames) as (keyof typeof quotaNames)[])],
    value === 'off' ? Infinity : integer(value, 1, 1_000_000),
  ])
  return Object.fromEntries(found)
}

/**
 * `orders:4,clicks,taps:on-demand,far:2:us-west-2`: a stream without a number has one shard, one without a region is in
 * the server's. A map in a file comes as `orders=4`.
 */
export function streams(text: string): readonly StreamToCreate[] {
  return list(text).map((item) => {
    const [name = '', count = '', where, ...rest] = item.split(/[:=]/)
    if (!/^[\w.-]{1,128}$/.test(name) || rest.length > 0) {
      return wrong('streams like orders:4,clicks:on-demand, with names of letters, digits, _, . and -', item)
    }
    return {
      name,
      ...(count === 'on-demand' ? {} : { shards: count === '' ? 1 : integer(count, 1, 100_000) }),
      ...(where === undefined ? {} : { region: region(where) }),
    }
  })
}

export function testKit(text: string): ServerOptions['testKit'] {
  if (text === 'off') return undefined
  if (text === 'on') return { http: true }
  const seed = /^seed=(.*)$/.exec(text)?.[1]
  return seed === undefined ? wrong('on, off or seed=N', text) : { http: true, seed: integer(seed, 0, 2 ** 31 - 1) }
}

export function account(text: string): string {
  return /^\d{12}$/.test(text) ? text : wrong('12 digits', text)
}

export function region(text: string): string {
  return /^[A-Za-z0-9-]{1,64}$/.test(text) ? text : wrong('a region like us-east-1', text)
}

function pairs(text: string, expected: string): (readonly [string, string])[] {
  return list(text).map((item) => {
    const equals = item.indexOf('=')
    if (equals <= 0) return wrong(expected, item)
    return [item.slice(0, equals).trim(), item.slice(equals + 1).trim()] as const
  })
}

function wrong(expected: string, found: string, hint = ''): never {
  const shown = found.length > SHOWN_MAX ? `${found.slice(0, SHOWN_MAX)}…` : found
  throw new ConfigError(`expected ${expected}, found '${shown}'${hint}`)
}

function later(what: string, instead: string): never {
  throw new ConfigError(`this waits for ${what}, which this version does not have yet; use ${instead}`)
}
