/**
 * From a request to its answer, without a socket: the checks of the real service's front door in its order (the rows
 * of KINESIS.md §2, named in the code), then who asks, what is asked, the operation, and its answer as bytes. The one
 * place where errors become bytes. Invariant: always answers, never throws.
 */
import {
  type Codec,
  encodeResponsePieces,
  EVENT_STREAM_TYPE,
  KinesisError,
  type Operation,
  operationsByTarget,
} from '@millrace/protocol'
import type { Clock, Logger, Random } from '@millrace/std'

import type { Audit } from '../auth/audit.ts'
import type { Authenticate, Caller } from '../auth/authenticate.ts'
import type { Principal } from '../auth/iam/principal.ts'
import type { Sts } from '../auth/sts.ts'
import type { OperationContext, Peer } from '../operations/operation.ts'
import type { Service } from '../service.ts'
import {
  type Answer,
  CBOR_TYPE,
  contentTypeOf,
  envelopeAnswer,
  errorAnswer,
  JSON_TYPE,
  notAnOperation,
  PLAIN_JSON_TYPE,
  preflightAnswer,
  textAnswer,
  toResponse,
  unknownEncoding,
} from './answers.ts'
import { type DecodedBody, releaseInput } from './body-decoder.ts'
import type { BodyWorker } from './body-worker.ts'
import { eventMessages, isEventStream } from './event-messages.ts'
import type { HostPolicy } from './host-policy.ts'
import type { FrontDoorLimits } from './limits.ts'
import type { Pages } from './pages.ts'
import { RequestIds } from './request-ids.ts'
import { stsAnswer, stsFailure, stsForm } from './sts-answers.ts'
import type { Dispatch, WireRequest } from './wire.ts'

export interface DispatchOptions {
  readonly service: Pick<Service, 'execute'>
  readonly authenticate: Authenticate
  readonly sts: Sts
  /** Absent: there is no audit log. */
  readonly audit?: Audit
  readonly bodies: BodyWorker
  readonly hosts: HostPolicy
  readonly pages: Pages
  readonly limits: Pick<FrontDoorLimits, 'handlingMs'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Called once a request, with the operation's name if it is one. */
  readonly onAnswer: (operation: string | undefined, status: number, elapsedMs: number) => void
}

/**
 * Operations whose bodies are large, and whose input nobody looks at once they have settled, however they did: they copy
 * what they store. All others leave their bodies to the collector.
 */
const copiers: ReadonlySet<string | undefined> = new Set(['PutRecord', 'PutRecords'])

