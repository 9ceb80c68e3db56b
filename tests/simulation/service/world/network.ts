/**
 * The way between clients and servers: requests as bytes, answers as bytes, and some that never arrive. A client that
 * gets no answer knows nothing: its request may never have come, may be at work, may be done.
 */
import { type Codec, decodeError, decodeResponse, encodeRequest, type Operation } from '@millrace/protocol'
import { type Random, randomBelow } from '@millrace/std'
import type { VirtualClock } from '@millrace/std/testing'
import type { ServerLife } from './server-life.ts'
import { ACCOUNT, REGION } from './server-life.ts'

export type Reply<O> =
  | { readonly kind: 'answer'; readonly output: O }
  | { readonly kind: 'refused'; readonly type: string; readonly message: string }
  /** The server answered that it failed. */
  | { readonly kind: 'failed'; readonly type: string; readonly message: string }
  | { readonly kind: 'lost' }

/** No answer, or one that says nothing about what was done. */
export function isUnknown(reply: Reply<unknown>): boolean {
  return reply.kind === 'lost' || reply.kind === 'failed'
}

/** A client hangs up so soon, at the latest. */
const PATIENCE_MS_MAX = 40
const CREDENTIAL = `${ACCOUNT}/20261127/${REGION}/kinesis/aws4_request`
/** As long as a real one, so that it is read as quickly. */
const AUTHORIZATION = `AWS4-HMAC-SHA256 Credential=${CREDENTIAL}, SignedHeaders=host, Signature=${'0'.repeat(64)}`

export class Network {
  readonly #random: Random
  readonly #codecs: readonly Codec[]
  #lossChance: number
  /** Of all who wait to the end: making one for each costs more than many a request. */
  readonly #patient = new AbortController()
  readonly #waiting = new Map<() => void, ServerLife>()
  /** Requests that were made. */
  calls = 0
  /** Answers that did not arrive. */
  lost = 0

  constructor(random: Random, codecs: readonly Codec[], lossChance: number) {
    this.#random = random
    this.#codecs = codecs
    this.#lossChance = lossChance
  }

  call<I, O>(server: ServerLife, clock: VirtualClock, operation: Operation<I, O>, input: I): Promise<Reply<O>> {
    this.calls++
    const codec = this.#codecs[randomBelow(this.#random, this.#codecs.length)] ?? 'json'
    const fate = this.#random.float() < this.#lossChance ? randomBelow(this.#random, 3) : undefined
    return new Promise((resolve, reject) => {
      const lose = (): void => {
        if (!this.#waiting.delete(lose)) return
        this.lost++
        resolve({ kind: 'lost' })
      }
      this.#waiting.set(lose, server)
      // The request itself is lost.
      if (fate === 0 || server.isDead) {
        lose()
        return
      }
      let { signal } = this.#patient
      if (fate === 1) {
        const client = new AbortController()
        clock.setTimer(randomBelow(this.#random, PATIENCE_MS_MAX), () => client.abort())
        signal = client.signal
      }
      const request = {
        id: '00000000-0000-4000-8000-000000000000',
        method: 'POST',
        url: '/',
        headers: {
          host: 'localhost',
          'content-type': `application/x-amz-${codec}-1.1`,
          'x-amz-target': `Kinesis_20131202.${operation.name}`,
          'x-amz-date': '20261127T000000Z',
          authorization: AUTHORIZATION,
        },
        body: encodeRequest(operation, codec, input),
        signal,
      }
      server.dispatch(request).then((response) => {
        if (fate !== undefined || server.isDead) {
          lose()
          return
        }
        if (!this.#waiting.delete(lose)) return
        if (Symbol.asyncIterator in response.body) throw new Error(`${operation.name} is answered with a stream`)
        const body = Buffer.concat(response.body as readonly Uint8Array[])
        if (response.status === 200) resolve({ kind: 'answer', output: decodeResponse(operation, codec, body) })
        else {
          const { type, message, status } = decodeError(codec, response.status, body)
          resolve({ kind: status >= 500 ? 'failed' : 'refused', type, message })
        }
      }, reject)
    })
  }

  /** From now on every answer arrives. */
  quieten(): void {
    this.#lossChance = 0
  }

  /** The server is gone: nobody who waits will hear from it. */
  cut(server: ServerLife): void {
    server.isDead = true
    for (const [lose, asked] of this.#waiting) if (asked === server) lose()
  }
}
