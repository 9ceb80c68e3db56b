/**
 * One request from the end of its headers to the end of its answer, whatever protocol carries it: counted, bounded,
 * timed, read, dispatched, answered exactly once. Invariant: what it took (its place, its bytes, its deadline) is
 * given back exactly once, in `end`, which the protocol calls when the answer is written or the client is gone.
 */
import type { EventEmitter } from 'node:events'

import type { Clock, Logger } from '@millrace/std'

import type { AnswerBudget, AnswerClaim } from './answer-budget.ts'
import { type EventWatch, isPieces } from './answer-body.ts'
import type { BodyBudget, BodyHold } from './body-budget.ts'
import { giveBackMemory } from '../memory/recycled-memory.ts'
import { readBody } from './body-reader.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { FrontDoorLimits } from './limits.ts'
import { type Refusal, refusal } from './refusals.ts'
import type { RequestIds } from './request-ids.ts'
import type { Dispatch, Peer, WireRequest, WireResponse } from './wire.ts'

/** What all requests of a listener share. */
export interface Desk {
  readonly dispatch: Dispatch
  readonly limits: FrontDoorLimits
  readonly deadlines: Deadlines
  readonly budget: BodyBudget
  readonly answers: AnswerBudget
  readonly ids: RequestIds
  readonly clock: Clock
  readonly logger: Logger
  /** Requests between headers and answer. */
  inFlight: number
  /** Those of them whose answer is an event stream. */
  readonly eventStreams: Set<Exchange>
  /** Connections close after their answer. */
  stopping: boolean
  /** Called when the last request in flight has ended while stopping. */
  onQuiet: () => void
}

/** `undefined` once the connection is gone. An IPv4 address in IPv6 clothes is an IPv4 address. */
export function peerOf(address: string | undefined, isSecure: boolean): Peer {
  return { address: address?.replace(/^::ffff:(?=\d+\.)/i, ''), isSecure }
}

/** Where a body comes from: `data`, then `end`; `close` after it, or without it when there is no more to come. */
export interface BodySource extends Pick<EventEmitter, 'on' | 'off'> {
  pause(): void
  resume(): void
}

/** One request as a protocol hands it in. */
export interface Incoming {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The body, or undefined if there is none to come. */
  readonly source: BodySource | undefined
  readonly peer: () => Peer
  /** The client waits to be told that it may send the body. */
  readonly proceed: (() => void) | undefined
  /** Writes the answer. `unread`: the body was refused, so that the connection cannot be used again. */
  readonly answer: (response: WireResponse, options: { readonly unread: boolean }) => void
  /** Ends connection or stream at once. */
  readonly destroy: () => void
}

const NO_BODY = new Uint8Array(0)

export class Exchange implements WireRequest, EventWatch {
  readonly id: string
  readonly #desk: Desk
  readonly #incoming: Incoming
  readonly #deadline: Deadline
  /** Kept, as every request needs it three times (bench: PutRecord). */
  readonly #destroy = (): void => this.#incoming.destroy()
  #body: Uint8Array = NO_BODY
  #claim: BodyHold | undefined
  #answerClaim: AnswerClaim | undefined
  #abort: AbortController | undefined
  #gone = false
  #answered = false
  #isBodyDone = false
  #ended = false

  constructor(desk: Desk, incoming: Incoming) {
    this.#desk = desk
    this.#incoming = incoming
    this.id = desk.ids.next()
    desk.inFlight++
    this.#deadline = desk.deadlines.start(desk.limits.bodyMs, this.#destroy)
  }

