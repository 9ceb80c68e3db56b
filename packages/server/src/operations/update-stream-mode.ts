import { UpdateStreamMode } from '@millrace/protocol'

import { beginOnDemand, PEAK_DAYS } from '../streams/on-demand.ts'
import { countToday } from './daily-count.ts'
import { invalidArgument, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { assertOnDemandQuota, quotaTurn } from './quotas.ts'
import { settle } from './settle.ts'
import { assertActive, streamKeyOf } from './stream-lookup.ts'
import {
  assertWarmThroughput,
  hasCommitment,
  warmThroughputOfProvisioned,
  withWarmThroughput,
} from './warm-throughput.ts'

/** Changes who says how many shards a stream has. It keeps those that it has. To the mode it is in: nothing. */
export const updateStreamMode = handle(UpdateStreamMode, async (input, service, context) => {
  const key = streamKeyOf({ StreamARN: input.StreamARN }, UpdateStreamMode.name, context)
  const isToOnDemand = input.StreamModeDetails.StreamMode === 'ON_DEMAND'
  const warmMiBps = input.WarmThroughputMiBps ?? 0
  const isCommitted = warmMiBps > 0 && (await hasCommitment(service, context))
  await service.catalog.change(key, context.deadlineMs, (stream, firstRef) => {
    if (stream === undefined) throw streamNotFound(key)
    if (warmMiBps > 0) {
      if (!isToOnDemand) throw warmThroughputOfProvisioned()
      assertWarmThroughput(warmMiBps, isCommitted)
    }
    assertActive(stream)
    if (isToOnDemand === (stream.onDemand !== undefined)) {
      // AWS's text is unknown: a stream that is on-demand already has UpdateStreamWarmThroughput for it.
      if (warmMiBps > 0)
        throw invalidArgument('WarmThroughputMiBps is only allowed when the mode of a stream changes to ON_DEMAND.')
      return { stream }
    }
    const modeChangedAtMs = countToday(stream.modeChangedAtMs, {
      nowMs: service.clock.now(),
      max: service.quotas.modeChanges,
      operation: UpdateStreamMode.name,
      stream,
    })
    const { onDemand: _, ...settings } = stream
    const changed = { ...settings, modeChangedAtMs }
    if (!isToOnDemand && stream.channels.size > 0)
      // AWS's answer is unknown.
      throw invalidArgument(`Stream ${stream.name} has channels, which are only allowed in ON_DEMAND mode.`)
    if (!isToOnDemand) return { stream: changed }
    assertOnDemandQuota(service, context)
    const distribution = 'USER_PARTITION_KEY'
    const onDemand = beginOnDemand(stream.openShards, service.guardedClock.now(PEAK_DAYS * 24), {
      warmMiBps,
      distribution,
    })
    const update = withWarmThroughput(changed, onDemand, firstRef, service, context)
    return { ...update, turns: [quotaTurn('on-demand streams', context)] }
  })
  await settle(key, service, context)
})
