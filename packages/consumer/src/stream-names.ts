/**
 * What a stream is called: in options by its name or its ARN, in leases, events and batches by its name, or by
 * `<account>:<name>` where it was named by its ARN, and in calls of the service by either. The words alone decide, or an
 * account that the lease store is told: an answer of the service may be another one the next time, or for another worker.
 */
import { parseStreamArn, streamArn } from '@millrace/protocol'

/** How a call names its stream. */
export type StreamInput = { readonly StreamName: string } | { readonly StreamARN: string }

/**
 * Throws a RangeError for what has a colon and is no ARN of a stream that the client's endpoint can read: each region has its own. `region`
 * absent: any.
 */
export function checkStreamNames(names: readonly string[], region: string | undefined): void {
  for (const name of names) {
    const error = misnaming(name, region)
    if (error !== undefined) throw error
  }
}

function misnaming(named: string, region: string | undefined): RangeError | undefined {
  if (!named.includes(':')) return undefined
  const address = parseStreamArn(named)
  const example = 'arn:aws:kinesis:us-east-1:111122223333:stream/orders'
  if (address === undefined)
    return new RangeError(`Expected stream to be a name, or an ARN of a stream such as ${example}, found ${named}.`)
  if (region !== undefined && address.region !== region)
    return new RangeError(`Expected stream to be of ${region}, the region of the client, found ${named}.`)
  const canonical = streamArn(address)
  if (canonical === named) return undefined
  return new RangeError(`Expected stream to be ${canonical}, by its region, found ${named}.`)
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
  /** The client's. Default: any. */
  readonly region?: string | undefined
  /** Whose streams leases call by their names alone, where the store is told. */
  readonly account?: string | undefined
}

/** The streams that a worker was told. */
export class StreamNames {
  readonly account: string | undefined
  readonly #region: string | undefined
  readonly #arns = new Map<string, string>()

  constructor({ region, account }: StreamNamesOptions) {
    this.#region = region
    this.account = account
  }

  /** As leases call them. What names no stream that the client could read stays as it is, and calls of it fail. */
  told(named: readonly string[]): ReadonlySet<string> {
    const streams = new Set(named.map((name) => this.#streamOf(name)))
    // What is named both ways is called by its name: then it shows whose it is.
    for (const name of named) if (!name.includes(':')) this.#arns.delete(name)
    return streams
  }

  /** Throws a RangeError for what names no stream. */
  inputOf(stream: string): StreamInput {
    const arn = this.arnOf(stream)
    if (arn !== undefined) return { StreamARN: arn }
    checkStreamNames([stream], this.#region)
    return { StreamName: stream }
  }

  /** `undefined`: it was named by its name. */
  arnOf(stream: string): string | undefined {
    return this.#arns.get(stream)
  }

  #streamOf(named: string): string {
    const address = parseStreamArn(named)
    if (address === undefined || misnaming(named, this.#region) !== undefined) return named
    const { account, name } = address
    const stream = account === this.account ? name : `${account}:${name}`
    this.#arns.set(stream, named)
    return stream
  }
}
