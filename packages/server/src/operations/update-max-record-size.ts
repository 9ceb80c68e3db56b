import { UpdateMaxRecordSize } from '@millrace/protocol'

import { streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { assertActive, streamKeyOf } from './stream-lookup.ts'

/** Changes how large a record may be, at once. What is stored stays as it is. */
export const updateMaxRecordSize = handle(UpdateMaxRecordSize, async (input, service, context) => {
  const key = streamKeyOf({ StreamARN: input.StreamARN }, UpdateMaxRecordSize.name, context)
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    assertActive(stream)
    return { stream: { ...stream, maxRecordKiB: input.MaxRecordSizeInKiB } }
  })
})
