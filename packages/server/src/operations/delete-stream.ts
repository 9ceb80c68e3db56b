import { DeleteStream, KinesisError } from '@millrace/protocol'

import { beginDeletion } from '../streams/delete.ts'
import type { Stream, StreamKey } from '../streams/stream.ts'
import { notActive, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { assertStatusQuota, quotaTurn } from './quotas.ts'
import { settle } from './settle.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** Deletes a stream with all its records, and its consumers if the caller says so, in whatever state but DELETING it is. Its name is free afterwards. */
export const deleteStream = handle(DeleteStream, async (input, service, context) => {
  const key = streamKeyOf(input, DeleteStream.name, context)
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    if (stream.status === 'DELETING') throw notActive(stream)
    if (stream.consumers.size > 0 && input.EnforceConsumerDeletion !== true) throw hasConsumers(stream)
    if (stream.channels.size > 0) throw hasChannels(stream)
    assertStatusQuota('DELETING', service, context)
    const going = beginDeletion(stream, service.clock.now())
    // Without a delay nothing is counted.
    return { stream: going, turns: service.statusDelayMs === 0 ? [] : [quotaTurn('streams being deleted', context)] }
  })
  await settle(key, service, context)
})

/** AWS's text is unknown. */
function hasChannels({ account, name, channels }: Stream): KinesisError {
  const names = [...channels.values()].map((channel) => channel.name)
  return new KinesisError(
    'ResourceInUseException',
    `DeleteStream can't delete ${account}:${name} because it has channels: ${names.join(', ')}. Delete them first.`,
  )
}

function hasConsumers({ account, name }: StreamKey): KinesisError {
  return new KinesisError(
    'ResourceInUseException',
    `DeleteStream can't delete ${account}:${name} because there are consumers associated with this data stream. ` +
      `To delete ${name} anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the ` +
      'consumers that are associated with it.',
  )
}
