/** Dead letters to a stream: each a record under the key of the one that failed, so that those of a key stay in order. */
import type { KinesisClient } from '@millrace/client'
import { type DeadLetter, deadLetterLine, type DeadLetterSink } from './dead-letter.ts'

export interface DeadLetterStreamOptions {
  readonly client: Pick<KinesisClient, 'putRecord'>
  /** Its name. It must be there. */
  readonly stream: string
  /**
   * `letter` (default): a JSON document with the place, the error and the data in base64, a third longer than the record. The
   * stream must take records of that size: where it does not, the shard gets no farther until it does. `record`: the data as it was.
   */
  readonly content?: 'letter' | 'record' | undefined
}

export function deadLetterStream({ client, stream, content = 'letter' }: DeadLetterStreamOptions): DeadLetterSink {
  const dataOf = (letter: DeadLetter): Uint8Array =>
    content === 'record' ? letter.record.data : Buffer.from(deadLetterLine(letter))
  return async (letter, signal) => {
    const { partitionKey, explicitHashKey } = letter.record
    await client.putRecord(
      {
        StreamName: stream,
        // Where the service places records, one may have come without a key.
        PartitionKey: partitionKey === '' ? letter.shardId : partitionKey,
        ...(explicitHashKey === undefined ? {} : { ExplicitHashKey: explicitHashKey }),
        Data: dataOf(letter),
      },
      { signal },
    )
  }
}
