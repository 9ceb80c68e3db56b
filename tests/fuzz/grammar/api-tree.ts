/**
 * Values in the shapes of the API's inputs and outputs, mostly right, wrong here and there: a member of another type,
 * one too many, a list where a text belongs, numbers at and beyond the edges.
 */
import { type Operation, operationsByTarget } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'

import { chance, pick } from '../support/target.ts'

export type Tree = null | boolean | number | string | Uint8Array | readonly Tree[] | { readonly [name: string]: Tree }
type Schema = Operation['input']['members'][number]['schema']

const WRONG_SHARE = 0.06
const LIST_MAX = 4

export const apiOperations: readonly Operation[] = [...operationsByTarget.values()]

const texts = [
  'stream', 'a', '', 'shardId-000000000000', 'shardId--1', 'TRIM_HORIZON', 'AT_TIMESTAMP', 'LATEST', '0', '1',
  'arn:aws:kinesis:us-east-1:000000000000:stream/stream', '340282366920938463463374607431768211455',
  '340282366920938463463374607431768211456', '49590338271490256608559692538361571095921575989136588898', 'x'.repeat(257),
  '\u0000', '\u{1f600}', '\ud800', '__proto__', 'constructor', 'é', 'AAAA', 'AA==', 'A===', 'true', 'NO',
] // prettier-ignore
const numbers = [
  0, -0, 1, -1, 1.5, 24, 100, 500, 10_000, 2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 64, 1e308, -1e308, 1e-7,
  1_700_000_000, 1_700_000_000_000, 8.64e15, 8.64e15 + 1,
] // prettier-ignore

export function structureTree(schema: Operation['input'], random: Random): Tree {
  const members: [string, Tree][] = []
  for (const member of schema.members) {
    if (chance(random, member.required ? 0.96 : 0.4)) members.push([member.name, schemaTree(member.schema, random)])
  }
  if (chance(random, WRONG_SHARE))
    members.push([pick(random, ['Unknown', '__proto__', 'toString', '']), anyTree(random, 0)])
  return Object.fromEntries(members)
}

function schemaTree(schema: Schema, random: Random): Tree {
  if (chance(random, WRONG_SHARE)) return anyTree(random, 0)
  switch (schema.kind) {
    case 'structure':
      return structureTree(schema, random)
    case 'list': {
      const length = chance(random, 0.02) ? 501 : randomBelow(random, LIST_MAX)
      return Array.from({ length }, () => schemaTree(schema.element, random))
    }
    case 'map':
      return Object.fromEntries(
        Array.from({ length: randomBelow(random, LIST_MAX) }, () => [
          pick(random, texts),
          schemaTree(schema.value, random),
        ]),
      )
    case 'string':
      return schema.values !== undefined && chance(random, 0.9) ? pick(random, schema.values) : pick(random, texts)
    case 'boolean':
      return chance(random, 0.8) ? chance(random, 0.5) : pick(random, ['true', 'yes', 'FALSE', 'nope'])
    case 'blob':
      return chance(random, 0.5)
        ? random.bytes(randomBelow(random, 20))
        : Buffer.from(random.bytes(randomBelow(random, 20))).toString('base64')
    case 'integer':
    case 'long':
    case 'timestamp':
      return pick(random, numbers)
  }
}

export function anyTree(random: Random, depth: number): Tree {
  switch (randomBelow(random, depth > 3 ? 5 : 8)) {
    case 0:
      return null
    case 1:
      return chance(random, 0.5)
    case 2:
      return pick(random, numbers)
    case 3:
      return pick(random, texts)
    case 4:
      return random.bytes(randomBelow(random, 8))
    case 5:
      return Array.from({ length: randomBelow(random, LIST_MAX) }, () => anyTree(random, depth + 1))
    case 6:
      return Object.fromEntries(
        Array.from({ length: randomBelow(random, LIST_MAX) }, () => [pick(random, texts), anyTree(random, depth + 1)]),
      )
    default: {
      // Deep, and deeper than any decoder should follow.
      let tree: Tree = pick(random, texts)
      for (let levels = 2 ** randomBelow(random, 9); levels > 0; levels--)
        tree = chance(random, 0.5) ? [tree] : { a: tree }
      return tree
    }
  }
}
