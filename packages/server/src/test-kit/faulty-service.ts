/**
 * The service with the faults in front of it: between the decoded input and the operation, so that the front door puts
 * a fault into bytes as it does with every error, in whatever encoding. What a fault cannot concern (a stream that is
 * not there, an iterator that is none) goes on to the operation, which says so.
 */
import { KinesisError, type PutRecordsInput, type PutRecordsOutput, SHARD_ITERATOR_LIFE_MS } from '@millrace/protocol'
import { type Clock, sleep, withAnySignal } from '@millrace/std'

import { isEventStream } from '../http/event-messages.ts'
import type { Dispatch } from '../http/wire.ts'
import { type Named, rateExceeded } from '../operations/call-rates.ts'
import {
  internalFailure,
  iteratorExpired,
  readRateExceeded,
  recordFailure,
  writeRateExceeded,
} from '../operations/faults.ts'
import type { OperationContext } from '../operations/operation.ts'
import type { Service } from '../service.ts'
import type { FaultRule, RecordErrorCode } from './fault.ts'
import type { ActiveFault, FaultList } from './fault-list.ts'
import { aimOf, isAbout, type RequestAim } from './request-aim.ts'
import type { RequestGate } from './request-gate.ts'

export interface FaultyServiceOptions {
  /** The one that is there now. */
  readonly service: () => Service
  readonly faults: FaultList
  readonly gate: RequestGate
  readonly clock: Clock
}

export class FaultyService implements Pick<Service, 'execute'> {
  readonly #options: FaultyServiceOptions
  /** Requests whose event stream is to be broken off where it has come to. */
  readonly #cuts = new Set<string>()
  /** Of each request that is under way: aborted by the first reset since it came in. */
  readonly #abandoned = new Map<string, AbortSignal>()

  constructor(options: FaultyServiceOptions) {
    this.#options = options
  }

  async execute(operation: string, input: unknown, context: OperationContext): Promise<unknown> {
    const { service, faults, clock } = this.#options
    // A subscription may be cut by what is added later.
    if (faults.isEmpty && operation !== 'SubscribeToShard') return service().execute(operation, input, context)
    const aim = aimOf(operation, input, context, service(), clock.now())
    const { delayMs, error, isApplied } = this.#verdict(aim, input, context)
    if (delayMs > 0) await this.#pause(delayMs, context)
    if (error !== undefined && !isApplied) throw error
    const output =
      operation === 'PutRecords'
        ? await this.#putRecords(aim, input as PutRecordsInput, context)
        : await service().execute(operation, input, context)
    if (error !== undefined) throw error
    return isEventStream(output) ? { EventStream: this.#cuttable(output.EventStream, aim, context) } : output
  }

  /**
   * The front door, past the gate. Remembers in which world a request came in: a reset may come before it is decoded. Breaks
   * off the answers whose subscriptions were cut: their reader is told nothing.
   */
  around(dispatch: Dispatch): Dispatch {
    return async (request) => {
      this.#abandoned.set(request.id, this.#options.gate.abandoned)
      const response = await dispatch(request).finally(() => this.#abandoned.delete(request.id))
      const { body } = response
      if (!(Symbol.asyncIterator in body)) return response
      return { ...response, body: this.#broken(body, request.id) }
    }
  }

  /** What the faults make of a request as a whole. Of those that refuse it, the first counts. */
  #verdict(
    aim: RequestAim,
    input: unknown,
    context: OperationContext,
  ): { readonly delayMs: number; readonly error?: KinesisError; readonly isApplied: boolean } {
    let delayMs = 0
    for (const active of this.#options.faults.active) {
      const { rule } = active
      if (!concerns(rule, aim) || rule.fault.kind === 'cut' || isPerRecord(rule, aim)) continue
      if (rule.fault.kind === 'delay') {
        if (active.strikes()) delayMs += rule.delayMs
        continue
      }
      const error = this.#errorOf(rule, aim, input, context)
      if (error === undefined || !active.strikes()) continue
      return { delayMs, error, isApplied: rule.fault.kind === 'internal-failure' && rule.fault.applied === true }
    }
    return { delayMs, isApplied: false }
  }

  /** Undefined: it cannot happen to this request. */
  #errorOf({ fault }: FaultRule, aim: RequestAim, input: unknown, context: OperationContext): KinesisError | undefined {
    switch (fault.kind) {
      case 'internal-failure':
        return internalFailure()
      case 'error':
        return new KinesisError(fault.type, fault.message)
      case 'expire-iterator': {
        const { issuedMs } = aim
        if (issuedMs === undefined) return undefined
        const nowMs = Math.max(this.#options.clock.now(), issuedMs + SHARD_ITERATOR_LIFE_MS + 1_000)
        return iteratorExpired(issuedMs, nowMs)
      }
      case 'throttle':
        return throttled(aim, input as Named, context)
      default:
        return undefined
    }
  }

  /** The records that no fault strikes are put; the others fail where they stood. */
  async #putRecords(aim: RequestAim, input: PutRecordsInput, context: OperationContext): Promise<unknown> {
    const { service, faults } = this.#options
    const { stream, shards } = aim
    const rules = [...faults.active].filter(({ rule }) => concerns(rule, aim) && isPerRecord(rule, aim))
    if (stream === undefined || rules.length === 0) return service().execute(aim.operation, input, context)
    const failures = shards.map((shard) => {
      const code = shard && codeOf(rules, aim, shard)
      return shard === undefined || code === undefined ? undefined : recordFailure(code, shard, stream)
    })
    const left = input.Records.filter((_, entry) => failures[entry] === undefined)
    const output: PutRecordsOutput =
      left.length === 0
        ? { FailedRecordCount: 0, Records: [] }
        : ((await service().execute(aim.operation, { ...input, Records: left }, context)) as PutRecordsOutput)
    const results = output.Records.values()
    const failed = input.Records.length - left.length + (output.FailedRecordCount ?? 0)
    // Each record that was put has its result, in order.
    const records = failures.flatMap((failure) => failure ?? results.next().value ?? [])
    return { ...output, FailedRecordCount: failed, Records: records }
  }

  async #pause(delayMs: number, { signal, requestId }: OperationContext): Promise<void> {
    const { gate, clock } = this.#options
    const abandoned = this.#abandoned.get(requestId) ?? gate.abandoned
    await withAnySignal([signal, abandoned], async (ended) => {
      try {
        await gate.setAside(sleep(clock, delayMs, ended))
      } catch (error) {
        if (ended.aborted) throw internalFailure()
        throw error
      }
    })
  }

