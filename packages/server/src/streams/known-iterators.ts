/**
 * Iterators that this server sealed or opened a moment ago, known again by their text: readers come back with the one that
 * they were just given, and to open it takes a cipher of its own (bench: GetRecords, next reader; docs/decisions/151). A text that is
 * the same in every character is authentic; its time, which passes, is asked for as of all others.
 *
 * Bounded: each has a place that follows from its text, which is a nonce there, and the newest at a place stays.
 */
import type { TokenSeal } from './sealed-token.ts'
import { type IteratorFault, iteratorInTime, openIterator, sealIterator, type ShardIterator } from './shard-iterator.ts'

/** A power of two. One that is taken has about 0.5 KiB. */
const PLACES = 4096
/** Letters of base64 in which nothing but the nonce stands. As codes they are uneven, so it takes several. */
const NONCE_AT = 12
const NONCE_END = 20

interface Known {
  readonly text: string
  readonly iterator: ShardIterator
}

export class KnownIterators {
  readonly #seal: TokenSeal
  readonly #known: (Known | undefined)[] = Array.from({ length: PLACES })

  constructor(seal: TokenSeal) {
    this.#seal = seal
  }

  /** See sealIterator. */
  seal(iterator: ShardIterator): string {
    const text = sealIterator(this.#seal, iterator)
    this.#known[placeOf(text)] = { text, iterator }
    return text
  }

  /** See openIterator. */
  open(text: string, nowMs: number): ShardIterator | IteratorFault {
    const place = placeOf(text)
    const known = this.#known[place]
    if (known?.text === text) return iteratorInTime(known.iterator, nowMs)
    const opened = openIterator(this.#seal, text, nowMs)
    if (!('fault' in opened)) this.#known[place] = { text, iterator: opened }
    return opened
  }
}

function placeOf(text: string): number {
  let hash = 0
  for (let at = NONCE_AT; at < NONCE_END; at++) hash = Math.imul(hash, 31) + text.charCodeAt(at)
  return hash & (PLACES - 1)
}
