import {
  GET_RECORDS_BYTES_MAX,
  GET_RECORDS_MAX,
  GetRecords,
  type GetRecordsInput,
  type GetRecordsOutput,
  shardIdOf,
} from '@millrace/protocol'

import type { ShardIterator } from '../streams/shard-iterator.ts'
import { findShard, isServing } from '../streams/stream.ts'
import { dryRun, invalidArgument, iteratorExpired, readRateExceeded, shardDoesNotExist } from './faults.ts'
import { handle, type OperationContext, type ServiceParts } from './operation.ts'
import { millisBehind, type PageRecords, readPage } from './record-page.ts'
import { describeChildren } from './shard-description.ts'
import { countShard } from './shard-metrics.ts'
import { streamKeyOf } from './stream-lookup.ts'

type Output = Omit<GetRecordsOutput, 'Records'> & { readonly Records: PageRecords }

/** Reads records of a shard from an iterator on, and gives the iterator to read on with. */
export const getRecords = handle<GetRecordsInput, Output>(GetRecords, async (input, service, context) => {
  const startedMs = service.clock.monotonic()
  const iterator = openedIterator(input.ShardIterator, service, context)
  if (input.StreamARN !== undefined) {
    const named = streamKeyOf(input, GetRecords.name, context)
    // AWS's text is unknown.
    if (named.name !== iterator.stream.name)
      throw invalidArgument(`StreamARN ${input.StreamARN} and ShardIterator do not refer to the same stream.`)
  }
  const stream = service.catalog.find(iterator.stream)
  const shard = stream === undefined || !isServing(stream) ? undefined : findShard(stream, iterator.shard)
  if (stream === undefined || shard === undefined || shard.birthS !== iterator.birthS)
    throw shardDoesNotExist(iterator.shard, iterator.stream)
  const place = { stream, shard, from: iterator.position, bytes: GET_RECORDS_BYTES_MAX, isForOne: true }
  if (input.DryRun === true) {
    // A record tells whether its key opens it, and whether it is whole.
    await readPage({ ...place, records: 1 }, service, context)
    throw dryRun()
  }

  const label = { account: stream.account, region: stream.region, stream: stream.name }
  const shardId = shardIdOf(shard.number)
  if (!service.throughput.admitRead(shard.ref, startedMs)) {
    const event = { shardId, records: 0, bytes: 0, iteratorAgeMs: 0, throttled: true, elapsedMs: 0 }
    service.metrics.get(label, event)
    countShard(stream, shard.number, { ReadProvisionedThroughputExceeded: 1 }, service)
    throw readRateExceeded(shard, stream)
  }
  const limit = Math.min(input.Limit ?? GET_RECORDS_MAX, GET_RECORDS_MAX)
  const page = await readPage({ ...place, records: limit }, service, context)
  const nowMs = service.clock.monotonic()
  service.throughput.chargeRead(shard.ref, page.bytes, nowMs)

  const behindMs = millisBehind(page, service.clock.now())
  service.metrics.get(label, {
    shardId,
    records: page.count,
    bytes: page.bytes,
    iteratorAgeMs: behindMs,
    throttled: false,
    elapsedMs: nowMs - startedMs,
  })
  countShard(
    stream,
    shard.number,
    { OutgoingBytes: page.bytes, OutgoingRecords: page.count, IteratorAgeMilliseconds: behindMs },
    service,
  )
  // Children are told of only once they are there: until the reshard commits, a closed parent looks like an idle one.
  const children = page.ended ? describeChildren(service.catalog.find(stream) ?? stream, shard.number) : []
  return {
    MillisBehindLatest: behindMs,
    Records: page.records,
    ...(children.length > 0
      ? { ChildShards: children }
      : {
          NextShardIterator: service.iterators.seal({
            stream: iterator.stream,
            shard: shard.number,
            birthS: shard.birthS,
            position: page.next,
            issuedMs: service.clock.now(),
          }),
        }),
  }
})

function openedIterator(text: string, { iterators, clock }: ServiceParts, context: OperationContext): ShardIterator {
  const nowMs = clock.now()
  const opened = iterators.open(text, nowMs)
  if ('fault' in opened) {
    throw opened.fault === 'expired'
      ? iteratorExpired(opened.issuedMs, nowMs)
      : invalidArgument('Invalid ShardIterator.')
  }
  // An iterator opens nothing to other accounts.
  if (opened.stream.account !== context.account || opened.stream.region !== context.region)
    throw invalidArgument('Invalid ShardIterator.')
  return opened
}
