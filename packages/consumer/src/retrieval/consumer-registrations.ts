/**
 * The registered consumer of an application, one for each stream: found or registered, and waited for. Never
 * deregistered: other workers of the application read as the same one, and a failure here says nothing of them.
 */
import { type BackoffOptions, backoffMs, type Clock, type Random, sleep, untilAborted } from '@millrace/std'
import type { StreamService } from '../service.ts'
import { failureType } from './read-failure.ts'
import { ShardReadError, type StreamToRead } from './shard-reader.ts'

export interface ConsumerRegistrationsOptions {
  readonly service: StreamService
  /** Of the consumer, on every stream. */
  readonly name: string
  readonly clock: Clock
  readonly random: Random
}

/** A consumer is ACTIVE at once at ours, and within a minute on AWS: these are some two minutes. */
const TRIES_MAX = 40
const backoff: BackoffOptions = { baseMs: 200, maxMs: 5_000 }
const WAIT_MS_MIN = 50

/** Of a stream's consumer, under way until `arn` is there. */
interface Lookup {
  readonly found: Promise<string>
  arn?: string
}

export class ConsumerRegistrations implements Disposable {
  readonly #options: ConsumerRegistrationsOptions
  readonly #lookups = new Map<string, Lookup>()
  readonly #closed = new AbortController()

  constructor(options: ConsumerRegistrationsOptions) {
    this.#options = options
  }

  /**
   * The ARN of the active consumer of a stream; asked for once, however many shards need it. Rejects with a
   * `ShardReadError`, an error of a call that passes, or the signal's reason; asked again then, it begins anew.
   */
  arnOf(of: StreamToRead, signal: AbortSignal): Promise<string> {
    const { stream } = of
    let lookup = this.#lookups.get(stream)
    if (lookup === undefined) {
      const begun: Lookup = { found: this.#activeConsumer(of) }
      lookup = begun
      this.#lookups.set(stream, begun)
      begun.found.then(
        (arn) => (begun.arn = arn),
        () => this.#lookups.get(stream) === begun && this.#lookups.delete(stream),
      )
    }
    return untilAborted(lookup.found, signal)
  }

  /**
   * The service does not know the consumer `arn` any more: the next reader looks again. A look that others of its readers began since
   * is theirs, too, and stays.
   */
  forget(stream: string, arn: string | undefined): void {
    if (arn !== undefined && this.#lookups.get(stream)?.arn === arn) this.#lookups.delete(stream)
  }

  /** The same where the service says that it is not active. In the wire's own words: it has no error for that (KINESIS.md §15). */
  forgetIfInactive(stream: string, arn: string | undefined, error: unknown): void {
    if (error instanceof Error && error.message.includes('is not in ACTIVE status')) this.forget(stream, arn)
  }

  [Symbol.dispose](): void {
    this.#closed.abort(new Error('The retrieval was closed.'))
  }

  async #activeConsumer({ stream, streamArn }: StreamToRead): Promise<string> {
    const { name, clock, random } = this.#options
    const { signal } = this.#closed
    const StreamARN = streamArn ?? (await this.#streamArn(stream, signal))
    let status = 'missing'
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (tries > 0) await sleep(clock, Math.max(WAIT_MS_MIN, backoffMs(tries - 1, backoff, random)), signal)
      const found = await this.#describe(StreamARN)
      if (found?.ConsumerStatus === 'ACTIVE') return found.ConsumerARN
      status = found?.ConsumerStatus ?? 'missing'
      if (found === undefined) await this.#register(StreamARN)
    }
    throw new ShardReadError(
      'denied',
      `Expected the consumer ${name} of ${stream} to become ACTIVE, found it ${status} after ${TRIES_MAX} looks: ` +
        'a stream has at most 20 consumers (50 with on-demand advantage); deregister one, or read by polling.',
    )
  }

  async #streamArn(StreamName: string, signal: AbortSignal): Promise<string> {
    const answer = await this.#options.service.describeStreamSummary({ StreamName }, { signal })
    return answer.StreamDescriptionSummary.StreamARN
  }

  async #describe(StreamARN: string) {
    const { service, name } = this.#options
    try {
      const input = { StreamARN, ConsumerName: name }
      const answer = await service.describeStreamConsumer(input, { signal: this.#closed.signal })
      return answer.ConsumerDescription
    } catch (error) {
      if (failureType(error) === 'ResourceNotFoundException') return undefined
      throw error
    }
  }

  /** Others may have done it in the meantime, five at once may be under way, or the quota may be spent: what is there, the next look tells. */
  async #register(StreamARN: string): Promise<void> {
    const { service, name } = this.#options
    try {
      await service.registerStreamConsumer({ StreamARN, ConsumerName: name }, { signal: this.#closed.signal })
    } catch (error) {
      const type = failureType(error)
      if (type !== 'ResourceInUseException' && type !== 'LimitExceededException') throw error
    }
  }
}
