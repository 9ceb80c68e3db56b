/** Account quotas, computed from the catalog: nothing is counted twice or forgotten, whoever changed what. */
import { KinesisError } from '@millrace/protocol'

import type { Channel } from '../streams/channel.ts'
import { countOpenShards } from '../streams/stream.ts'
import { shardQuotaExceeded } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

/** Open shards of all streams of the account and region, without those that are going, with those asked for. */
export function openShardsOf({ catalog }: ServiceParts, { account, region }: OperationContext): number {
  return countOpenShards(catalog.list(account, region))
}

/** Streams of the account and region in ON_DEMAND mode, without those that are going. */
export function onDemandStreamsOf({ catalog }: ServiceParts, { account, region }: OperationContext): number {
  return catalog.list(account, region).filter((stream) => stream.onDemand !== undefined && stream.status !== 'DELETING')
    .length
}

/** Channels of the account and region, in every state. */
export function channelsOf({ catalog }: ServiceParts, { account, region }: OperationContext): readonly Channel[] {
  return catalog.list(account, region).flatMap(({ channels }) => [...channels.values()])
}

/** Refuses when one more on-demand stream would be too many for the account and region. */
export function assertOnDemandQuota(service: ServiceParts, context: OperationContext): void {
  const current = onDemandStreamsOf(service, context)
  const limit = service.quotas.onDemandStreams
  if (current < limit) return
  throw new KinesisError(
    'LimitExceededException',
    `This request would exceed the limit on the number of On-Demand streams for the account \`${context.account}\` in ` +
      `\`${context.region}\`. Current On-Demand streams count: ${current}. Limit: ${limit}.`,
  )
}

/** Refuses when `additional` open shards would be too many for the account and region. */
export function assertShardQuota(additional: number, service: ServiceParts, context: OperationContext): void {
  const current = openShardsOf(service, context)
  const limit = service.quotas.shards
  if (current + additional > limit) throw shardQuotaExceeded(context, { current, limit, additional })
}

/** Refuses when too many streams are being created, or being deleted, at once. */
export function assertStatusQuota(
  status: 'CREATING' | 'DELETING',
  service: ServiceParts,
  context: OperationContext,
): void {
  // Without a delay a change is only shown while it is made, and many callers at once are no burden.
  if (service.statusDelayMs === 0) return
  const limit = service.quotas.changingStreams
  const changing = service.catalog
    .list(context.account, context.region)
    .filter((stream) => stream.status === status).length
  if (changing < limit) return
  throw new KinesisError(
    'LimitExceededException',
    'This request would have exceed the limit on the number of streams that can simultaneously be in CREATING or ' +
      `DELETING for the account ${context.account}. Limit: ${limit}.`,
  )
}
