import { CHANNELS_PER_ACCOUNT, DescribeLimits } from '@millrace/protocol'

import { handle } from './operation.ts'
import { totalsOf } from './quotas.ts'

/** The account's quotas in this region, and how much of them is used. */
export const describeLimits = handle(DescribeLimits, (_, service, context) => {
  const { openShards, onDemandStreams, channels } = totalsOf(service, context)
  return {
    ShardLimit: service.quotas.shards,
    OpenShardCount: openShards,
    OnDemandStreamCount: onDemandStreams,
    OnDemandStreamCountLimit: service.quotas.onDemandStreams,
    ChannelCount: channels,
    ChannelCountLimit: CHANNELS_PER_ACCOUNT,
  }
})
