import { CHANNELS_PER_ACCOUNT, DescribeLimits } from '@millrace/protocol'

import { handle } from './operation.ts'
import { channelsOf, onDemandStreamsOf, openShardsOf } from './quotas.ts'

/** The account's quotas in this region, and how much of them is used. */
export const describeLimits = handle(DescribeLimits, (_, service, context) => ({
  ShardLimit: service.quotas.shards,
  OpenShardCount: openShardsOf(service, context),
  OnDemandStreamCount: onDemandStreamsOf(service, context),
  OnDemandStreamCountLimit: service.quotas.onDemandStreams,
  ChannelCount: channelsOf(service, context).length,
  ChannelCountLimit: CHANNELS_PER_ACCOUNT,
}))