  /**
   * `whole`: the body when it is all there already; it is at most one read of a socket. Else it comes from `source`. Not a
   * member of what comes in, which lives as long as an event stream does.
   */
  start(whole?: Uint8Array): void {
    const { source, headers, proceed } = this.#incoming
    const { limits, budget, inFlight, eventStreams } = this.#desk
    if (inFlight - eventStreams.size > limits.requestsMax) {
      this.#refuse('unavailable')
      return
    }
    if (whole !== undefined) {
      this.#claim = budget.hold(whole.length)
      this.#handle(whole)
      return
    }
    const announced = headers['content-length']
    const length = announced === undefined ? undefined : Number(announced)
    if (length !== undefined && !(length <= limits.bodyBytesMax)) {
      this.#refuse('too-large')
      return
    }
    if (source === undefined) {
      this.#handle(NO_BODY)
      return
    }
    proceed?.()
    readBody({ source, length, limits, budget, deadline: this.#deadline }, (outcome) => {
      switch (outcome.kind) {
        case 'complete':
          this.#claim = outcome.claim
          this.#handle(outcome.body)
          break
        case 'no-room':
          this.#refuse('unavailable')
          break
        case 'gone':
          this.#incoming.destroy()
          break
        default:
          this.#refuse(outcome.kind)
      }
    })
  }

  /** The answer was written, or the client went away. Gives back what the request held. Twice is fine. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#desk.inFlight--
    this.#deadline.cancel()
    this.#claim?.release()
    this.#answerClaim?.release()
    this.#letGo()
    // Whoever makes the events of a stream waits for the next one, and is told.
    if (!this.#answered || this.#desk.eventStreams.delete(this)) this.cancel()
    if (this.#desk.stopping && this.#desk.inFlight === 0) this.#desk.onQuiet()
  }

  /** Tells the operation that nobody waits any more. */
  cancel(): void {
    this.#gone = true
    this.#abort?.abort(new Error('the request was given up'))
  }

  /** It has as long for the next. */
  progress(): void {
    if (this.#ended) return
    this.#deadline.restart(this.#desk.limits.responseMs, this.#destroy)
  }

  hold(pieces: readonly Uint8Array[]): AnswerClaim | undefined {
    return this.#desk.answers.claim(pieces, this.#destroy)
  }

  #handle(body: Uint8Array): void {
    const { limits, dispatch, logger } = this.#desk
    this.#deadline.restart(limits.handlingMs + limits.handlingGraceMs, () => {
      logger.error('an operation did not answer in time', { requestId: this.id })
      this.#answer(refusal('internal-failure', this.id), false)
      this.cancel()
    })
    this.#body = body
    dispatch(this).then(
      (response) => this.#answer(response, false),
      (error: unknown) => {
        logger.error('a request failed in the front door', { requestId: this.id, error })
        this.#answer(refusal('internal-failure', this.id), false)
      },
    )
  }

  bodyIsDone(): void {
    this.#isBodyDone = true
    this.#letGo()
  }

  /** An operation whose client has gone, or that was given up, may still look at the body; nobody does behind both. */
  #letGo(): void {
    if (!this.#isBodyDone || !this.#ended) return
    giveBackMemory(this.#body)
    this.#body = NO_BODY
  }

  get method(): string {
    return this.#incoming.method
  }

  get url(): string {
    return this.#incoming.url
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#incoming.headers
  }

  get body(): Uint8Array {
    return this.#body
  }

  /** Looked up only for who asks: most requests never do. */
  get peer(): Peer {
    return this.#incoming.peer()
  }

  /** Made only for who asks: most requests never do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.#gone) this.#abort.abort(new Error('the request was given up'))
    return this.#abort.signal
  }

  #refuse(kind: Refusal): void {
    this.#answer(refusal(kind, this.id), true)
  }

  #answer(response: WireResponse, unread: boolean): void {
    if (this.#answered || this.#ended) return
    this.#answered = true
    this.progress()
    this.#incoming.answer(this.#withRoom(response), { unread })
  }

  /** The answer, or a refusal if there is no room for it. */
  #withRoom(response: WireResponse): WireResponse {
    if (!isPieces(response.body)) {
      const { eventStreams, limits, stopping } = this.#desk
      if (eventStreams.size < limits.eventStreamsMax && !stopping) {
        eventStreams.add(this)
        // It goes on for minutes, and nobody looks at its request any more.
        this.#claim?.release()
        this.#body = NO_BODY
        return response
      }
      this.cancel()
      return refusal('unavailable', this.id)
    }
    this.#answerClaim = this.#desk.answers.claim(response.body, this.#destroy)
    return this.#answerClaim === undefined ? refusal('unavailable', this.id) : response
  }
}
