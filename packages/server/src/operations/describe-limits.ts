import { DescribeLimits } from '@millrace/protocol'

import { handle } from './operation.ts'
import { onDemandStreamsOf, openShardsOf } from './quotas.ts'

/** The account's quotas in this region, and how much of them is used. There are no channels yet. */
export const describeLimits = handle(DescribeLimits, (_, service, context) => ({
  ShardLimit: service.quotas.shards,
  OpenShardCount: openShardsOf(service, context),
  OnDemandStreamCount: onDemandStreamsOf(service, context),
  OnDemandStreamCountLimit: service.quotas.onDemandStreams,
  ChannelCount: 0,
  ChannelCountLimit: 0,
}))
