/**
 * The body of an answer as it is read: silence has a limit, and a connection that breaks becomes one of our errors.
 * Leaving the loop early ends the exchange.
 */
import type { Readable } from 'node:stream'
import type { Clock } from '@millrace/std'
import { KinesisTransportError } from '../errors.ts'
import { reason } from './connection.ts'

export interface BodySettings {
  readonly clock: Clock
  readonly silenceTimeoutMs: number
  readonly origin: string
  readonly signal: AbortSignal | undefined
  /** Asked at the end: whether it was the other side's, and not that of a connection that broke. */
  readonly isWhole: () => boolean
}

export function bodyOf(readable: Readable, settings: BodySettings): AsyncIterable<Uint8Array> {
  const { clock, silenceTimeoutMs, origin, signal, isWhole } = settings
  // Without a reader at work, a broken connection must not become an unhandled error.
  readable.on('error', () => {})
  const chunks = readable[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>
  let ours: KinesisTransportError | undefined
  const stop = (error: KinesisTransportError): void => {
    ours ??= error
    readable.destroy(error)
  }
  const onAbort = (): void =>
    stop(
      new KinesisTransportError('aborted', `Aborted by the caller while reading the answer of ${origin}.`, {
        outcome: 'unknown',
        cause: signal?.reason,
      }),
    )
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted === true) onAbort()
  readable.once('close', () => signal?.removeEventListener('abort', onAbort))

  const iterator: AsyncIterator<Uint8Array, undefined> = {
    async next() {
      const timer = clock.setTimer(
        silenceTimeoutMs,
        () =>
          stop(
            new KinesisTransportError('timeout', `${origin} sent nothing for ${silenceTimeoutMs} ms in mid-answer.`, {
              outcome: 'unknown',
            }),
          ),
        { unref: true },
      )
      try {
        const chunk = await chunks.next()
        if (chunk.done === true && !isWhole()) throw new Error('the connection was lost')
        return chunk
      } catch (error) {
        throw (
          ours ??
          new KinesisTransportError('closed', `The answer of ${origin} broke off: ${reason(error)}.`, {
            outcome: 'unknown',
            cause: error,
          })
        )
      } finally {
        timer.cancel()
      }
    },
    return() {
      readable.destroy()
      return Promise.resolve({ done: true, value: undefined })
    },
  }
  return { [Symbol.asyncIterator]: () => iterator }
}

/** The whole body in one piece. Its length must be the declared one, and at most `bytesMax`. */
export async function collectBody(
  body: AsyncIterable<Uint8Array>,
  declared: string | undefined,
  bytesMax: number,
  origin: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > bytesMax)
      throw new KinesisTransportError('too-large', `The answer of ${origin} is longer than ${bytesMax} bytes.`, {
        outcome: 'unknown',
      })
    chunks.push(chunk)
  }
  // HTTP/2 can end a stream early without an error.
  if (declared !== undefined && Number(declared) !== length)
    throw new KinesisTransportError('closed', `The answer of ${origin} broke off: ${length} of ${declared} bytes.`, {
      outcome: 'unknown',
    })
  const [only] = chunks
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length)
}
