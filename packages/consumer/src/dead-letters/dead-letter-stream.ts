/**
 * Dead letters to a stream: each a record under the key of the one that failed, so that those of a key stay in order: a call has one of
 * each key at most, since of two in one call the first may fail alone.
 */
import type { KinesisClient } from '@millrace/client'
import { PUT_RECORDS_BYTES_MAX, PUT_RECORDS_MAX, type PutRecordsEntry, type PutRecordsResult } from '@millrace/protocol'
import { type DeadLetter, deadLetterLine, type DeadLetterSink, type LettersLeft } from './dead-letter.ts'

export interface DeadLetterStreamOptions {
  readonly client: Pick<KinesisClient, 'putRecord' | 'putRecords'>
  /** Its name. It must be there. */
  readonly stream: string
  /**
   * `letter` (default): a JSON document with the place, the error and the data in base64, a third longer than the record. The
   * stream must take records of that size: where it does not, the shard gets no farther until it does. `record`: the data as it was.
   */
  readonly content?: 'letter' | 'record' | undefined
}

export function deadLetterStream({ client, stream, content = 'letter' }: DeadLetterStreamOptions): DeadLetterSink {
  const entryOf = (letter: DeadLetter): PutRecordsEntry => {
    const { explicitHashKey, data } = letter.record
    return {
      PartitionKey: keyOf(letter),
      ...(explicitHashKey === undefined ? {} : { ExplicitHashKey: explicitHashKey }),
      Data: content === 'record' ? data : Buffer.from(deadLetterLine(letter)),
    }
  }

  const one = async (letter: DeadLetter, signal: AbortSignal): Promise<void> => {
    await client.putRecord({ StreamName: stream, ...entryOf(letter) }, { signal })
  }

  /** Until something fails. */
  const many = async (letters: readonly DeadLetter[], signal: AbortSignal): Promise<LettersLeft> => {
    let left = letters
    while (left.length > 0) {
      const call = callOf(left, entryOf)
      try {
        const Records = [...call.values()]
        const results = (await client.putRecords({ StreamName: stream, Records }, { signal })).Records
        const failed = new Map([...call.keys()].map((letter, i) => [letter, results[i]?.ErrorCode !== undefined]))
        left = left.filter((letter) => failed.get(letter) !== false)
        const failure = results.find(({ ErrorCode }) => ErrorCode !== undefined)
        if (failure !== undefined) return { left, error: refusal(failure) }
      } catch (error) {
        return { left, error }
      }
    }
    return { left }
  }

  return Object.assign(one, { many })
}

/** The next call: of the first letters that are left, one of each key, within the service's bounds; one alone may be above them. */
function callOf(
  left: readonly DeadLetter[],
  entryOf: (letter: DeadLetter) => PutRecordsEntry,
): ReadonlyMap<DeadLetter, PutRecordsEntry> {
  const call = new Map<DeadLetter, PutRecordsEntry>()
  const keys = new Set<string>()
  let bytes = 0
  for (const letter of left.slice(0, PUT_RECORDS_MAX)) {
    const key = keyOf(letter)
    if (keys.has(key)) continue
    const entry = entryOf(letter)
    bytes += entry.Data.byteLength + Buffer.byteLength(key)
    if (call.size > 0 && bytes > PUT_RECORDS_BYTES_MAX) break
    keys.add(key)
    call.set(letter, entry)
  }
  return call
}

/** Where the service places records, one may have come without a key. */
function keyOf({ record: { partitionKey }, shardId }: DeadLetter): string {
  return partitionKey === '' ? shardId : partitionKey
}

function refusal({ ErrorCode, ErrorMessage }: PutRecordsResult): Error {
  return new Error(`A dead letter was not stored: ${ErrorCode}: ${ErrorMessage}`)
}
