/** A transport without a network: each exchange takes the next line of a script, and is noted with its time. */
import {
  type Codec,
  encodeError,
  encodeResponse,
  type ErrorType,
  errorTraits,
  operationsByTarget,
} from '@millrace/protocol'
import type { Clock } from '@millrace/std'
import { type Outcome, KinesisTransportError, type TransportErrorCode } from '../errors.ts'
import type { ExchangeOptions, HttpAnswer, HttpRequest, Transport } from '../transport/transport.ts'

export type ScriptLine =
  | { readonly output: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly error: ErrorType; readonly headers?: Readonly<Record<string, string>> }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly fails: TransportErrorCode; readonly outcome: Outcome; readonly reused?: boolean }
  /** Waits for the signal. */
  | 'silence'

export class ScriptedTransport implements Transport {
  readonly #clock: Clock
  readonly #script: (request: HttpRequest, number: number) => ScriptLine
  readonly requests: { readonly atMs: number; readonly request: HttpRequest }[] = []
  closed = false

  constructor(clock: Clock, script: readonly ScriptLine[] | ((request: HttpRequest, number: number) => ScriptLine)) {
    this.#clock = clock
    this.#script = typeof script === 'function' ? script : (_request, number) => script[number - 1] ?? 'silence'
  }

  async exchange(request: HttpRequest, { signal }: ExchangeOptions): Promise<HttpAnswer> {
    this.requests.push({ atMs: this.#clock.monotonic(), request })
    const line = this.#script(request, this.requests.length)
    if (line === 'silence')
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () =>
          reject(new KinesisTransportError('aborted', 'Aborted.', { outcome: 'unknown', cause: signal.reason })),
        )
      })
    if ('fails' in line)
      throw new KinesisTransportError(line.fails, `Scripted: ${line.fails}.`, {
        outcome: line.outcome,
        reusedConnection: line.reused ?? false,
      })
    const codec: Codec = 'json'
    const contentType = { 'content-type': 'application/x-amz-json-1.1' }
    if ('status' in line) return answer(line.status, line.headers ?? {}, Buffer.from(line.body ?? ''))
    if ('error' in line)
      return answer(
        errorTraits(line.error)?.status ?? 400,
        { ...contentType, 'x-amzn-requestid': `r${this.requests.length}`, ...line.headers },
        encodeError(codec, { type: line.error, message: 'Scripted.' }),
      )
    const target = request.headers['x-amz-target'] ?? ''
    const operation = operationsByTarget.get(target)
    if (operation === undefined) throw new Error(`unknown operation ${target}`)
    return answer(200, { ...contentType, ...line.headers }, encodeResponse(operation, codec, line.output))
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function answer(status: number, headers: Readonly<Record<string, string>>, bytes: Uint8Array): HttpAnswer {
  return { status, headers, body: whole(bytes) }
}
