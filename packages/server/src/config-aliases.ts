/**
 * Variables that users of other doubles of Kinesis have set already, taken where they mean what an option of ours
 * means (docs/testing-your-application.md lists them). They rank behind our own variables, and what cannot be understood is told
 * and passed over: some of these names belong to everybody.
 */
import { parseDuration } from '@millrace/std'

import type { Fault } from './test-kit/fault.ts'

export interface AliasedOption {
  readonly variables: readonly string[]
  /** As the option's flag has it. */
  readonly text: string
}

export interface Aliases {
  /** By the option's name. */
  readonly options: ReadonlyMap<string, AliasedOption>
  /** The share of puts that are throttled. */
  readonly errorProbability: { readonly variable: string; readonly probability: number } | undefined
  readonly warnings: readonly string[]
}

interface Alias {
  readonly variable: string
  readonly option: string
  /** The option's text; undefined: not understood. */
  readonly textOf: (value: string) => string | undefined
  /** For people. */
  readonly expected: string
}

const COUNT_MAX = 1_000_000

const durations = [
  'CREATE_STREAM',
  'DELETE_STREAM',
  'REGISTER_STREAM_CONSUMER',
  'DEREGISTER_STREAM_CONSUMER',
  'START_STREAM_ENCRYPTION',
  'STOP_STREAM_ENCRYPTION',
  'MERGE_SHARDS',
  'SPLIT_SHARD',
  'UPDATE_SHARD_COUNT',
  'UPDATE_STREAM_MODE',
].map((change) => alias(`${change}_DURATION`, 'status-delay-ms', durationText, 'a length of time like 500ms'))

/** kinesis-mock and kinesis-local; those that begin with KINESIS_ are LocalStack's, but for the port. */
const aliases: readonly Alias[] = [
  alias('KINESIS_INITIALIZE_STREAMS', 'create-streams', (value) => value, 'streams'),
  alias('KINESIS_MOCK_PLAIN_PORT', 'port', (value) => value, 'a port'),
  alias('SHARD_LIMIT', 'quota', quota('shards'), 'a whole number'),
  alias('KINESIS_SHARD_LIMIT', 'quota', quota('shards'), 'a whole number or Infinity'),
  alias('ON_DEMAND_STREAM_COUNT_LIMIT', 'quota', quota('on-demand-streams'), 'a whole number'),
  alias('KINESIS_ON_DEMAND_STREAM_COUNT_LIMIT', 'quota', quota('on-demand-streams'), 'a whole number or Infinity'),
  ...durations,
  alias('KINESIS_LATENCY', 'status-delay-ms', (value) => whole(value), 'milliseconds'),
  alias('LOG_LEVEL', 'log-level', logLevel, 'trace, debug, info, warn or error'),
]

const ERROR_PROBABILITY = 'KINESIS_ERROR_PROBABILITY'

export const aliasVariables: readonly string[] = [...aliases.map(({ variable }) => variable), ERROR_PROBABILITY]

export function readAliases(environment: Readonly<Record<string, string | undefined>>): Aliases {
  const options = new Map<string, AliasedOption>()
  const warnings: string[] = []
  for (const { variable, option, textOf, expected } of aliases) {
    const value = environment[variable]?.trim() ?? ''
    if (value === '') continue
    const text = textOf(value)
    if (text === undefined) {
      warnings.push(`${variable} has no effect as --${option}: expected ${expected}, found '${value.slice(0, 60)}'`)
      continue
    }
    const before = options.get(option)
    options.set(option, {
      variables: [...(before?.variables ?? []), variable],
      text: before === undefined ? text : together(option, before.text, text),
    })
  }
  const given = environment[ERROR_PROBABILITY]?.trim() ?? ''
  const probability = given === '' ? 0 : Number(given)
  if (!(probability >= 0 && probability <= 1))
    warnings.push(`${ERROR_PROBABILITY} has no effect: expected a number from 0 to 1, found '${given.slice(0, 60)}'`)
  const isSet = probability > 0 && probability <= 1
  return { options, errorProbability: isSet ? { variable: ERROR_PROBABILITY, probability } : undefined, warnings }
}

/** What LocalStack makes of its error probability. */
export function throttledPuts(probability: number): Fault {
  return { operation: ['PutRecord', 'PutRecords'], kind: 'throttle', probability }
}

/** We show one delay for all changes: the longest that was asked for. Else the first counts. */
function together(option: string, first: string, second: string): string {
  if (option === 'quota') return `${second},${first}`
  return option === 'status-delay-ms' ? String(Math.max(Number(first), Number(second))) : first
}

function alias(variable: string, option: string, textOf: Alias['textOf'], expected: string): Alias {
  return { variable, option, textOf, expected }
}

function quota(name: string): Alias['textOf'] {
  return (value) => {
    const count = value === 'Infinity' ? String(COUNT_MAX) : whole(value)
    return count && `${name}=${count}`
  }
}

function whole(value: string): string | undefined {
  return /^\d{1,9}$/.test(value) ? value : undefined
}

/** Also as Scala prints them, `500 milliseconds`. */
function durationText(value: string): string | undefined {
  const compact = value
    .replace(/\s+/g, '')
    .replace(/milli(second)?s?$/, 'ms')
    .replace(/sec(ond)?s?$/, 's')
    .replace(/min(ute)?s?$/, 'm')
  const ms = parseDuration(compact)
  return ms === undefined ? undefined : String(Math.ceil(ms))
}

function logLevel(value: string): string | undefined {
  const level = value.toLowerCase()
  if (level === 'trace') return 'debug'
  return ['debug', 'info', 'warn', 'error'].includes(level) ? level : undefined
}
