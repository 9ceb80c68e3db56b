/**
 * Faults as tests write them, in code or as JSON, and how they are read: everything is checked when a fault is added,
 * since one that never applies makes a test that cannot fail.
 */
import { type ErrorType, errorTraits, operations, parseShardId, shardIdOf } from '@millrace/protocol'

import { nearest } from '@millrace/std'
import { durationMs } from './duration-ms.ts'
import { TestKitError } from './test-kit-error.ts'

/** Which requests. What is left out is any. */
interface FaultPlace {
  /** Names of the API, like `PutRecords`. */
  readonly operation?: string | readonly string[]
  /** A stream's name. */
  readonly stream?: string
  /** Like `shardId-000000000000`. Only requests that name a shard, or whose records go to it. */
  readonly shard?: string
}

/** How often, of the requests (records, events) it is for. */
interface FaultCount {
  /** How many pass before it begins. Default 0. */
  readonly skip?: number
  /** How many it strikes, and is then spent. Default: all. */
  readonly times?: number
  /** Above 0, at most 1: the share it strikes, by the kit's seed. Default 1. */
  readonly probability?: number
}

/** What happens instead. */
type FaultEffect =
  /** The rate is exceeded, as the operation says it: records of PutRecords one by one, other requests as a whole. */
  | { readonly kind: 'throttle' }
  /** 500 InternalFailure. `applied`: the operation was carried out, and only its answer is lost. Default false. */
  | { readonly kind: 'internal-failure'; readonly applied?: boolean }
  /** Any other error of the service. Default of `message`: none. */
  | { readonly kind: 'error'; readonly type: ErrorType; readonly message?: string }
  /** The request is carried out later, by the kit's clock: ms, or `2s`. At most 19 s. Several add up. */
  | { readonly kind: 'delay'; readonly for: number | string }
  /** Records of PutRecords fail one by one. Default of `code`: ProvisionedThroughputExceededException. */
  | { readonly kind: 'fail-records'; readonly code?: RecordErrorCode }
  /** GetRecords answers ExpiredIteratorException. */
  | { readonly kind: 'expire-iterator' }
  /** A subscription, new or old, is broken off in place of its next event: no exception, no end of the stream. */
  | { readonly kind: 'cut' }

export type RecordErrorCode = 'ProvisionedThroughputExceededException' | 'InternalFailure'

export type Fault = FaultPlace & FaultCount & FaultEffect
export type FaultKind = Fault['kind']

/** A fault that was checked. */
export interface FaultRule {
  readonly fault: Fault
  /** Undefined: any. */
  readonly operations: ReadonlySet<string> | undefined
  readonly shard: string | undefined
  readonly skip: number
  readonly times: number
  readonly probability: number
  /** Of a delay. */
  readonly delayMs: number
}

/** The front door gives a request up after 20 s. */
const DELAY_MS_MAX = 19_000
const COUNT_MAX = 1_000_000_000
const NAME_SHOWN_MAX = 60

const placeAndCount = ['kind', 'operation', 'stream', 'shard', 'skip', 'times', 'probability']
const members: Readonly<Record<FaultKind, readonly string[]>> = {
  throttle: [],
  'internal-failure': ['applied'],
  error: ['type', 'message'],
  delay: ['for'],
  'fail-records': ['code'],
  'expire-iterator': [],
  cut: [],
}
const onlyOperation: Partial<Record<FaultKind, string>> = {
  'fail-records': 'PutRecords',
  'expire-iterator': 'GetRecords',
  cut: 'SubscribeToShard',
}
const recordErrorCodes: readonly RecordErrorCode[] = ['ProvisionedThroughputExceededException', 'InternalFailure']
/** Operations that name a shard, or whose records go to one. */
const onShards: readonly string[] = [
  'GetRecords',
  'GetShardIterator',
  'MergeShards',
  'PutRecord',
  'PutRecords',
  'SplitShard',
  'SubscribeToShard',
]

