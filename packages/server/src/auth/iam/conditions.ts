/**
 * The Condition of a statement: operators over context keys, compiled. All of them must hold. A key that the request
 * does not have fails an operator, unless that is a negated one, ends in IfExists, is Null, or is for all values.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

import { compilePattern, type Context, fillIn, splitArn } from './pattern.ts'

export interface Conditions {
  readonly isConstant: boolean
  hold(context: Context): boolean
}

/** `undefined`: the two cannot be compared, which neither an operator nor its contrary accepts. */
type Test = (value: string, context: Context) => boolean | undefined
type CompileTest = (wanted: string, variables: boolean) => Test

interface Operator {
  readonly negated: boolean
  readonly compile: CompileTest
}

interface Condition {
  /** In lower case. */
  readonly key: string
  readonly holds: (context: Context) => boolean
}

const noConditions: Conditions = { isConstant: true, hold: () => true }

const strings =
  (wildcards: boolean): CompileTest =>
  (wanted, variables) => {
    const pattern = compilePattern(wanted, { wildcards, variables })
    return (value, context) => pattern.matches(value, context)
  }

const ignoringCase: CompileTest = (wanted, variables) => (value, context) => {
  const text = variables ? fillIn(wanted, context) : wanted
  return text === undefined ? undefined : text.toLowerCase() === value.toLowerCase()
}

const numbers =
  (compare: (value: number, wanted: number) => boolean): CompileTest =>
  (wanted) => {
    const number = numberOf(wanted)
    return (value) => {
      const found = numberOf(value)
      return found === undefined || number === undefined ? undefined : compare(found, number)
    }
  }

const dates =
  (compare: (value: number, wanted: number) => boolean): CompileTest =>
  (wanted) => {
    const ms = dateMsOf(wanted)
    return (value) => {
      const found = dateMsOf(value)
      return found === undefined || ms === undefined ? undefined : compare(found, ms)
    }
  }

const booleans: CompileTest = (wanted, variables) => (value, context) => {
  const text = (variables ? fillIn(wanted, context) : wanted)?.toLowerCase()
  const found = value.toLowerCase()
  return isBoolean(text) && isBoolean(found) ? text === found : undefined
}

/** Part by part: no wildcard reaches over a colon, but in the last. */
const arns: CompileTest = (wanted, variables) => {
  const parts = splitArn(wanted, 6).map((part) => compilePattern(part, { wildcards: true, variables }))
  return (value, context) => {
    const found = value.split(':')
    if (parts.length < 6 || found.length < 6) return undefined
    const resource = found.slice(5).join(':')
    let all = true
    for (const [index, part] of parts.entries()) {
      const matches = part.matches(index === 5 ? resource : (found[index] ?? ''), context)
      if (matches === undefined) return undefined
      all &&= matches
    }
    return all
  }
}

const addresses: CompileTest = (wanted) => {
  const range = rangeOf(wanted)
  return (value) => {
    const family = familyOf(value)
    return range === undefined || family === undefined ? undefined : range.check(value, family)
  }
}

const is = (compile: CompileTest): Operator => ({ negated: false, compile })
const isNot = (compile: CompileTest): Operator => ({ negated: true, compile })

/** By name in lower case. */
const operators: ReadonlyMap<string, Operator> = new Map([
  ['stringequals', is(strings(false))],
  ['stringnotequals', isNot(strings(false))],
  ['stringequalsignorecase', is(ignoringCase)],
  ['stringnotequalsignorecase', isNot(ignoringCase)],
  ['stringlike', is(strings(true))],
  ['stringnotlike', isNot(strings(true))],
  ['numericequals', is(numbers((value, wanted) => value === wanted))],
  ['numericnotequals', isNot(numbers((value, wanted) => value === wanted))],
  ['numericlessthan', is(numbers((value, wanted) => value < wanted))],
  ['numericlessthanequals', is(numbers((value, wanted) => value <= wanted))],
  ['numericgreaterthan', is(numbers((value, wanted) => value > wanted))],
  ['numericgreaterthanequals', is(numbers((value, wanted) => value >= wanted))],
  ['dateequals', is(dates((value, wanted) => value === wanted))],
  ['datenotequals', isNot(dates((value, wanted) => value === wanted))],
  ['datelessthan', is(dates((value, wanted) => value < wanted))],
  ['datelessthanequals', is(dates((value, wanted) => value <= wanted))],
  ['dategreaterthan', is(dates((value, wanted) => value > wanted))],
  ['dategreaterthanequals', is(dates((value, wanted) => value >= wanted))],
  ['bool', is(booleans)],
  ['ipaddress', is(addresses)],
  ['notipaddress', isNot(addresses)],
  ['arnequals', is(arns)],
  ['arnlike', is(arns)],
  ['arnnotequals', isNot(arns)],
  ['arnnotlike', isNot(arns)],
])

/**
 * One operator with its key and values, or `undefined` if there is no operator of that name: `StringEquals`,
 * `StringLikeIfExists`, `ForAnyValue:StringEquals`, `Null`.
 */
export function compileCondition(
  name: string,
  key: string,
  wanted: readonly string[],
  variables: boolean,
): Condition | undefined {
  const match = /^(?:(forallvalues|foranyvalue):)?(.*?)(ifexists)?$/.exec(name.toLowerCase())
  const [, quantifier, base = '', ifExists] = match ?? []
  const lowerKey = key.toLowerCase()
  if (base === 'null') {
    const texts = new Set(wanted.map((value) => value.toLowerCase()))
    return {
      key: lowerKey,
      holds: (context) => texts.has(context(lowerKey) === undefined ? 'true' : 'false'),
    }
  }
  const operator = operators.get(base)
  if (operator === undefined) return undefined
  const { negated } = operator
  const tests = wanted.map((value) => operator.compile(value, variables))
  const accepts = (value: string, context: Context): boolean =>
    negated
      ? tests.every((test) => test(value, context) === false)
      : tests.some((test) => test(value, context) === true)
  const whenAbsent = quantifier === 'forallvalues' || (quantifier === undefined && (negated || ifExists !== undefined))
  return {
    key: lowerKey,
    holds(context) {
      const value = context(lowerKey)
      if (value === undefined) return whenAbsent
      if (quantifier === undefined) return typeof value === 'string' && accepts(value, context)
      const values = typeof value === 'string' ? [value] : value
      return quantifier === 'foranyvalue'
        ? values.some((each) => accepts(each, context))
        : values.every((each) => accepts(each, context))
    },
  }
}

export function allOf(conditions: readonly Condition[]): Conditions {
  if (conditions.length === 0) return noConditions
  return { isConstant: false, hold: (context) => conditions.every((condition) => condition.holds(context)) }
}

function numberOf(text: string): number | undefined {
  return /^[-+]?\d{1,30}(\.\d{1,30})?$/.test(text) ? Number(text) : undefined
}

/** ISO 8601, or whole seconds since the epoch. */
function dateMsOf(text: string): number | undefined {
  const ms = /^\d{5,12}$/.test(text) ? Number(text) * 1000 : Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

function isBoolean(text: string | undefined): boolean {
  return text === 'true' || text === 'false'
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  return isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined
}

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. */
function rangeOf(text: string): BlockList | undefined {
  const [address = '', prefix] = text.split('/')
  const family = familyOf(address)
  if (family === undefined) return undefined
  const bits = prefix === undefined ? (family === 'ipv4' ? 32 : 128) : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1
  if (bits < 0 || bits > (family === 'ipv4' ? 32 : 128)) return undefined
  const range = new BlockList()
  range.addSubnet(address, bits, family)
  return range
}
