import { streamArn, UpdateStreamWarmThroughput } from '@millrace/protocol'

import { streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { settle } from './settle.ts'
import { assertActive, streamKeyOf } from './stream-lookup.ts'
import {
  assertWarmThroughput,
  describeWarmThroughput,
  hasCommitment,
  warmThroughputOfProvisioned,
  withWarmThroughput,
} from './warm-throughput.ts'

/**
 * Changes what an on-demand stream is ready for. Up to twice its shards, and 64 more, are there when it answers; what is
 * missing then follows in the background, as what is no longer needed goes.
 */
export const updateStreamWarmThroughput = handle(UpdateStreamWarmThroughput, async (input, service, context) => {
  const key = streamKeyOf(input, UpdateStreamWarmThroughput.name, context)
  const warmMiBps = input.WarmThroughputMiBps
  const isCommitted = await hasCommitment(service, context)
  await service.catalog.change(key, context.deadlineMs, (stream, firstRef) => {
    if (stream === undefined) throw streamNotFound(key)
    if (stream.onDemand === undefined) throw warmThroughputOfProvisioned()
    assertWarmThroughput(warmMiBps, isCommitted)
    assertActive(stream)
    return withWarmThroughput(stream, { ...stream.onDemand, warmMiBps }, firstRef, service, context)
  })
  await settle(key, service, context)
  const stream = service.catalog.find(key)
  if (stream?.onDemand === undefined) throw streamNotFound(key)
  return {
    StreamARN: streamArn(key),
    StreamName: key.name,
    WarmThroughput: describeWarmThroughput(stream.onDemand, stream, service),
  }
})
