/**
 * What a stream is called: in options by its name or its ARN, in leases, events and batches by its name, or by
 * `<account>:<name>` where it is of another account than the client's, and in calls of the service by either. Of the
 * client's own account a stream has the same leases whichever way it was named.
 */
import { KinesisServiceError } from '@millrace/client'
import { parseStreamArn, streamArn } from '@millrace/protocol'
import type { StreamService } from './service.ts'

/** How a call names its stream. */
export type StreamInput = { readonly StreamName: string } | { readonly StreamARN: string }

/** What has a colon is no name: an ARN, or what was meant to be one. */
export function isArn(named: string): boolean {
  return named.includes(':')
}

/**
 * Throws a RangeError for what has a colon and is no ARN of a stream that the client's endpoint can read: each region has its own. `region`
 * absent: any.
 */
export function checkStreamNames(names: readonly string[], region: string | undefined): void {
  for (const name of names.filter(isArn)) {
    const address = parseStreamArn(name)
    const example = 'arn:aws:kinesis:us-east-1:111122223333:stream/orders'
    if (address === undefined)
      throw new RangeError(`Expected stream to be a name, or an ARN of a stream such as ${example}, found ${name}.`)
    if (region !== undefined && address.region !== region)
      throw new RangeError(`Expected stream to be of ${region}, the region of the client, found ${name}.`)
    const canonical = streamArn(address)
    if (canonical !== name) throw new RangeError(`Expected stream to be ${canonical}, by its region, found ${name}.`)
  }
}

/** For a stream as leases call it: who names no ARN reads what is at the client's endpoint. */
export function streamInput(stream: string, region: string | undefined): StreamInput {
  const [account, name] = stream.split(':')
  if (account === undefined || name === undefined) return { StreamName: stream }
  if (region === undefined)
    throw new RangeError(`Expected a client that tells its region, to call ${stream} by its ARN.`)
  return { StreamARN: streamArn({ account, region, name }) }
}

/** Without the account. */
export function nameOfStream(stream: string): string {
  return stream.slice(stream.indexOf(':') + 1)
}

export interface StreamNamesOptions {
  readonly service: Pick<StreamService, 'describeStreamSummary' | 'region'>
  /** Of the streams that leases call by their names alone. Default: what the service shows of a stream of the client's account. */
  readonly account?: string | undefined
}

/** The streams that a worker was told. */
export class StreamNames {
  readonly #service: StreamNamesOptions['service']
  readonly #streams = new Map<string, string>()
  readonly #arns = new Map<string, string>()
  #account: string | undefined

  constructor({ service, account }: StreamNamesOptions) {
    this.#service = service
    this.#account = account
  }

  /** As leases call it; the ARN itself as long as that is not known. */
  streamOf(named: string): string {
    return this.#streams.get(named) ?? named
  }

  /**
   * The same, asked of the service where it has to be; still the ARN where there is no such stream. Rejects as the client
   * does.
   */
  async find(named: string, signal: AbortSignal): Promise<string> {
    const address = parseStreamArn(named)
    if (address === undefined || this.#streams.has(named)) return this.streamOf(named)
    const { account, name } = address
    if (this.#account === undefined) {
      if ((await this.#arnOf({ StreamARN: named }, signal)) === undefined) return named
      const own = await this.#arnOf({ StreamName: name }, signal, 'AccessDeniedException')
      this.#account = parseStreamArn(own ?? '')?.account
    }
    const stream = account === this.#account ? name : `${account}:${name}`
    this.#streams.set(named, stream)
    this.#arns.set(stream, named)
    return stream
  }

  inputOf(stream: string): StreamInput {
    const arn = this.arnOf(stream)
    return arn === undefined ? streamInput(stream, this.#service.region) : { StreamARN: arn }
  }

  /** `undefined`: it was named by its name. */
  arnOf(stream: string): string | undefined {
    return this.#arns.get(stream) ?? (parseStreamArn(stream) === undefined ? undefined : stream)
  }

  /**
   * `undefined`: there is none. `denied`: or none that the client may see, where who may see it by its ARN may see it by its name, if it is
   * the same.
   */
  async #arnOf(input: StreamInput, signal: AbortSignal, denied?: 'AccessDeniedException'): Promise<string | undefined> {
    try {
      const { StreamDescriptionSummary } = await this.#service.describeStreamSummary(input, { signal })
      return StreamDescriptionSummary.StreamARN
    } catch (error) {
      const isAbsent =
        error instanceof KinesisServiceError && ['ResourceNotFoundException', denied].includes(error.type)
      if (isAbsent) return undefined
      throw error
    }
  }
}
