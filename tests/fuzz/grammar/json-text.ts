/** Trees as JSON text, in every spelling that the grammar allows: white space, escapes, repeated keys, exotic numbers. */
import { type Random, randomBelow } from '@millrace/std'

import { chance, pick } from '../support/target.ts'
import type { Tree } from './api-tree.ts'

const spaces = ['', '', '', '', ' ', '\n', '\t \r\n']

export function jsonText(tree: Tree, random: Random): string {
  const space = (): string => pick(random, spaces)
  const write = (value: Tree): string => {
    if (value === null || typeof value === 'boolean') return String(value)
    if (typeof value === 'number') return numberText(value, random)
    if (typeof value === 'string') return stringText(value, random)
    if (value instanceof Uint8Array) return stringText(Buffer.from(value).toString('base64'), random)
    if (isList(value)) return `[${value.map((element) => space() + write(element) + space()).join(',')}]`
    const members = Object.entries(value)
    if (members.length > 0 && chance(random, 0.02)) members.push(members[0] as (typeof members)[0])
    return `{${members.map(([key, member]) => `${space()}${stringText(key, random)}${space()}:${space()}${write(member)}`).join(',')}}`
  }
  return write(tree)
}

export function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree)
}

function stringText(text: string, random: Random): string {
  const plain = JSON.stringify(text)
  if (!chance(random, 0.1)) return plain
  return `"${[...plain.slice(1, -1).matchAll(/\\u[0-9a-f]{4}|\\.|./gsu)]
    .map(([unit]) => (unit.length === 1 && chance(random, 0.3) ? escaped(unit, random) : unit))
    .join('')}"`
}

function escaped(character: string, random: Random): string {
  const hex = character.charCodeAt(0).toString(16).padStart(4, '0')
  return `\\u${chance(random, 0.5) ? hex.toUpperCase() : hex}`
}

function numberText(value: number, random: Random): string {
  if (!chance(random, 0.1)) return JSON.stringify(value)
  return pick(random, [
    value.toExponential(),
    '-0',
    '0.1e-400',
    '1e400',
    '9'.repeat(1 + randomBelow(random, 400)),
    `1.${'0'.repeat(randomBelow(random, 40))}1`,
  ])
}
