import { KinesisError, StartStreamEncryption } from '@millrace/protocol'

import { sinceNowMs } from '../encryption/key-change.ts'
import { beginEncryption, DATA_KEYS_MAX, dataKeysOf, withoutExpiredKeys } from '../streams/encryption.ts'
import type { Stream } from '../streams/stream.ts'
import { countToday } from './daily-count.ts'
import { encryptionIsKms, streamNotFound } from './faults.ts'
import { handle } from './operation.ts'
import { settle } from './settle.ts'
import { assertActive, getStream } from './stream-lookup.ts'

/** Seals what is written from now on with a data key of its own, under the master key that is named. */
export const startStreamEncryption = handle(StartStreamEncryption, async (input, service, context) => {
  const { EncryptionType, KeyId } = input
  const before = getStream(input, StartStreamEncryption.name, service, context)
  if (EncryptionType !== 'KMS') throw encryptionIsKms()
  assertActive(before)
  const master = await service.dataKeys.masterKey(KeyId, before)
  const newestMs = await sinceNowMs(before, service.engine, service.clock.now())
  await service.catalog.change(before, context.deadlineMs, (stream) => {
    if (stream === undefined) throw streamNotFound(before)
    assertActive(stream)
    const nowMs = service.clock.now()
    const encryptedAtMs = countToday(stream.encryptedAtMs, {
      operation: StartStreamEncryption.name,
      max: service.quotas.encryptionChanges,
      stream,
      nowMs,
    })
    const current = withoutExpiredKeys(stream, service.guardedClock.now(stream.retentionHours))
    if (dataKeysOf(current).length >= DATA_KEYS_MAX) throw tooManyKeys(stream)
    const dataKey = service.dataKeys.create(stream, master, Math.max(newestMs, nowMs))
    return { stream: { ...beginEncryption(current, KeyId, dataKey, nowMs), encryptedAtMs } }
  })
  await settle(before, service, context)
})

/** Ours: AWS never lets a data key go. */
function tooManyKeys({ name, account }: Stream): KinesisError {
  return new KinesisError(
    'LimitExceededException',
    `Stream ${name} under account ${account} still holds records under ${DATA_KEYS_MAX} data keys. Keys whose records ` +
      'have expired make room for new ones.',
  )
}