/** Throws TestKitError: what was expected, what was found, and where. */
export function readFault(value: unknown): FaultRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('a fault', 'an object', value)
  const given = value as Readonly<Record<string, unknown>>
  const kind = oneOf(given['kind'], Object.keys(members) as FaultKind[], 'kind')
  checkNames(given, kind)
  const wanted = given['operation']
  const operationNames = wanted === undefined ? undefined : [wanted].flat()
  if (operationNames?.length === 0) throw wrong('operation', 'at least one', wanted)
  const only = onlyOperation[kind]
  const known = only === undefined ? [...operations.keys()] : [only]
  const names =
    operationNames?.map((name) => oneOf(name, known, 'operation')) ?? (only === undefined ? undefined : [only])
  const shard = given['shard'] === undefined ? undefined : shardOf(text(given['shard'], 'shard'), names)
  if (given['stream'] !== undefined) text(given['stream'], 'stream')
  checkEffect(given, kind)
  return {
    fault: { ...(value as Fault) },
    operations: names && new Set(names),
    shard,
    skip: count(given['skip'] ?? 0, 0, 'skip'),
    times: given['times'] === undefined ? Infinity : count(given['times'], 1, 'times'),
    probability: probability(given['probability'] ?? 1),
    delayMs: kind === 'delay' ? durationMs(given['for'], 1, DELAY_MS_MAX, 'for') : 0,
  }
}

function checkNames(given: Readonly<Record<string, unknown>>, kind: FaultKind): void {
  const known = [...placeAndCount, ...members[kind]]
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const hint = near === undefined ? `; it has ${known.join(', ')}` : `; did you mean ${near}?`
    throw new TestKitError(`a fault of kind ${kind} has no '${name.slice(0, NAME_SHOWN_MAX)}'${hint}`)
  }
}

function checkEffect(given: Readonly<Record<string, unknown>>, kind: FaultKind): void {
  const { applied, type, message, code } = given
  if (applied !== undefined && typeof applied !== 'boolean') throw wrong('applied', 'true or false', applied)
  if (message !== undefined) text(message, 'message')
  if (code !== undefined) oneOf(code, recordErrorCodes, 'code')
  if (kind === 'error' && errorTraits(text(type, 'type')) === undefined)
    throw wrong('type', 'an error of the service, like LimitExceededException', type)
}

function shardOf(given: string, names: readonly string[] | undefined): string {
  const number = parseShardId(given)
  if (number === undefined) throw wrong('shard', 'an id like shardId-000000000000', given)
  const none = names?.find((name) => !onShards.includes(name))
  if (none !== undefined)
    throw new TestKitError(`shard: ${none} is about no shard; leave it out, or name one of ${onShards.join(', ')}`)
  return shardIdOf(number)
}

function oneOf<T extends string>(value: unknown, known: readonly T[], where: string): T {
  const found = known.find((word) => word === value)
  if (found !== undefined) return found
  const near = typeof value === 'string' ? nearest(value, known) : undefined
  const expected = known.length > 10 ? 'an operation of the API, like PutRecords' : known.join(', ')
  throw wrong(where, expected, value, near === undefined ? '' : `; did you mean ${near}?`)
}

function text(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw wrong(where, 'a text', value)
}

function count(value: unknown, min: number, where: string): number {
  if (Number.isInteger(value) && Number(value) >= min && Number(value) <= COUNT_MAX) return Number(value)
  throw wrong(where, `a whole number from ${min} to ${COUNT_MAX}`, value)
}

function probability(value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= 1) return value
  throw wrong('probability', 'a number above 0 and at most 1', value)
}

function wrong(where: string, expected: string, found: unknown, hint = ''): TestKitError {
  const shown = found === undefined ? 'nothing' : (JSON.stringify(found) ?? typeof found).slice(0, NAME_SHOWN_MAX)
  return new TestKitError(`${where}: expected ${expected}, found ${shown}${hint}`)
}
