import { StopStreamEncryption } from '@millrace/protocol'

import { beginNoEncryption } from '../streams/encryption.ts'
import { countToday } from './daily-count.ts'
import { encryptionIsKms, invalidArgument, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { settle } from './settle.ts'
import { assertActive, streamKeyOf } from './stream-lookup.ts'

/** Stores what is written from now on as it is. A stream that is not encrypted stays so, and that does not count. */
export const stopStreamEncryption = handle(StopStreamEncryption, async (input, service, context) => {
  const { EncryptionType, KeyId } = input
  const key = streamKeyOf(input, StopStreamEncryption.name, context)
  await service.catalog.change(key, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(key)
    if (EncryptionType !== 'KMS') throw encryptionIsKms()
    assertActive(stream)
    if (stream.keyId === undefined) return { stream }
    // A key that is lost still has its name. AWS's text is unknown.
    if (!service.dataKeys.isSameKey(KeyId, stream.keyId))
      throw invalidArgument(
        `KeyId ${KeyId} is not the key that stream ${stream.name} under account ${stream.account} is encrypted with.`,
      )
    const nowMs = service.clock.now()
    const decryptedAtMs = countToday(stream.decryptedAtMs, {
      operation: StopStreamEncryption.name,
      max: service.quotas.encryptionChanges,
      stream,
      nowMs,
    })
    return { stream: { ...beginNoEncryption(stream, nowMs), decryptedAtMs } }
  })
  await settle(key, service, context)
})
