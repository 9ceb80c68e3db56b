/** Our shapes, written by hand, against two outside sources: the installed SDK's schemas and facts of the model. */
import { readdirSync, readFileSync } from 'node:fs'
import * as sdk from '@aws-sdk/client-kinesis'
import { describe, expect, it } from 'vitest'
import type { Operation } from '../operation.ts'
import type { Schema, StructureSchema } from '../schema/schema.ts'
import { operations } from './registry.ts'

interface Facts {
  readonly operations: Readonly<
    Record<
      string,
      { readonly input: string | null; readonly output: string | null; readonly errors: readonly string[] }
    >
  >
  readonly structures: Readonly<
    Record<string, { readonly required: readonly string[]; readonly members: Readonly<Record<string, unknown>> }>
  >
}

const model = JSON.parse(readFileSync(new URL('../testing/model-facts.json', import.meta.url), 'utf8')) as Facts

const all = [...operations.values()]

describe('the registry', () => {
  it('holds each operation under its own name, and only operations of the model', () => {
    for (const [name, operation] of operations) {
      expect(operation.name).toBe(name)
      expect(Object.keys(model.operations)).toContain(name)
    }
  })

  // A new version of either may bring a 46th: then the other, the facts and the ledger have to follow.
  it('knows of the same operations as the installed SDK', () => {
    const commands = Object.keys(sdk)
      .filter((name) => /^[A-Z]\w+Command$/.test(name))
      .map((name) => name.slice(0, -'Command'.length))
    expect(commands.sort()).toEqual(Object.keys(model.operations).sort())
  })

  it('holds every operation that has a file', () => {
    const files = readdirSync(new URL('.', import.meta.url)).filter(
      (file) => !/^registry|shapes\.ts$|\.test\.ts$/.test(file),
    )
    const names = files.map((file) =>
      file.replace('.ts', '').replaceAll(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase()),
    )
    expect([...operations.keys()].sort()).toEqual(names.sort())
  })
})

describe.each(all)('$name', (operation: Operation) => {
  it('declares the shapes and errors of the model', () => {
    const facts = model.operations[operation.name]
    expect({
      input: operation.input.name,
      output: operation.output?.name ?? null,
      errors: [...operation.errors].sort(),
    }).toEqual(facts)
  })

  it.each(structuresOf(operation))('has the members and constraints of the model in $name', (structure) => {
    expect(factsOf(structure)).toEqual(model.structures[structure.name])
  })

  it.each(structuresOf(operation))('has the members and types of the SDK in $name', (structure) => {
    expect(typesOf(structure)).toEqual(sdkTypesOf(structure.name))
  })
})

function structuresOf(operation: Operation): StructureSchema[] {
  const found = new Map<string, StructureSchema>()
  const visit = (schema: Schema): void => {
    if (schema.kind === 'list') visit(schema.element)
    if (schema.kind === 'map') visit(schema.value)
    if (schema.kind !== 'structure' || found.has(schema.name)) return
    found.set(schema.name, schema)
    for (const member of schema.members) visit(member.schema)
  }
  visit(operation.input)
  if (operation.output !== undefined) visit(operation.output)
  return [...found.values()]
}

/** The same form as in the fixture. */
function factsOf(structure: StructureSchema) {
  return {
    required: structure.members
      .filter((member) => member.required)
      .map((member) => member.name)
      .sort(),
    members: Object.fromEntries(structure.members.map((member) => [member.name, schemaFacts(member.schema)])),
  }
}

/** These two are printed without the model's anchors (docs/decisions/010); they match the same values. */
const anchored: ReadonlySet<string> = new Set(['0|([1-9]\\d{0,38})', '0|([1-9]\\d{0,128})'])

function schemaFacts(schema: Schema): unknown {
  if (schema.kind === 'structure') return { structure: schema.name }
  const { min, max } = { min: undefined, max: undefined, ...schema }
  const bounds = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) }
  switch (schema.kind) {
    case 'string': {
      const pattern =
        schema.pattern !== undefined && anchored.has(schema.pattern) ? `^(${schema.pattern})$` : schema.pattern
      return {
        type: 'string',
        ...bounds,
        ...(pattern !== undefined && { pattern }),
        // The order in which one enum is printed is not the model's.
        ...(schema.values && { enum: expect.toSatisfy((values: string[]) => sameSet(values, schema.values ?? [])) }),
      }
    }
    case 'list':
      return { type: 'list', ...bounds, element: schemaFacts(schema.element) }
    case 'map':
      return { type: 'map', ...bounds, key: schemaFacts(schema.key), value: schemaFacts(schema.value) }
    default:
      return { type: schema.kind, ...bounds }
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value) => b.includes(value))
}

function typesOf(structure: StructureSchema) {
  return {
    required: structure.members
      .filter((member) => member.required)
      .map((member) => member.name)
      .sort(),
    members: Object.fromEntries(structure.members.map((member) => [member.name, typeOf(member.schema)])),
  }
}

function typeOf(schema: Schema): unknown {
  switch (schema.kind) {
    case 'structure':
      return schema.name
    case 'list':
      return [typeOf(schema.element)]
    case 'map':
      return { [String(typeOf(schema.key))]: typeOf(schema.value) }
    case 'integer':
    case 'long':
      return 'number'
    default:
      return schema.kind
  }
}

/** The SDK's schemas are tuples: [kind, namespace, name, traits, member names, member schemas, how many required]. */
type SdkSchema = readonly unknown[]

function sdkTypesOf(name: string) {
  const exported = sdk as unknown as Readonly<Record<string, SdkSchema>>
  const schema = exported[`${name}$`] ?? exported[`_${name}$`]
  if (schema === undefined) throw new Error(`the SDK exports no schema of ${name}`)
  const names = schema[4] as readonly string[]
  const types = schema[5] as readonly unknown[]
  return {
    // The SDK has the members of an event stream as alternatives, of which none is required.
    required: schema[0] === UNION ? expect.any(Array) : names.slice(0, Number(schema[6] ?? 0)).sort(),
    members: Object.fromEntries(names.map((member, index) => [member, sdkType(types[index])])),
  }
}

const sdkScalars: Readonly<Record<number, string>> = {
  0: 'string',
  1: 'number',
  2: 'boolean',
  4: 'timestamp',
  21: 'blob',
}
const LIST_OF = 64
const MAP_OF = 128
const LIST = 1
const MAP = 2
const STRUCTURE = 3
const UNION = 4
const ERROR = -3

function sdkType(schema: unknown): unknown {
  if (typeof schema === 'function') return sdkType((schema as () => unknown)())
  if (typeof schema === 'number') {
    if (schema >= MAP_OF) return { string: sdkScalars[schema - MAP_OF] }
    return schema >= LIST_OF ? [sdkScalars[schema - LIST_OF]] : sdkScalars[schema]
  }
  const [kind, , name, traits, first, second] = schema as SdkSchema
  // With traits of the member's own.
  if (typeof kind === 'function') return sdkType(kind)
  if (kind === STRUCTURE || kind === UNION || kind === ERROR) return name
  if (kind === LIST) return [sdkType(first)]
  if (kind === MAP) return { [String(sdkType(first))]: sdkType(second) }
  if (kind === 0) return sdkType(first)
  throw new Error(`unknown schema of the SDK: ${String(kind)} with traits ${String(traits)}`)
}
