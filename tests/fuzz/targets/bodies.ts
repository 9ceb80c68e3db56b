/**
 * Bodies: JSON and CBOR as documents, and as the inputs and answers of operations. Oracles: JSON.parse, the CBOR of the
 * official SDK, and our own encoders the other way.
 */
import { cbor } from '@smithy/core/cbor'
import {
  type Codec,
  decodeQuickly,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  KinesisError,
  type Operation,
  parseDocument,
} from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'
import { seededRandom } from '@millrace/std/testing'

import { anyTree, apiOperations, structureTree } from '../grammar/api-tree.ts'
import { cborBytes } from '../grammar/cbor-bytes.ts'
import { jsonText } from '../grammar/json-text.ts'
import { bytesOf, chance, expectSame, pick, refusedOr, type Target, textOf } from '../support/target.ts'

const words = [
  '{', '}', '[', ']', '[[[[[[[[', '":', ',', '\\', '\\u0000', '\\ud800', 'null', 'true', '-', '1e999', '\u0000', '\ufeff',
  '"Records":', '"Data":', '"PartitionKey":', '"ExplicitHashKey":', '"StreamName":', '"__proto__":', '\x9f', '\xbf', '\xff',
  '\xdb\xff\xff\xff\xff\xff\xff\xff\xff',
] // prettier-ignore

const isSerializationFault = (error: unknown): boolean =>
  error instanceof KinesisError && error.type === 'SerializationException'
const isRefusal = (error: unknown): boolean =>
  error instanceof KinesisError && (error.type === 'SerializationException' || error.type === 'ValidationException')

/** An operation's number, then its body. */
function bodyOf(operation: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(operation), body])
}

function encoded(codec: Codec, tree: ReturnType<typeof anyTree>, random: Random): Uint8Array {
  return codec === 'json' ? bytesOf(jsonText(tree, random)) : cborBytes(tree, random)
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null || value instanceof Uint8Array
}

export const jsonDocuments: Target = {
  name: 'json-documents',
  specimens: ['{}', '[]', '{"a":[1,{"b":null}],"c":"\\u0041"}', ' [true,false,null] '].map(bytesOf),
  generate: (random) => bytesOf(jsonText(anyTree(random, 0), random)),
  words,
  executions: 40_000,
  check(input) {
    const found = refusedOr(() => parseDocument('json', input), isSerializationFault)
    let expected: unknown
    try {
      expected = JSON.parse(textOf(input))
    } catch {
      expected = undefined
    }
    if (isScalar(expected)) expected = undefined
    expectSame(found, expected, 'not what JSON.parse says')
  },
}

export const cborDocuments: Target = {
  name: 'cbor-documents',
  specimens: ['a0', '80', 'bf6161016162820203ff', 'a16161f97e00', 'c11a514b67b0', '9f5f4101420203ff7f61616162ffff'].map(
    (hex) => Buffer.from(hex, 'hex'),
  ),
  generate: (random) => cborBytes(anyTree(random, 0), random),
  words,
  executions: 40_000,
  check(input) {
    const found = refusedOr(() => parseDocument('cbor', input), isSerializationFault)
    // Theirs misreads what comes after long lengths, gives tags a meaning, and takes a key called __proto__ for one.
    const isBeyondTheirs = input.some(isLongHead) || textOf(input).includes('__proto__')
    if (found === undefined || isBeyondTheirs) return
    let theirs: unknown
    try {
      theirs = plainCbor(cbor.deserialize(new Uint8Array(input)))
    } catch {
      // Theirs knows less (tags, simple values) or sees what comes behind; ours is checked by what it says itself.
      return
    }
    // What it makes of tags and large numbers is its own; and it does not look at what comes behind.
    if (theirs !== undefined) expectSame(found, theirs, 'not what the CBOR of the SDK says')
  },
}

/** Lists and maps of lengths in two bytes and more, strings of lengths in eight, tags: to theirs they mean something. */
function isLongHead(byte: number): boolean {
  const [major, info] = [byte >> 5, byte & 0x1f]
  return major === 6 || info === 27 || ((major === 4 || major === 5) && (info === 25 || info === 26))
}

