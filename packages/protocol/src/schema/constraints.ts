/**
 * Checks decoded values against the declared constraints and reports in the service's words (KINESIS.md §6): one
 * message with at most ten parts. Members are visited in the order in which the schema lists them.
 */
import { KinesisError } from '../errors.ts'
import { printable } from './printable.ts'
import type { Member, Schema, StringSchema, StructureSchema } from './schema.ts'

/** Parts of one message. The service stops there too. */
const PARTS_MAX = 10
/**
 * UTF-16 units up to which a pattern is tried. Patterns with several wildcards take quadratic time; what is longer
 * than this already violates the length of every member that has such a pattern.
 */
const MATCHED_MAX = 4096

type Values = Readonly<Record<string, unknown>>

/** Throws a ValidationException unless all constraints hold. */
export function checkConstraints(schema: StructureSchema, value: Values): void {
  const parts: string[] = []
  checkMembers(schema.members, value, '', parts)
  if (parts.length === 0) return
  const count = `${parts.length} validation error${parts.length === 1 ? '' : 's'} detected: `
  throw new KinesisError('ValidationException', count + parts.join('; '))
}

function checkMembers(members: readonly Member[], value: Values, prefix: string, parts: string[]): void {
  for (const member of members) {
    const memberValue = value[member.name]
    if (memberValue !== undefined) checkValue(member.schema, memberValue, prefix + member.path, parts)
    else if (member.required) report(parts, 'Value null', prefix + member.path, 'Member must not be null')
    if (parts.length >= PARTS_MAX) return
  }
}

function checkValue(schema: Schema, value: unknown, path: string, parts: string[]): void {
  const broken: string[] = []
  brokenBy(schema, value, broken)
  if (broken.length > 0) {
    const printed = printValue(schema, value)
    for (const constraint of broken) report(parts, printed, path, constraint)
  }
  if (parts.length >= PARTS_MAX) return
  if (schema.kind === 'structure') checkMembers(schema.members, value as Values, `${path}.`, parts)
  if (schema.kind === 'list') checkElements(schema.element, value as readonly unknown[], path, parts)
}

function checkElements(element: Schema, values: readonly unknown[], path: string, parts: string[]): void {
  if (element.kind !== 'structure' && element.kind !== 'list') return
  for (const [index, value] of values.entries()) {
    const elementPath = `${path}.${index + 1}.member`
    if (value === undefined) report(parts, 'Value null', elementPath, 'Member must not be null')
    else checkValue(element, value, elementPath, parts)
    if (parts.length >= PARTS_MAX) return
  }
}

/** The constraints that `value` itself breaks: not those of members and of elements with a path of their own. */
function brokenBy(schema: Schema, value: unknown, broken: string[]): void {
  switch (schema.kind) {
    case 'string':
      brokenByString(schema, value as string, broken)
      return
    case 'integer':
    case 'long': {
      const number = value as number
      if (schema.min !== undefined && number < schema.min) broken.push(atLeast('value', schema.min))
      if (schema.max !== undefined && number > schema.max) broken.push(atMost('value', schema.max))
      return
    }
    case 'blob':
      brokenByLength(schema, (value as Uint8Array).length, broken)
      return
    case 'list': {
      const elements = value as readonly unknown[]
      brokenByLength(schema, elements.length, broken)
      if (elements.some((element) => !holds(schema.element, element))) {
        broken.push(`Member must satisfy constraint: ${describe(schema.element)}`)
      }
      return
    }
    case 'map': {
      const entries = value as Readonly<Record<string, unknown>>
      const keys = Object.keys(entries)
      brokenByLength(schema, keys.length, broken)
      if (keys.some((key) => !holds(schema.key, key))) {
        broken.push(`Map keys must satisfy constraint: ${describe(schema.key)}`)
      }
      if (keys.some((key) => !holds(schema.value, entries[key]))) {
        broken.push(`Map value must satisfy constraint: ${describe(schema.value)}`)
      }
    }
  }
}

function brokenByString(schema: StringSchema, value: string, broken: string[]): void {
  if (schema.values !== undefined && !schema.values.includes(value)) broken.push(enumText(schema.values))
  if (schema.matcher !== undefined && value.length <= MATCHED_MAX && !schema.matcher.test(value)) {
    broken.push(patternText(schema))
  }
  brokenByLength(schema, value.length, broken)
}

function brokenByLength(schema: { readonly min?: number; readonly max?: number }, length: number, broken: string[]) {
  if (schema.min !== undefined && length < schema.min) broken.push(atLeast('length', schema.min))
  if (schema.max !== undefined && length > schema.max) broken.push(atMost('length', schema.max))
}

/** Whether a scalar keeps its constraints; elements with a path of their own are not judged here. */
function holds(schema: Schema, value: unknown): boolean {
  if (schema.kind === 'structure' || schema.kind === 'list') return true
  if (value === undefined) return false
  const broken: string[] = []
  brokenBy(schema, value, broken)
  return broken.length === 0
}

/** All constraints of an element, the upper bound first, as the service lists them. */
function describe(schema: Schema): string {
  const texts: string[] = []
  if (schema.kind === 'string' || schema.kind === 'blob') {
    if (schema.max !== undefined) texts.push(atMost('length', schema.max))
    if (schema.min !== undefined) texts.push(atLeast('length', schema.min))
  }
  if (schema.kind === 'integer' || schema.kind === 'long') {
    if (schema.max !== undefined) texts.push(atMost('value', schema.max))
    if (schema.min !== undefined) texts.push(atLeast('value', schema.min))
  }
  if (schema.kind === 'string') {
    if (schema.matcher !== undefined) texts.push(patternText(schema))
    if (schema.values !== undefined) texts.push(enumText(schema.values))
  }
  return `[${texts.length === 0 ? 'Member must not be null' : texts.join(', ')}]`
}

/** Blobs and lists are no longer printed; scalars and maps are (KINESIS.md §6, the newer form). */
function printValue(schema: Schema, value: unknown): string {
  if (schema.kind === 'blob' || schema.kind === 'list') return 'Value'
  if (schema.kind !== 'map') return `Value '${printable(String(value))}'`
  const entries = Object.entries(value as Readonly<Record<string, unknown>>)
  return `Value '{${printable(entries.map(([key, entry]) => `${key}=${String(entry)}`).join(', '))}}'`
}

function report(parts: string[], printed: string, path: string, constraint: string): void {
  if (parts.length < PARTS_MAX) parts.push(`${printed} at '${path}' failed to satisfy constraint: ${constraint}`)
}

function atLeast(what: 'value' | 'length', bound: number): string {
  return `Member must have ${what} greater than or equal to ${bound}`
}

function atMost(what: 'value' | 'length', bound: number): string {
  return `Member must have ${what} less than or equal to ${bound}`
}

function patternText(schema: StringSchema): string {
  return `Member must satisfy regular expression pattern: ${schema.pattern}`
}

function enumText(values: readonly string[]): string {
  return `Member must satisfy enum value set: [${values.join(', ')}]`
}
