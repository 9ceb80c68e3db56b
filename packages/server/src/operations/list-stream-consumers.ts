import { LIST_CONSUMERS_PAGE_MAX, ListStreamConsumers } from '@millrace/protocol'

import { consumerSummary } from './consumer-description.ts'
import { invalidArgument, streamNotFound } from './faults.ts'
import { makeNextToken, readNextToken } from './next-token.ts'
import { handle } from './operation.ts'
import { getStream } from './stream-lookup.ts'

interface Progress {
  readonly name: string
  /** The stream's birth: a token never lists the consumers of a later stream of the name. */
  readonly bornS: number
  /** The last consumer listed. */
  readonly after: string
}

/** A page of the consumers registered with a stream, in every state, by name. */
export const listStreamConsumers = handle(ListStreamConsumers, (input, service, context) => {
  const { NextToken: token, StreamCreationTimestamp: createdMs } = input
  if (token !== undefined && createdMs !== undefined)
    throw invalidArgument('NextToken and StreamCreationTimestamp cannot be provided together.')
  const stream = getStream({ StreamARN: input.StreamARN }, ListStreamConsumers.name, service, context)
  // Clients may know the creation time in whole seconds only.
  if (createdMs !== undefined && Math.floor(createdMs / 1000) !== Math.floor(stream.createdMs / 1000))
    throw streamNotFound(stream)
  const progress =
    token === undefined ? undefined : readNextToken<Progress>(ListStreamConsumers.name, token, service, context)
  if (progress !== undefined && (progress.name !== stream.name || progress.bornS !== stream.bornS))
    throw invalidArgument('Invalid NextToken.')

  const limit = Math.min(input.MaxResults ?? LIST_CONSUMERS_PAGE_MAX, LIST_CONSUMERS_PAGE_MAX)
  const rest = [...stream.consumers.values()].filter(({ name }) => progress === undefined || name > progress.after)
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const hasMore = rest.length > page.length && last !== undefined
  return {
    Consumers: page.map((consumer) => consumerSummary(stream, consumer)),
    ...(hasMore
      ? {
          NextToken: makeNextToken<Progress>(
            ListStreamConsumers.name,
            { name: stream.name, bornS: stream.bornS, after: last.name },
            service,
            context,
          ),
        }
      : {}),
  }
})
