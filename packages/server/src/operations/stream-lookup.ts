/** Which stream a request means, and whether it may be used: the rules all operations share (KINESIS.md §8). */
import { KinesisError, parseShardId, parseStreamArn, shardIdOf } from '@millrace/protocol'

import type { Shard } from '../streams/shard.ts'
import { findShard, isServing, type Stream, type StreamKey } from '../streams/stream.ts'
import { invalidArgument, notActive, shardNotFound, streamNotFound } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

export interface StreamReference {
  readonly StreamName?: string | undefined
  readonly StreamARN?: string | undefined
}

/**
 * The stream a request names, by name, by ARN, or by both when they agree. `resource`: what it is about, if not the stream
 * itself but something of it, for the words of a refusal.
 */
export function streamKeyOf(
  input: StreamReference,
  operation: string,
  context: OperationContext,
  resource = input.StreamARN,
): StreamKey {
  const { account, region } = context
  const { StreamName: name, StreamARN: arn } = input
  if (arn === undefined) {
    // AWS's text is unknown.
    if (name === undefined) throw invalidArgument('Either StreamName or StreamARN should be provided.')
    return { account, region, name }
  }
  const address = parseStreamArn(arn)
  // The pattern of ARNs lets through what can be no stream's.
  if (address === undefined) {
    throw streamNotFound({ account: arn.split(':')[4] ?? account, region, name: arn.slice(arn.indexOf('/') + 1) })
  }
  if (name !== undefined && name !== address.name) {
    // AWS's text is unknown.
    throw invalidArgument(`StreamName ${name} and StreamARN ${arn} do not refer to the same stream.`)
  }
  if (address.account !== account) {
    throw new KinesisError(
      'AccessDeniedException',
      `User: arn:aws:iam::${account}:root is not authorized to perform: kinesis:${operation} on resource: ${resource} ` +
        `because no resource-based policy allows the kinesis:${operation} action`,
    )
  }
  // Each region is a world of its own: what is elsewhere does not exist here.
  if (address.region !== region) throw streamNotFound(address)
  return address
}

/** The stream a request names, in whatever state. */
export function getStream(
  input: StreamReference,
  operation: string,
  { catalog }: ServiceParts,
  context: OperationContext,
): Stream {
  const key = streamKeyOf(input, operation, context)
  const stream = catalog.find(key)
  if (stream === undefined) throw streamNotFound(key)
  return stream
}

/** The same for the data plane, where a stream that is being created or deleted does not exist. */
export function getServingStream(
  input: StreamReference,
  operation: string,
  service: ServiceParts,
  context: OperationContext,
): Stream {
  const stream = getStream(input, operation, service, context)
  if (!isServing(stream)) throw streamNotFound(stream)
  return stream
}

/** For changes: one at a time. */
export function assertActive(stream: Stream): void {
  if (stream.status !== 'ACTIVE') throw notActive(stream)
}

/** For changes of shards: those of an on-demand stream follow its traffic. */
export function assertProvisioned({ onDemand, name, account }: Stream): void {
  if (onDemand === undefined) return
  throw new KinesisError(
    'ValidationException',
    `Request is invalid. Stream ${name} under account ${account} is in On-Demand mode.`,
  )
}

/** The number in a shard id, as lenient as AWS. What names no shard is not found before its stream is looked for. */
export function shardNumberOf(shardId: string, key: StreamKey): number {
  const number = parseShardId(shardId)
  if (number === undefined) throw shardNotFound(shardId, key)
  return number
}

export function getShard(stream: Stream, number: number): Shard {
  const shard = findShard(stream, number)
  if (shard === undefined) throw shardNotFound(shardIdOf(number), stream)
  return shard
}
