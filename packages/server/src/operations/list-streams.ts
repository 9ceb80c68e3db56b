import { LIST_STREAMS_PAGE_MAX, ListStreams } from '@millrace/protocol'

import { invalidArgument } from './faults.ts'
import { makeNextToken, readNextToken } from './next-token.ts'
import { handle } from './operation.ts'
import { describeStream } from './shard-description.ts'

interface Progress {
  /** The last name listed. */
  readonly after: string
}

/** A page of the account's streams in the region, in every state, by name. */
export const listStreams = handle(ListStreams, (input, service, context) => {
  if (input.NextToken !== undefined && input.ExclusiveStartStreamName !== undefined)
    throw invalidArgument('NextToken and ExclusiveStartStreamName cannot be provided together.')
  const after =
    input.NextToken === undefined
      ? input.ExclusiveStartStreamName
      : readNextToken<Progress>(ListStreams.name, input.NextToken, service, context).after
  const limit = Math.min(input.Limit ?? LIST_STREAMS_PAGE_MAX, LIST_STREAMS_PAGE_MAX)
  const found = service.catalog.list(context.account, context.region, after, limit + 1)
  const page = found.slice(0, limit)
  const last = page.at(-1)
  const hasMore = found.length > page.length
  return {
    StreamNames: page.map((stream) => stream.name),
    HasMoreStreams: hasMore,
    ...(hasMore && last !== undefined
      ? { NextToken: makeNextToken<Progress>(ListStreams.name, { after: last.name }, service, context) }
      : {}),
    StreamSummaries: page.map(describeStream),
  }
})