export function createDispatch(options: DispatchOptions): Dispatch {
  const { service, authenticate, sts, audit, bodies, hosts, pages, limits, clock, logger, onAnswer } = options
  const ids = new RequestIds(options.random)

  return async (request) => {
    const startedMs = clock.monotonic()
    const operation = operationsByTarget.get(request.headers['x-amz-target'] ?? '')
    const common = { requestId: request.id, extendedId: ids.nextExtended(), cors: false }
    const response = toResponse(await answer(request, operation, common, startedMs), common)
    onAnswer(operation?.name, response.status, clock.monotonic() - startedMs)
    return response
  }

  /** Notes in `common` what the request's origin is granted. Not async, as `execute` is not (bench: PutRecord). */
  function answer(
    request: WireRequest,
    operation: Operation | undefined,
    common: { cors: boolean },
    startedMs: number,
  ): Answer | Promise<Answer> {
    const { headers, method } = request
    const host = headers['host'] ?? headers[':authority']
    if (!hosts.allowsHost(host)) return foreignHost(host)
    // Row 2.
    const origin = headers['origin']
    common.cors = origin !== undefined && hosts.grantsOrigin(origin)
    // Row 3.
    if (method === 'OPTIONS' && common.cors) return preflightAnswer(headers)
    if (method === 'GET' || method === 'HEAD') {
      const page = pages(pathOf(request.url), headers)
      if (page !== undefined) return page
    }
    // Row 4.
    return method === 'POST' ? answerPost(request, operation, startedMs) : notAnOperation
  }

  function answerPost(
    request: WireRequest,
    operation: Operation | undefined,
    startedMs: number,
  ): Answer | Promise<Answer> {
    const { headers, body } = request
    const contentType = baseType(headers['content-type'])
    const codec: Codec = contentType === JSON_TYPE ? 'json' : 'cbor'
    // Row 5: in CBOR for everything but JSON 1.1, whatever was asked for.
    if (body.length === 0) {
      const type = operation === undefined ? 'UnknownOperationException' : 'SerializationException'
      return errorAnswer(codec, { type, message: '' }, 400)
    }
    // A row of our own: another service answers at the same port.
    const form = stsForm(contentType, request)
    if (form !== undefined) return answerSts(request, form)
    // Rows 6 and 7.
    if (contentType !== JSON_TYPE && contentType !== CBOR_TYPE && contentType !== PLAIN_JSON_TYPE) {
      return headers['x-amz-target'] === undefined ? notAnOperation : unknownEncoding
    }
    if (contentType === PLAIN_JSON_TYPE) return answerPlainJson(request)
    return answerOperation(request, operation, codec, startedMs)
  }

  async function answerOperation(
    request: WireRequest,
    operation: Operation | undefined,
    codec: Codec,
    startedMs: number,
  ): Promise<Answer> {
    let isBodyDone = false
    try {
      const job = { codec, operation: operation?.name, hashed: authenticate.hashesBodies }
      const decoding = bodies.decode(job, request.body)
      const decoded: DecodedBody = decoding instanceof Promise ? await decoding : decoding
      isBodyDone = decoded.kind !== 'decoded' || copiers.has(operation?.name)
      // Row 8.
      if (decoded.kind === 'unparsable') throw new KinesisError('SerializationException')
      // Row 10.
      if (operation === undefined) throw new KinesisError('UnknownOperationException')
      const asked = { request, service: 'kinesis', operation: operation.name } as const
      let caller: Caller | undefined
      let output: unknown
      try {
        // Row 11.
        caller = authenticate.caller(request, decoded.payloadHash)
        // Rows 12 and 13.
        if (decoded.kind === 'invalid') throw decoded.error
        const principal = authenticate.mode === 'iam' ? caller.principal : undefined
        const context = new RequestContext(request, caller, principal, codec, startedMs + limits.handlingMs)
        output = await service.execute(operation.name, decoded.input, context)
      } catch (error) {
        audit?.({ ...asked, caller, input: decoded.kind === 'decoded' ? decoded.input : undefined, error })
        throw error
      }
      audit?.({ ...asked, caller, input: decoded.input })
      releaseInput(decoded.input, request.body)
      if (isEventStream(output)) {
        const body = eventMessages(output, (error) => report(error, request, operation))
        return { status: 200, contentType: EVENT_STREAM_TYPE, body }
      }
      return { status: 200, contentType: contentTypeOf(codec), body: encodeResponsePieces(operation, codec, output) }
    } catch (error) {
      return failed(error, codec, request, operation)
    } finally {
      if (isBodyDone) request.bodyIsDone?.()
    }
  }

  function answerSts(request: WireRequest, form: URLSearchParams): Answer {
    try {
      return stsAnswer(sts, request, form)
    } catch (error) {
      report(error, request, undefined)
      return stsFailure(request)
    }
  }

  /** Rows 8 and 9: the plain JSON type is recognised, and never served. */
  async function answerPlainJson(request: WireRequest): Promise<Answer> {
    const job = { codec: 'json', operation: undefined, hashed: false } as const
    try {
      const { kind } = await bodies.decode(job, request.body)
      if (kind === 'unparsable') return envelopeAnswer('SerializationException', 400)
      return envelopeAnswer('UnknownOperationException', 404)
    } catch (error) {
      return failed(error, 'json', request, undefined)
    }
  }

  function failed(error: unknown, codec: Codec, request: WireRequest, operation: Operation | undefined): Answer {
    if (error instanceof KinesisError) {
      if (error.cause !== undefined && error.status >= 500) report(error.cause, request, operation)
      return errorAnswer(codec, error, error.status)
    }
    report(error, request, operation)
    return errorAnswer(codec, { type: 'InternalFailure', message: '' }, 500)
  }

  function report(error: unknown, request: WireRequest, operation: Operation | undefined): void {
    logger.error('a request failed inside', { requestId: request.id, operation: operation?.name, error })
  }
}

class RequestContext implements OperationContext {
  readonly account: string
  readonly region: string
  readonly requestId: string
  readonly deadlineMs: number
  readonly codec: Codec
  readonly principal?: Principal
  readonly #request: WireRequest

  constructor(
    request: WireRequest,
    caller: Caller,
    principal: Principal | undefined,
    codec: Codec,
    deadlineMs: number,
  ) {
    this.account = caller.account
    this.region = caller.region
    this.requestId = request.id
    this.codec = codec
    this.deadlineMs = deadlineMs
    if (principal !== undefined) this.principal = principal
    this.#request = request
  }

  get peer(): Peer | undefined {
    return this.#request.peer
  }

  /** Made only for who asks: most operations never do, and making one is 7 % of a small put. */
  get signal(): AbortSignal {
    return this.#request.signal
  }
}

/** What stands before `;`, as the real service compares it. */
function baseType(header: string | undefined): string {
  if (header === undefined) return ''
  const semicolon = header.indexOf(';')
  return (semicolon === -1 ? header : header.slice(0, semicolon)).trim()
}

function pathOf(url: string): string {
  const question = url.indexOf('?')
  return question === -1 ? url : url.slice(0, question)
}

function foreignHost(host: string | undefined): Answer {
  const name = /^[\w.:[\]-]{1,100}$/.test(host ?? '') ? ` '${host}'` : ''
  return textAnswer(
    403,
    `This server answers to loopback names only, and the request's Host${name} is not one of them.\n` +
      'Add it with --allowed-hosts (MILLRACE_ALLOWED_HOSTS), or choose --auth keys.\n',
  )
}
