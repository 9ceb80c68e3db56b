import { DeleteStream } from '@millrace/protocol'

import { beginDeletion } from '../streams/delete.ts'
import { notActive, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { assertStatusQuota } from './quotas.ts'
import { settle } from './settle.ts'
import { streamKeyOf } from './stream-lookup.ts'

/** Deletes a stream with all its records, in whatever state but DELETING it is. Its name is free afterwards. */
export const deleteStream = handle(DeleteStream, async (input, service, context) => {
  const key = streamKeyOf(input, DeleteStream.name, context)
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    if (stream.status === 'DELETING') throw notActive(stream)
    assertStatusQuota('DELETING', service, context)
    return { stream: beginDeletion(stream, service.clock.now()) }
  })
  await settle(key, service, context)
})
