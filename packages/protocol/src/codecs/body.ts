/**
 * Requests and answers between bytes and typed values, in either encoding. Parsing the body and decoding it by
 * schema are separate steps, because the service looks at other things between them (KINESIS.md §2).
 */
import { KinesisError } from '../errors.ts'
import type { Operation } from '../operation.ts'
import { PutRecord } from '../operations/put-record.ts'
import { PutRecords, type PutRecordsOutput } from '../operations/put-records.ts'
import { checkConstraints } from '../schema/constraints.ts'
import { decodeStructure } from '../schema/decode.ts'
import type { Schema, StructureSchema } from '../schema/schema.ts'
import { decodeCbor } from './cbor-decode.ts'
import { encodeCbor } from './cbor-encode.ts'
import type { Codec } from './codec.ts'
import { type EncodedGetRecordsOutput, encodeGetRecords } from './get-records.ts'
import { encodeJson } from './json-encode.ts'
import { parseJson } from './json-parse.ts'
import { decodePutRecords, encodePutRecords } from './put-records.ts'
import { scanPutRecord, scanPutRecords } from './put-records-scan.ts'
import { EncodedRecords } from './record-writer.ts'

/** A body that was parsed, not yet looked at: an object or a list. */
export type Document = object

const nothing = new Uint8Array(0)

/** Decoders that give the same as the general one, or `undefined` where they leave it to the general one. */
const quickDecoders: ReadonlyMap<string, (document: Document) => unknown> = new Map([
  [PutRecords.name, decodePutRecords],
])

/** The same from the bytes of a body in JSON. */
const scanners = new Map<string, (bytes: Uint8Array) => object | undefined>([
  [PutRecord.name, scanPutRecord],
  [PutRecords.name, scanPutRecords],
])

/**
 * Parses a body. Throws a SerializationException without a message when it is not parsable, is a scalar or `null`, or
 * has more containers than any request needs.
 */
export function parseDocument(codec: Codec, bytes: Uint8Array): Document {
  const value = codec === 'json' ? parseJson(bytes) : decodeCbor(bytes)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) {
    throw new KinesisError('SerializationException')
  }
  return value
}

/** Throws a SerializationException (a member has the wrong type), then a ValidationException (a constraint). */
export function decodeDocument<I>(operation: Operation<I>, codec: Codec, document: Document): I {
  const quick = quickDecoders.get(operation.name)?.(document)
  if (quick !== undefined) return quick as I
  const input = decodeStructure(operation.input, document, codec)
  checkConstraints(operation.input, input)
  return input as I
}

/**
 * The input of a request whose body is so usual that it is read without parsing it: what parseDocument and
 * decodeDocument would give. `undefined`: they are to be asked. Throws nothing.
 */
export function decodeQuickly(operationName: string, codec: Codec, bytes: Uint8Array): object | undefined {
  return codec === 'json' ? scanners.get(operationName)?.(bytes) : undefined
}

/** parseDocument and decodeDocument in one. Throws nothing but KinesisError, whatever the bytes. */
export function decodeRequest<I>(operation: Operation<I>, codec: Codec, bytes: Uint8Array): I {
  return decodeDocument(operation, codec, parseDocument(codec, bytes))
}

/** Does not check constraints: that is for the service to say. */
export function encodeRequest<I>(operation: Operation<I>, codec: Codec, input: I): Uint8Array {
  return codec === 'json' ? encodeJson(operation.input, input) : encodeCbor(operation.input, input)
}

/** No bytes at all for a void operation. */
export function encodeResponse<O>(operation: Operation<unknown, O>, codec: Codec, output: O): Uint8Array {
  if (operation.output === undefined) return nothing
  if (codec === 'cbor') return encodeCbor(operation.output, output)
  const quick = operation.name === PutRecords.name ? encodePutRecords(output as PutRecordsOutput) : undefined
  return quick ?? encodeJson(operation.output, output)
}

/** The same in pieces, which may be shared with other answers. Takes outputs whose records are EncodedRecords, too. */
export function encodeResponsePieces(operation: Operation, codec: Codec, output: unknown): readonly Uint8Array[] {
  return hasEncodedRecords(output) ? encodeGetRecords(output) : [encodeResponse(operation, codec, output)]
}

function hasEncodedRecords(output: unknown): output is EncodedGetRecordsOutput {
  return (
    typeof output === 'object' && output !== null && 'Records' in output && output.Records instanceof EncodedRecords
  )
}

/**
 * Checks types only. Throws a SerializationException when the bytes are not an answer of this operation. An element of
 * a list that is null is left out, as the AWS SDKs do: nobody who reads an answer looks for one.
 */
export function decodeResponse<O>(operation: Operation<unknown, O>, codec: Codec, bytes: Uint8Array): O {
  if (operation.output === undefined) return undefined as O
  return withoutNulls(operation.output, decodeStructure(operation.output, parseDocument(codec, bytes), codec)) as O
}

/** Gives the value itself unless there is something to leave out. */
function withoutNulls(schema: Schema, value: unknown): unknown {
  if (schema.kind === 'structure') return membersWithoutNulls(schema, value as Record<string, unknown>)
  if (schema.kind !== 'list') return value
  const elements = value as readonly unknown[]
  const present = elements.includes(undefined) ? elements.filter((element) => element !== undefined) : elements
  const { element } = schema
  return element.kind === 'structure' || element.kind === 'list'
    ? present.map((each) => withoutNulls(element, each))
    : present
}

function membersWithoutNulls(schema: StructureSchema, value: Record<string, unknown>): Record<string, unknown> {
  for (const { name, schema: member } of schema.members) {
    const isNested = member.kind === 'list' || member.kind === 'structure'
    if (isNested && value[name] !== undefined) value[name] = withoutNulls(member, value[name])
  }
  return value
}
