/** Typed values to compact JSON, by schema: blobs as base64, timestamps as seconds, absent members left out. */
import type { Member, Schema, StructureSchema } from '../schema/schema.ts'

type Values = Readonly<Record<string, unknown>>

/** ASCII without quotes, backslashes and control characters: nothing to escape, and the usual case by far. */
export const plainText = /^[ !#-[\]-~]*$/

export function encodeJson(schema: StructureSchema, value: unknown): Uint8Array {
  return Buffer.from(structureText(schema, value as Values), 'utf8')
}

function structureText(schema: StructureSchema, value: Values): string {
  let text = '{'
  for (const member of schema.members) {
    const memberValue = value[member.name] ?? whenAbsent(member)
    if (memberValue === undefined) continue
    if (text.length > 1) text += ','
    text += `"${member.name}":${valueText(member.schema, memberValue)}`
  }
  return `${text}}`
}

/** A list that the model requires is always there, be it empty. */
export function whenAbsent(member: Member): readonly [] | undefined {
  return member.required && member.schema.kind === 'list' ? [] : undefined
}

function valueText(schema: Schema, value: unknown): string {
  switch (schema.kind) {
    case 'string':
      return stringText(value as string)
    case 'integer':
    case 'long':
    case 'boolean':
      return String(value)
    case 'timestamp':
      return secondsText(value as number)
    case 'blob': {
      const bytes = value as Uint8Array
      return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`
    }
    case 'list':
      return `[${(value as readonly unknown[]).map((element) => valueText(schema.element, element)).join(',')}]`
    case 'map':
      return `{${Object.entries(value as Values)
        .map(([key, entry]) => `${stringText(key)}:${valueText(schema.value, entry)}`)
        .join(',')}}`
    case 'structure':
      return structureText(schema, value as Values)
  }
}

/** A JSON string with its quotes. */
function stringText(value: string): string {
  return plainText.test(value) ? `"${value}"` : JSON.stringify(value)
}

/** Milliseconds since the epoch as seconds, with as many decimals as needed and at most three. */
export function secondsText(ms: number): string {
  return String(Math.round(ms) / 1000)
}
