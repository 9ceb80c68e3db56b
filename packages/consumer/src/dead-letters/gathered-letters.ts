/**
 * Letters that wait for a sink at the same time, as those of many keys do that fail together, go to it in one call: while
 * one is under way the others wait, and the next takes all of them. Whoever waits is answered as if it were alone.
 */
import { type Deferred, deferred } from '@millrace/std'
import { isWorthAnother } from '../retrieval/read-failure.ts'
import type { DeadLetter, DeadLetterSink, LettersLeft } from './dead-letter.ts'

interface Waiting {
  readonly letter: DeadLetter
  readonly stored: Deferred<void>
}

/** Of one call; AWS's of PutRecords, too. */
const LETTERS_MAX = 500

/** The same sink, for the letters of one shard; one that takes no several at once is left as it is. */
export function gatheredLetters(sink: DeadLetterSink): DeadLetterSink {
  if (sink.many === undefined) return sink
  const giveAll = sink.many.bind(sink)
  /** As many as records of the shard are in hand: each waits for its letter. */
  const waiting: Waiting[] = []
  let isSending = false

  const send = async (signal: AbortSignal): Promise<void> => {
    isSending = true
    while (waiting.length > 0) {
      const some = waiting.splice(0, LETTERS_MAX)
      await (some.length === 1 ? one(some, signal) : several(some, signal))
    }
    isSending = false
  }

  const one = async (some: readonly Waiting[], signal: AbortSignal): Promise<void> => {
    for (const { letter, stored } of some)
      try {
        signal.throwIfAborted()
        stored.resolve(await sink(letter, signal))
      } catch (error) {
        stored.reject(error)
      }
  }

  /** Those of `letters` itself that are left, whatever copies of them the sink names. */
  const many = async (letters: readonly DeadLetter[], signal: AbortSignal): Promise<LettersLeft> => {
    const { left, error } = await giveAll(letters, signal)
    return { left: ownOf(left, letters), error }
  }

  const several = async (some: readonly Waiting[], signal: AbortSignal): Promise<void> => {
    const letters = some.map(({ letter }) => letter)
    try {
      signal.throwIfAborted()
      const { left, error } = await many(letters, signal)
      const open = new Set(left)
      for (const { letter, stored } of some) if (!open.has(letter)) stored.resolve()
      await refused(some.filter(({ letter }) => open.has(letter)), error, signal) // prettier-ignore
    } catch (error) {
      await refused(some, error, signal)
    }
  }

  /** Which of them a refusal for good is about, the sink says of each alone. */
  const refused = async (some: readonly Waiting[], error: unknown, signal: AbortSignal): Promise<void> => {
    if (!signal.aborted && !isWorthAnother(error)) return one(some, signal)
    for (const { stored } of some) stored.reject(error)
  }

  const put = (letter: DeadLetter, signal: AbortSignal): Promise<void> => {
    const stored = deferred<void>()
    waiting.push({ letter, stored })
    if (!isSending) void send(signal)
    return stored.promise
  }
  return Object.assign(put, { many })
}

/** By their places: a sink may have them from a queue of its own. */
function ownOf(left: readonly DeadLetter[], letters: readonly DeadLetter[]): readonly DeadLetter[] {
  const open = new Set(left.map(placeIn))
  const own = letters.filter((letter) => open.has(placeIn(letter)))
  // Something is left that was not given: what is stored cannot be told, and twice is better than not at all.
  return own.length < open.size ? letters : own
}

function placeIn({ record: { sequenceNumber, subSequenceNumber } }: DeadLetter): string {
  return `${sequenceNumber}/${subSequenceNumber}`
}
