/**
 * From the bytes of a body to the typed input of an operation. A pure function, so that it gives the same here and in
 * the worker thread (body-worker.ts).
 */
import { hash } from 'node:crypto'

import {
  applicationOperations,
  type Codec,
  decodeDocument,
  decodeQuickly,
  type Document,
  KinesisError,
  operations,
  parseDocument,
} from '@millrace/protocol'
import { freeMemory } from '../memory/free-memory.ts'

export interface BodyJob {
  readonly codec: Codec
  /** Its name. Undefined: parse only, nothing known is asked for. */
  readonly operation: string | undefined
  /** The signature will be verified, for which the body's SHA-256 is needed. */
  readonly hashed: boolean
}

export type DecodedBody =
  /** Not JSON or CBOR, or a scalar: it is refused before anything else is looked at. */
  | { readonly kind: 'unparsable' }
  /** The input, or why there is none; the caller looks at the signature before it says so. */
  | { readonly kind: 'decoded'; readonly input: unknown; readonly payloadHash: string | undefined }
  | { readonly kind: 'invalid'; readonly error: KinesisError; readonly payloadHash: string | undefined }

/** Throws nothing: what is wrong with the bytes is part of the result. */
export function decodeBody({ codec, operation: name, hashed }: BodyJob, bytes: Uint8Array): DecodedBody {
  const quick = name === undefined ? undefined : decodeQuickly(name, codec, bytes)
  if (quick !== undefined) return { kind: 'decoded', input: quick, payloadHash: hashed ? sha256(bytes) : undefined }
  let document: Document
  try {
    document = parseDocument(codec, bytes)
  } catch {
    return { kind: 'unparsable' }
  }
  const payloadHash = hashed ? sha256(bytes) : undefined
  const operation = name === undefined ? undefined : (operations.get(name) ?? applicationOperations.get(name))
  if (operation === undefined) return { kind: 'decoded', input: undefined, payloadHash }
  try {
    return { kind: 'decoded', input: decodeDocument(operation, codec, document), payloadHash }
  } catch (error) {
    return { kind: 'invalid', error: asKinesisError(error), payloadHash }
  }
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}

function asKinesisError(error: unknown): KinesisError {
  return error instanceof KinesisError ? error : new KinesisError('InternalFailure', undefined, { cause: error })
}

/**
 * Gives back at once what the data of many records takes, unless it lies in the body itself. Nobody may look at it any
 * more. Left to the collector, this and the body make it go through the heap every ten requests (bench: PutRecords, 1 KiB).
 */
export function releaseInput(input: unknown, body: Uint8Array): void {
  const records = (input as { readonly Records?: readonly { readonly Data?: unknown }[] } | undefined)?.Records
  const data = records?.[0]?.Data
  // The quick decoders put the data of all records into one piece of memory, and nothing else; what others made may lie
  // in a piece that Node shares out to anybody.
  if (!(data instanceof Uint8Array) || data.buffer === body.buffer || !(data.buffer instanceof ArrayBuffer)) return
  let bytes = 0
  for (const { Data } of records ?? [])
    if (Data instanceof Uint8Array && Data.buffer === data.buffer) bytes += Data.length
  if (bytes === data.buffer.byteLength) freeMemory(new Uint8Array(data.buffer))
}
