import { DescribeLimits } from '@millrace/protocol'

import { handle } from './operation.ts'
import { openShardsOf } from './quotas.ts'

/** The account's quotas in this region, and how much of them is used. There are no on-demand streams or channels yet. */
export const describeLimits = handle(DescribeLimits, (_, service, context) => ({
  ShardLimit: service.quotas.shards,
  OpenShardCount: openShardsOf(service, context),
  OnDemandStreamCount: 0,
  OnDemandStreamCountLimit: 0,
  ChannelCount: 0,
  ChannelCountLimit: 0,
}))
