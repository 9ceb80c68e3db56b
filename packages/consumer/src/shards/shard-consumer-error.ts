/** Why a shard consumer could not go on. */

/**
 * - `processing-failed`: the failure policy says stop.
 * - `dead-letter-refused`: the sink says that it will never take the record from this worker: the stream is not there, or the
 *   worker may not put to it.
 * - `processor-hung`: a call of the processor took longer than `hangMs`.
 * - `schema-hung`: promises of an asynchronous schema did.
 */
export type ShardConsumerErrorCode = 'processing-failed' | 'dead-letter-refused' | 'processor-hung' | 'schema-hung'

export class ShardConsumerError extends Error {
  override readonly name = 'ShardConsumerError'
  readonly code: ShardConsumerErrorCode

  constructor(code: ShardConsumerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
