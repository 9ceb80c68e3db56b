/** Account quotas, held against what the catalog counts: nothing twice, and nothing forgotten, whoever changed what. */
import { KinesisError } from '@millrace/protocol'

import type { Totals } from '../catalog/totals.ts'
import type { Channel } from '../streams/channel.ts'
import { shardQuotaExceeded } from './faults.ts'
import type { OperationContext, ServiceParts } from './operation.ts'

/** What the account has in the region, with what is asked for and without what is going. */
export function totalsOf({ catalog }: ServiceParts, { account, region }: OperationContext): Totals {
  return catalog.totals(account, region)
}

/**
 * What changes have a turn at that count against one quota and write no document in common: of two at once, both would be
 * counted without the other. Turns are politeness: behind a change that hangs for TURN_MS_MAX a quota can be passed all the same.
 */
export function quotaTurn(
  quota: 'channels' | 'consumers being made' | 'on-demand streams' | 'streams being deleted',
  { account, region }: OperationContext,
): string {
  return `${quota}/${account}/${region}`
}

/** Channels of the account and region, in every state. */
export function channelsOf({ catalog }: ServiceParts, { account, region }: OperationContext): readonly Channel[] {
  return catalog.withChannels(account, region).flatMap(({ channels }) => [...channels.values()])
}

/** Refuses when one more on-demand stream would be too many for the account and region. */
export function assertOnDemandQuota(service: ServiceParts, context: OperationContext): void {
  const current = totalsOf(service, context).onDemandStreams
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
  const current = totalsOf(service, context).openShards
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
  const { creatingStreams, deletingStreams } = totalsOf(service, context)
  const changing = status === 'CREATING' ? creatingStreams : deletingStreams
  if (changing < limit) return
  throw new KinesisError(
    'LimitExceededException',
    'This request would have exceed the limit on the number of streams that can simultaneously be in CREATING or ' +
      `DELETING for the account ${context.account}. Limit: ${limit}.`,
  )
}
