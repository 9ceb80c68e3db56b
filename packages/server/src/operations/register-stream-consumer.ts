import {
  COMMITTED_STREAM_CONSUMERS_MAX,
  CONSUMERS_CREATING_MAX,
  KinesisError,
  RegisterStreamConsumer,
  STREAM_CONSUMERS_MAX,
} from '@millrace/protocol'

import { registerConsumer } from '../streams/consumer.ts'
import { consumerSummary } from './consumer-description.ts'
import { getConsumer } from './consumer-lookup.ts'
import { streamNotFound } from './faults.ts'
import { handle, type OperationContext, type ServiceParts } from './operation.ts'
import { quotaTurn, totalsOf } from './quotas.ts'
import { assertActive, streamKeyOf } from './stream-lookup.ts'
import { assertNewTags, assertTagCount } from './tags.ts'
import { hasCommitment } from './warm-throughput.ts'

/**
 * Registers a consumer with a stream. The answer says CREATING, as AWS's does, also where there is no status delay and
 * the consumer can subscribe at once.
 */
export const registerStreamConsumer = handle(RegisterStreamConsumer, async (input, service, context) => {
  const key = streamKeyOf({ StreamARN: input.StreamARN }, RegisterStreamConsumer.name, context)
  const { ConsumerName: name, Tags: tags = {} } = input
  const isCommitted = await hasCommitment(service, context)
  const stream = await service.catalog.change(key, context.deadlineMs, (now) => {
    if (now === undefined) throw streamNotFound(key)
    assertActive(now)
    // The texts that follow are ours: AWS's are unknown.
    if (now.consumers.has(name)) {
      throw new KinesisError(
        'ResourceInUseException',
        `Consumer ${name} under stream ${key.name} already exists for account ${key.account}.`,
      )
    }
    const consumersMax =
      service.quotas.consumers ??
      (isCommitted && now.onDemand !== undefined ? COMMITTED_STREAM_CONSUMERS_MAX : STREAM_CONSUMERS_MAX)
    if (now.consumers.size >= consumersMax) {
      throw new KinesisError(
        'LimitExceededException',
        `This request would exceed the limit of consumers registered with stream ${key.name} under account ` +
          `${key.account}. Limit: ${consumersMax}.`,
      )
    }
    assertCreatingQuota(service, context)
    const owner = { kind: 'consumer', name, account: key.account } as const
    assertNewTags(owner, tags)
    assertTagCount(owner, tags)
    const status = service.statusDelayMs === 0 ? 'ACTIVE' : 'CREATING'
    const registered = registerConsumer(now, { name, tags, status, nowMs: service.clock.now() })
    if (status === 'ACTIVE') return { stream: registered }
    return { stream: registered, turns: [quotaTurn('consumers being made', context)] }
  })
  const consumer = getConsumer(stream, { stream: key, name })
  return { Consumer: { ...consumerSummary(key, consumer), ConsumerStatus: 'CREATING' as const } }
})

/** Counted over the account's streams in the region: whose consumers AWS counts is unknown. */
function assertCreatingQuota(service: ServiceParts, context: OperationContext): void {
  const creating = totalsOf(service, context).creatingConsumers
  if (creating < CONSUMERS_CREATING_MAX) return
  throw new KinesisError(
    'LimitExceededException',
    'This request would exceed the limit on the number of consumers that can simultaneously be in CREATING for the ' +
      `account ${context.account}. Limit: ${CONSUMERS_CREATING_MAX}.`,
  )
}
