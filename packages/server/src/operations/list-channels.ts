import { LIST_CHANNELS_PAGE_MAX, ListChannels, type ListChannelsInput } from '@millrace/protocol'

import type { Stream } from '../streams/stream.ts'
import { summarizeChannel } from './channel-lookup.ts'
import { invalidArgument } from './faults.ts'
import { makeNextToken, readNextToken } from './next-token.ts'
import { handle, type OperationContext } from './operation.ts'
import { streamKeyOf } from './stream-lookup.ts'

interface Progress {
  readonly filter: Filter | undefined
  /** The last channel listed. */
  readonly after: { readonly name: string; readonly id: string }
}

/** Names of streams, and in which second they were made if that counts. */
type Filter = readonly { readonly name: string; readonly createdS?: number }[]

/** A page of the account's channels in the region, in every state, by name. */
export const listChannels = handle(ListChannels, (input, service, context) => {
  const { NextToken: token } = input
  if (token !== undefined && input.StreamFilter !== undefined)
    throw invalidArgument('NextToken and StreamFilter cannot be provided together.')
  const progress = token === undefined ? undefined : readNextToken<Progress>(ListChannels.name, token, service, context)
  const filter = progress === undefined ? filterOf(input, context) : progress.filter
  const after = progress?.after
  const rest = service.catalog
    .withChannels(context.account, context.region)
    .filter((stream) => filter === undefined || passes(stream, filter))
    .flatMap((stream) => [...stream.channels.values()].map((channel) => ({ stream, channel })))
    .sort((a, b) => compare(a.channel, b.channel))
    .filter(({ channel }) => after === undefined || compare(channel, after) > 0)
  const page = rest.slice(0, Math.min(input.MaxResults ?? LIST_CHANNELS_PAGE_MAX, LIST_CHANNELS_PAGE_MAX))
  const last = page.at(-1)?.channel
  const next = rest.length > page.length && last !== undefined ? { name: last.name, id: last.id } : undefined
  return {
    ChannelSummaries: page.map(({ stream, channel }) => summarizeChannel(stream, channel)),
    ...(next === undefined
      ? {}
      : { NextToken: makeNextToken<Progress>(ListChannels.name, { filter, after: next }, service, context) }),
  }
})

function filterOf({ StreamFilter: filter }: ListChannelsInput, context: OperationContext): Filter | undefined {
  return filter?.map(({ StreamARN, StreamCreationTimestamp: createdMs }) => ({
    name: streamKeyOf({ StreamARN }, ListChannels.name, context).name,
    ...(createdMs === undefined ? {} : { createdS: Math.floor(createdMs / 1000) }),
  }))
}

function passes(stream: Stream, filter: Filter): boolean {
  return filter.some(
    ({ name, createdS }) =>
      name === stream.name && (createdS === undefined || createdS === Math.floor(stream.createdMs / 1000)),
  )
}

interface Named {
  readonly name: string
  readonly id: string
}

function compare(a: Named, b: Named): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.id < b.id ? -1 : Number(a.id > b.id)
}