  async *#cuttable<T>(events: AsyncIterable<T>, aim: RequestAim, { requestId }: OperationContext): AsyncGenerator<T> {
    for await (const event of events) {
      for (const active of this.#options.faults.active) {
        const { rule } = active
        if (rule.fault.kind !== 'cut' || !concerns(rule, aim) || !active.strikes()) continue
        this.#cuts.add(requestId)
        return
      }
      yield event
    }
  }

  async *#broken(body: AsyncIterable<readonly Uint8Array[]>, requestId: string): AsyncGenerator<readonly Uint8Array[]> {
    try {
      yield* body
      if (this.#cuts.has(requestId)) throw new Error('a fault of the test kit cut this subscription')
    } finally {
      this.#cuts.delete(requestId)
    }
  }
}

function concerns({ operations, fault, shard }: FaultRule, aim: RequestAim): boolean {
  if (operations !== undefined && !operations.has(aim.operation)) return false
  if (fault.stream !== undefined && fault.stream !== aim.streamName) return false
  return shard === undefined || isAbout(aim, shard)
}

function isPerRecord({ fault }: FaultRule, { operation }: RequestAim): boolean {
  return fault.kind === 'fail-records' || (fault.kind === 'throttle' && operation === 'PutRecords')
}

function codeOf(
  rules: readonly ActiveFault[],
  aim: RequestAim,
  shard: NonNullable<RequestAim['shards'][number]>,
): RecordErrorCode | undefined {
  const one = { ...aim, shards: [shard] }
  for (const active of rules) {
    const { fault } = active.rule
    if (!concerns(active.rule, one) || !active.strikes()) continue
    return (fault.kind === 'fail-records' ? fault.code : undefined) ?? 'ProvisionedThroughputExceededException'
  }
  return undefined
}

function throttled(aim: RequestAim, named: Named, context: OperationContext): KinesisError | undefined {
  const { operation, stream } = aim
  const [shard] = aim.shards
  if (operation !== 'PutRecord' && operation !== 'GetRecords') return rateExceeded(operation, named, context)
  if (stream === undefined || shard === undefined) return undefined
  if (operation === 'GetRecords') return readRateExceeded(shard, stream)
  return new KinesisError('ProvisionedThroughputExceededException', writeRateExceeded(shard, stream))
}
