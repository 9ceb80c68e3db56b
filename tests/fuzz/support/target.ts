/**
 * What is fuzzed: a parser as a function from bytes, with the oracle that says what it may do with them. A target is
 * pure: the same input always gives the same verdict, so that an input is all there is to keep of a failure.
 */
import { randomBelow, type Random } from '@millrace/std'

export interface Target {
  readonly name: string
  /** Inputs that are right, or nearly: where mutation starts, with what the corpus keeps. */
  readonly specimens: readonly Uint8Array[]
  /** A new input of the right shape, by grammar. */
  readonly generate: (random: Random) => Uint8Array
  /** Texts worth putting in somewhere. */
  readonly words?: readonly string[]
  /** Throws when the parser did what it may not do. */
  readonly check: (input: Uint8Array) => void | Promise<void>
  /** How many inputs `npm test` tries. About two seconds' worth, by measurement. */
  readonly executions: number
  /** CPU time of one input at most, ms; far above what any needs, for machines that are busy. */
  readonly cpuMsMax?: number
  /** Memory of an empty input at most, bytes, garbage included. Default: 32 MiB; see bounds.ts. */
  readonly memoryBytesMax?: number
}

/** What an oracle says. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

export function pick<T>(random: Random, from: readonly T[]): T {
  const found = from[randomBelow(random, from.length)]
  if (found === undefined && from.length === 0) throw new RangeError('nothing to pick from')
  return found as T
}

export function chance(random: Random, probability: number): boolean {
  return random.float() < probability
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8')
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** Runs `call`; the errors of `types` are refusals and give `undefined`, any other is a broken promise. */
export function refusedOr<T>(call: () => T, isRefusal: (error: unknown) => boolean): T | undefined {
  try {
    return call()
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw new Broken(`threw what is no refusal: ${String(error)}`, { cause: error })
  }
}

export function expectSame(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [show(found), show(expected)]
  if (a !== b) throw new Broken(`${what}: found ${a.slice(0, 500)}, expected ${b.slice(0, 500)}`)
}

/** Values as text that tells them apart: bytes, -0, NaN and missing members too. */
function show(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === 'bigint') return `${member}n`
    if (typeof member === 'number' && !Number.isFinite(member)) return String(member)
    if (typeof member === 'object' && member !== null && isBufferJson(member))
      return `bytes ${Buffer.from(member.data).toString('hex')}`
    if (member instanceof Uint8Array) return `bytes ${Buffer.from(member).toString('hex')}`
    if (typeof member === 'object' && member !== null && !Array.isArray(member)) {
      return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
    }
    return member
  })
}

/** What `Buffer.toJSON` gives, which JSON.stringify asks for before its replacer sees the buffer. */
function isBufferJson(value: object): value is { type: 'Buffer'; data: readonly number[] } {
  return 'type' in value && value.type === 'Buffer' && 'data' in value && Array.isArray(value.data)
}