/** The SDK's value in our words; `undefined` where they are not to be compared. */
function plainCbor(value: unknown): unknown {
  let comparable = true
  const plain = (inner: unknown): unknown => {
    if (typeof inner === 'bigint') {
      // Beyond 2^53 ours rounds.
      return Number(inner)
    }
    if (inner instanceof Uint8Array || inner === null || inner === undefined) return inner ?? null
    if (Array.isArray(inner)) return inner.map(plain)
    if (typeof inner !== 'object') return inner
    const prototype: unknown = Object.getPrototypeOf(inner)
    if ((prototype !== Object.prototype && prototype !== null) || inner instanceof Date || 'tag' in inner) {
      comparable = false
      return undefined
    }
    return Object.fromEntries(Object.entries(inner).map(([key, member]) => [key, plain(member)]))
  }
  const result = plain(value)
  return comparable ? result : undefined
}

function requests(codec: Codec): Target {
  return {
    name: `${codec}-requests`,
    specimens: apiOperations.flatMap((operation, number) =>
      [1, 2, 3].map((seed) => {
        const random = seededRandom(seed * 100 + number)
        return bodyOf(number, encoded(codec, structureTree(operation.input, random), random))
      }),
    ),
    generate(random) {
      const number = randomBelow(random, apiOperations.length)
      const { input } = pick(random, [apiOperations[number] as Operation])
      return bodyOf(number, encoded(codec, structureTree(input, random), random))
    },
    words,
    executions: 30_000,
    check(input) {
      const operation = apiOperations[(input[0] ?? 0) % apiOperations.length] as Operation
      const bytes = input.subarray(1)
      const found = refusedOr(() => decodeRequest(operation, codec, bytes), isRefusal)
      const quick = decodeQuickly(operation.name, codec, bytes)
      if (quick !== undefined) expectSame(quick, found, `read quickly, ${operation.name} means something else`)
      if (found === undefined) return
      // What was understood is said again, in either encoding, and understood the same.
      for (const other of ['json', 'cbor'] as const) {
        const again = decodeRequest(operation, other, encodeRequest(operation, other, found))
        expectSame(normal(again), normal(found), `said again in ${other}, ${operation.name} means something else`)
      }
    },
  }
}

/** JSON and CBOR cannot say a lone surrogate. */
function normal(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(/\p{Surrogate}/gu, '\ufffd')
  if (Array.isArray(value)) return value.map(normal)
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [String(normal(key)), normal(member)]))
}

export const jsonRequests = requests('json')
export const cborRequests = requests('cbor')

/** What a server, ours or anybody's, answers a client of ours. */
export const responses: Target = {
  name: 'responses',
  specimens: apiOperations.map((operation, number) => {
    const random = seededRandom(number)
    return bodyOf(number * 2, encoded('json', structureTree(operation.output ?? operation.input, random), random))
  }),
  generate(random) {
    const number = randomBelow(random, apiOperations.length)
    const operation = apiOperations[number] as Operation
    const codec = chance(random, 0.5) ? 'json' : 'cbor'
    const tree = structureTree(operation.output ?? operation.input, random)
    return bodyOf(number * 2 + (codec === 'json' ? 0 : 1), encoded(codec, tree, random))
  },
  words,
  executions: 30_000,
  check(input) {
    const first = input[0] ?? 0
    const operation = apiOperations[(first >> 1) % apiOperations.length] as Operation
    const codec = first % 2 === 0 ? 'json' : 'cbor'
    const found = refusedOr(() => decodeResponse(operation, codec, input.subarray(1)), isSerializationFault)
    if (found === undefined || operation.output === undefined) return
    // A list that is required is written even when it is not there.
    const bytes = encodeResponse(operation, 'cbor', found)
    const again = encodeResponse(operation, 'cbor', decodeResponse(operation, 'cbor', bytes))
    expectSame(again, bytes, `said again, ${operation.name} means something else`)
  },
}
