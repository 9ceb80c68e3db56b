/** Random values that keep the constraints of a schema: what `Infer` describes, for property tests. */
import fc from 'fast-check'
import type { Schema, StructureSchema } from '../schema/schema.ts'

/** Longest lists, blobs and texts without a pattern that are made: the bounds themselves have cases of their own. */
const SIZE_MAX = 20
/** Ten years around 2026, in ms. */
const FROM_MS = 1_600_000_000_000
const TO_MS = 1_900_000_000_000

export function structureArbitrary(schema: StructureSchema): fc.Arbitrary<Record<string, unknown>> {
  const members = Object.fromEntries(schema.members.map((member) => [member.name, valueArbitrary(member.schema)]))
  const requiredKeys = schema.members.filter((member) => member.required).map((member) => member.name)
  return fc.record(members, { requiredKeys, noNullPrototype: true })
}

function valueArbitrary(schema: Schema): fc.Arbitrary<unknown> {
  switch (schema.kind) {
    case 'structure':
      return structureArbitrary(schema)
    case 'string':
      if (schema.values !== undefined) return fc.constantFrom(...schema.values)
      if (schema.pattern !== undefined)
        return fc
          .stringMatching(new RegExp(`^(?:${schema.pattern})$`), { size: 'small' })
          .filter((text) => text.length >= (schema.min ?? 0))
      return fc.string({
        unit: 'binary',
        minLength: schema.min ?? 0,
        maxLength: Math.min(schema.max ?? SIZE_MAX, SIZE_MAX),
      })
    case 'integer':
      return fc.integer({ min: schema.min ?? -(2 ** 31), max: schema.max ?? 2 ** 31 - 1 })
    case 'long':
      return fc.maxSafeInteger().filter((value) => value >= (schema.min ?? value))
    case 'boolean':
      return fc.boolean()
    case 'timestamp':
      return fc.integer({ min: FROM_MS, max: TO_MS })
    case 'blob':
      return fc.uint8Array({ minLength: schema.min ?? 0, maxLength: SIZE_MAX })
    case 'list':
      return fc.array(valueArbitrary(schema.element), {
        minLength: schema.min ?? 0,
        maxLength: Math.min(schema.max ?? 5, 5),
      })
    case 'map':
      return fc.dictionary(valueArbitrary(schema.key) as fc.Arbitrary<string>, valueArbitrary(schema.value), {
        minKeys: schema.min ?? 0,
        maxKeys: 5,
        noNullPrototype: true,
      })
  }
}
