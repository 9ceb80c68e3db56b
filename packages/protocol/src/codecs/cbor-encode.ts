/**
 * Typed values to CBOR, by schema, in definite forms: blobs as byte strings, timestamps as tag 1 around an integer of
 * milliseconds (the Java SDK takes nothing else).
 */
import type { Schema, StructureSchema } from '../schema/schema.ts'
import { ByteWriter } from './byte-writer.ts'
import { whenAbsent } from './json-encode.ts'

type Values = Readonly<Record<string, unknown>>

const MAJOR_UNSIGNED = 0
const MAJOR_NEGATIVE = 1
export const MAJOR_BYTES = 2
export const MAJOR_TEXT = 3
export const MAJOR_LIST = 4
export const MAJOR_MAP = 5
const TAG_EPOCH = 0xc1
const FALSE = 0xf4
const TRUE = 0xf5

export function encodeCbor(schema: StructureSchema, value: unknown): Uint8Array {
  const writer = new ByteWriter(1024)
  writeStructure(writer, schema, value as Values)
  return writer.finish()
}

function writeStructure(writer: ByteWriter, schema: StructureSchema, value: Values): void {
  let present = 0
  for (const member of schema.members) if ((value[member.name] ?? whenAbsent(member)) !== undefined) present++
  writeHead(writer, MAJOR_MAP, present)
  for (const member of schema.members) {
    const memberValue = value[member.name] ?? whenAbsent(member)
    if (memberValue === undefined) continue
    writeText(writer, member.name)
    writeValue(writer, member.schema, memberValue)
  }
}

function writeValue(writer: ByteWriter, schema: Schema, value: unknown): void {
  switch (schema.kind) {
    case 'string':
      writeText(writer, value as string)
      return
    case 'integer':
    case 'long':
      writeInteger(writer, value as number)
      return
    case 'boolean':
      writer.byte(value === true ? TRUE : FALSE)
      return
    case 'timestamp':
      writeTimestamp(writer, value as number)
      return
    case 'blob': {
      const bytes = value as Uint8Array
      writeHead(writer, MAJOR_BYTES, bytes.length)
      writer.bytes(bytes)
      return
    }
    case 'list': {
      const elements = value as readonly unknown[]
      writeHead(writer, MAJOR_LIST, elements.length)
      for (const element of elements) writeValue(writer, schema.element, element)
      return
    }
    case 'map': {
      const entries = Object.entries(value as Values)
      writeHead(writer, MAJOR_MAP, entries.length)
      for (const [key, entry] of entries) {
        writeText(writer, key)
        writeValue(writer, schema.value, entry)
      }
      return
    }
    case 'structure':
      writeStructure(writer, schema, value as Values)
  }
}

export function writeText(writer: ByteWriter, text: string): void {
  const length = Buffer.byteLength(text, 'utf8')
  writeHead(writer, MAJOR_TEXT, length)
  writer.utf8(text, length)
}

/** Ms since the epoch. */
export function writeTimestamp(writer: ByteWriter, ms: number): void {
  writer.byte(TAG_EPOCH)
  writeInteger(writer, Math.round(ms))
}

function writeInteger(writer: ByteWriter, value: number): void {
  if (value < 0) writeHead(writer, MAJOR_NEGATIVE, -1 - value)
  else writeHead(writer, MAJOR_UNSIGNED, value)
}

/** `argument` is a safe, non-negative integer. */
export function writeHead(writer: ByteWriter, major: number, argument: number): void {
  const initial = major << 5
  if (argument < 24) {
    writer.byte(initial | argument)
  } else if (argument < 2 ** 8) {
    writer.byte(initial | 24)
    writer.byte(argument)
  } else if (argument < 2 ** 16) {
    writer.byte(initial | 25)
    writer.uint16(argument)
  } else if (argument < 2 ** 32) {
    writer.byte(initial | 26)
    writer.uint32(argument)
  } else {
    writer.byte(initial | 27)
    writer.uint32(Math.floor(argument / 2 ** 32))
    writer.uint32(argument % 2 ** 32)
  }
}

/** A map of texts, such as the body of an error. */
export function encodeCborTexts(entries: readonly (readonly [string, string])[]): Uint8Array {
  const writer = new ByteWriter(256)
  writeHead(writer, MAJOR_MAP, entries.length)
  for (const [key, text] of entries) {
    writeText(writer, key)
    writeText(writer, text)
  }
  return writer.finish()
}
