/** Errors as bodies, and bodies as errors (KINESIS.md §4, §7). The HTTP status is the table's. */
import type { ErrorKind, ErrorType } from '../errors.ts'
import { errorTraits } from '../errors.ts'
import type { Codec } from './codec.ts'
import { encodeCborTexts } from './cbor-encode.ts'
import { decodeCbor } from './cbor-decode.ts'
import { parseJson } from './json-parse.ts'

/** UTF-16 units of a body that is not ours (a proxy's page) that become the message. */
const FOREIGN_MESSAGE_MAX = 512

/** What is encoded: a KinesisError, or anything like it. */
export interface ErrorAnswer {
  readonly type: ErrorType
  /** Empty: the body has none. */
  readonly message: string
}

export function encodeError(codec: Codec, error: ErrorAnswer): Uint8Array {
  const entries: [string, string][] = [['__type', error.type]]
  // The one type that spells it with a capital.
  if (error.message !== '')
    entries.push([error.type === 'SerializationException' ? 'Message' : 'message', error.message])
  if (codec === 'cbor') return encodeCborTexts(entries)
  return Buffer.from(JSON.stringify(Object.fromEntries(entries)), 'utf8')
}

/** An error as a client sees it. `type` may be one that is not in our table. */
export interface DecodedError {
  readonly type: string
  readonly message: string
  readonly status: number
  readonly retryable: boolean
  readonly kind: ErrorKind
}

/**
 * Reads the answer of a failed call, ours or anybody's: never throws. `codec` is `undefined` when the content type
 * was neither; `headerType` is the `x-amzn-ErrorType` header, which counts when the body names no type.
 */
export function decodeError(
  codec: Codec | undefined,
  status: number,
  bytes: Uint8Array,
  headerType?: string,
): DecodedError {
  const body = parseBody(codec, bytes)
  const named = textOf(body, '__type') ?? textOf(body, 'code') ?? headerType
  const type = named === undefined ? typeOfStatus(status) : bareType(named)
  const message = textOf(body, 'message') ?? textOf(body, 'Message') ?? (body === undefined ? foreignText(bytes) : '')
  const traits = errorTraits(type)
  return {
    type,
    message,
    status,
    retryable: traits?.retryable ?? (status >= 500 || status === 429),
    kind: traits?.kind ?? (status >= 500 ? 'server' : status === 429 ? 'throttle' : 'caller'),
  }
}

type Body = Readonly<Record<string, unknown>>

function parseBody(codec: Codec | undefined, bytes: Uint8Array): Body | undefined {
  try {
    const value = codec === 'cbor' ? decodeCbor(bytes) : parseJson(bytes)
    if (typeof value !== 'object' || value === null) return undefined
    // `application/json` gets an envelope.
    const { Output } = value as Body
    return typeof Output === 'object' && Output !== null ? (Output as Body) : (value as Body)
  } catch {
    return undefined
  }
}

function textOf(body: Body | undefined, name: string): string | undefined {
  const value = body !== undefined && Object.hasOwn(body, name) ? body[name] : undefined
  return typeof value === 'string' ? value : undefined
}

/** `prefix#Type:address` is `Type`. */
function bareType(type: string): string {
  const name = type.slice(type.indexOf('#') + 1)
  const colon = name.indexOf(':')
  return (colon === -1 ? name : name.slice(0, colon)).trim()
}

function typeOfStatus(status: number): string {
  if (status === 503) return 'ServiceUnavailable'
  return status >= 500 ? 'InternalFailure' : status === 429 ? 'ThrottlingException' : 'UnknownError'
}

function foreignText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 4 * FOREIGN_MESSAGE_MAX))
    .toString('utf8')
    .slice(0, FOREIGN_MESSAGE_MAX)
}
