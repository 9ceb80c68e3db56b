/** What a ResourceARN names. Streams so far: registered consumers and channels are not served yet, so there are none. */
import { KinesisError, parseStreamArn } from '@millrace/protocol'

import type { StreamKey } from '../streams/stream.ts'
import type { OperationContext } from './operation.ts'
import { streamKeyOf } from './stream-lookup.ts'

export function resourceKeyOf(arn: string, operation: string, context: OperationContext): StreamKey {
  // In the words for consumers; AWS's for channels are unknown.
  if (parseStreamArn(arn) === undefined) {
    const kind = arn.includes('/consumer/') ? 'Consumer' : 'Resource'
    throw new KinesisError('ResourceNotFoundException', `${kind} ${arn}, account ${context.account} not found.`)
  }
  return streamKeyOf({ StreamARN: arn }, operation, context)
}
